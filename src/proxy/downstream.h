// What an exchange sees of its client: the stream that its request came on and its answer goes to. An HTTP/1 connection
// is one; of an HTTP/2 connection each stream is one. Belongs to one core.
#pragma once

#include "http/h2_session.h"
#include "net/stream.h"
#include "proxy/connection.h"

namespace remora::proxy {

class Downstream : protected loop::Runnable {
 public:
  Connection& connection() { return connection_; }
  net::Stream& stream() { return stream_; }
  // The same as an HTTP/2 stream; null: HTTP/1.
  http::H2Stream* h2() { return h2_; }

  // The client's stream failed while something else than reading it was going on: ends the exchange from the run queue.
  // With kOk it is only looked again whether the client is still there.
  void cancelSoon(Reason reason) {
    if (cancel_reason_ == Reason::kOk) cancel_reason_ = reason;
    connection_.core().loop().post(*this);
  }

 protected:
  Downstream(Connection& connection, net::Stream& stream, http::H2Stream* h2)
      : connection_(connection), stream_(stream), h2_(h2) {}
  ~Downstream() = default;

  Reason cancel_reason_ = Reason::kOk;  // other than kOk: to be cancelled

 private:
  Connection& connection_;
  net::Stream& stream_;
  http::H2Stream* const h2_;
};

}  // namespace remora::proxy
