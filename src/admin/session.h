// HTTP/1.1 with one client of the admin side: strict heads by the same parser as the data path, small bounds, one
// request after the other. Owned by Server; belongs to the admin loop. Destroying it cancels whatever it waits for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "admin/gate.h"
#include "admin/page.h"
#include "http/h1_parser.h"
#include "http/validate.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "net/stream.h"

namespace remora::admin {

// Bounds on what a client of the admin side controls; it is for tools, not for traffic.
struct SessionLimits {
  size_t head_bytes = 16 << 10;
  size_t body_bytes = 64 << 10;                // of a POST; other methods have none
  Duration header = std::chrono::seconds(10);  // for a head, and from accept to the first one
  Duration body = std::chrono::seconds(10);    // for a whole body
  Duration idle = std::chrono::seconds(60);    // between two requests
  Duration write_stall = std::chrono::seconds(10);
};

// Who makes the pages.
class Answerer {
 public:
  virtual loop::Task<Page> answer(PageRequest request) = 0;

 protected:
  ~Answerer() = default;
};

class Session final : loop::TaskOwner {
 public:
  // `on_end` is posted once the session is over; then the owner destroys it. All references outlive the session.
  Session(loop::Loop& loop, Answerer& answerer, std::unique_ptr<net::Stream> stream, Guard guard,
          loop::Runnable& on_end, SessionLimits limits = {});
  void start() { serving_.start(*this); }

  bool isEnded() const { return serving_.isEnded(); }
  // Without a request, and since when.
  bool isIdle() const { return is_idle_; }
  Instant idleSince() const { return idle_since_; }
  // Ends an idle session, to make room.
  void closeIdle() {
    is_idle_ = false;
    stream_->interruptRead(Failure{Reason::kOverloaded});
  }

 private:
  void onTaskEnd() override { loop_.post(on_end_); }
  loop::Task<void> serve();
  loop::Task<size_t> readHead();
  net::IoResult readSome();
  loop::Task<std::optional<std::string>> readBody(const http::Request& request);
  loop::Task<Page> pageFor(const http::Request& request);
  loop::Task<Page> failedPage(Failure failure);
  loop::Task<void> send(const Page& page, const http::Request* request);
  loop::Task<void> sendAll(std::string head, std::string_view body);
  loop::Task<void> linger();

  loop::Loop& loop_;
  Answerer& answerer_;
  std::unique_ptr<net::Stream> stream_;
  const Guard guard_;
  loop::Runnable& on_end_;
  const SessionLimits limits_;
  http::H1RequestParser parser_;
  std::string buffer_;   // a head, and what came behind it
  size_t next_at_ = 0;   // in buffer_: first byte of the next request
  std::string surplus_;  // what was read past a body
  std::string storage_;  // of the Request
  bool has_served_ = false;
  bool is_idle_ = false;
  bool closes_ = false;  // after this answer
  Instant idle_since_;
  loop::Task<void> serving_;  // last: it uses everything above
};

}  // namespace remora::admin
