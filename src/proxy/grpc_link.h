// One core's connection to Envoy's rate limit service: made with the first question, shared by all, each of which is a
// stream of its own. While it can't be had, questions are answered at once that it is away. Belongs to one core;
// outlives Snapshots that keep the service.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/grpc_rate_limit.h"
#include "observe/limit_answer.h"
#include "proxy/limit_link.h"
#include "upstream/h2_pool.h"

namespace remora::proxy {

class GrpcLink final : public LimitLink {
 public:
  GrpcLink(Core& core, const model::RateLimitService& service);
  ~GrpcLink() override;

  struct Answer {
    observe::LimitResult result = observe::LimitResult::kAway;
    http::grpc::RateLimitAnswer told;
  };
  // Whether the request is allowed, or why that isn't known; never fails, and takes no longer than the service's
  // timeout, or until `until`. `question` has its frame and outlives the call. Destroying the task cancels its stream.
  loop::Task<Answer> ask(std::string_view question, Deadline until);

 private:
  struct Waiting;
  struct Call {
    upstream::H2Connection* connection = nullptr;  // not to be followed before usable() said that it is there
    std::unique_ptr<http::H2Stream> stream;
  };

  loop::Task<Answer> askTwice(std::string_view question, Deadline until);
  loop::Task<Call> open(Deadline until);
  loop::Task<Answer> talk(http::H2Stream& stream, std::string_view question, Deadline until);
  bool mayAsk();
  bool isUsable();
  bool isStalled();
  void noteAsked();
  void failed();
  loop::Task<void> connect();

  upstream::ConnectionQueue no_queue_;  // one connection is all that it ever has
  upstream::H2Pool pool_;
  upstream::H2Connection* connection_ = nullptr;  // made last; it may be gone
  std::string authority_;
  size_t waiting_ = 0;
  // Since when there are questions, and not a frame or an answer; nothing: there are none.
  std::optional<Instant> unheard_since_;
};

}  // namespace remora::proxy
