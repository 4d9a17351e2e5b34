// An application that speaks HTTP/2, at the other end of a connection of remora's. Only for tests.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "http/h2_session.h"
#include "proxy/pipe_end.h"

namespace remora::proxy::test {

class H2App final : public http::H2Session::Owner {
 public:
  explicit H2App(PipeEnd& end, const http::H2Bounds& bounds = {})
      : scratch_(64 << 10, '\0'), session_(http::H2Session::Role::kServer, end, scratch_, bounds, *this) {
    session_.start();
  }
  http::H2Session& session() { return session_; }
  // With a head alone, which ends the stream.
  void answer(size_t request, std::string_view status = "200") {
    const std::array<http::HeadField, 1> fields{{{":status", status}}};
    check(requests[request]->sendHead(fields, http::End::kLast).has_value(), "the stream takes an answer");
    requests[request].reset();
  }
  std::vector<std::unique_ptr<http::H2Stream>> requests;

 private:
  void onRequest(std::unique_ptr<http::H2Stream> stream) override { requests.push_back(std::move(stream)); }
  void onSessionChange() override {}
  std::string scratch_;
  http::H2Session session_;
};

}  // namespace remora::proxy::test
