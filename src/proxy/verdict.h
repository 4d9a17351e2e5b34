// What an attempt tells of its endpoint and of its service. Outlier detection, the circuit breaker, admission control,
// the adaptive limit and peak_ewma hear of it here: at once where it failed or its head is an error, else when the
// answer has ended, since gRPC says in the trailers how it went, and what broke off in the middle was no answer. An
// answer that runs on for long is good until it turns out otherwise. One an exchange; belongs to its core.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/deadline.h"
#include "base/result.h"
#include "loop/timers.h"
#include "upstream/shared_state.h"

namespace remora::upstream {
class ClusterState;
}

namespace remora::proxy {

class Exchange;

// An answer that runs for so long after its head is good: streams may go on for days, and neither the probe of a
// half-open breaker nor an endpoint that is to return can wait for that.
inline constexpr Duration kRunsWell = std::chrono::seconds(5);
// Nor is it the endpoint's fault that an answer breaks off for which it had to wait for its client for so long in all:
// whoever reads slowly must not make a service look ill that gives up on it.
inline constexpr Duration kSlowReader = std::chrono::seconds(1);
// With no more than this left of a time that the caller set, the service may have given up for that: it was told of it.
inline constexpr Duration kGivesUp = Milliseconds(10);

constexpr bool isGatewayError(uint16_t status) {
  return status >= 502 && status <= 504;
}
// That stands in the head of a gRPC answer, which has nothing else then.
std::optional<uint32_t> grpcStatusOf(const Exchange& exchange);

// The caller chose how much time there is, and that is why it failed: whoever sends requests with too little must not
// make a service look ill to others.
bool isCallersDoing(const Exchange& exchange, const Result<void>& outcome);

class AwaitedVerdict final : private loop::Timer {
 public:
  explicit AwaitedVerdict(Exchange& exchange) : exchange_(exchange) {}

  // The attempt has failed, or has the head of its answer.
  void noteAttempt(const Result<void>& outcome);
  // That was the last one: what the client gets is what admission control goes by.
  void noteLast(const Result<void>& outcome);
  // The answer doesn't end with what is here of it.
  void watch();
  // Nor does the request with what was sent of it: who takes long to send it gives the breaker's probe back.
  void watchUpload();
  // The answer has ended or won't go on: relayed whole, cut for a reason, or of no use (the request is sent again). A
  // second call does nothing.
  void end(const Result<void>& relayed);
  // Nobody wants the rest of it. Then a head that is good is all that is known, and of gRPC it is nothing.
  void abandon();
  void forget();

  // What the answer had to wait for its client, in all.
  Duration waited_for_client{0};

 private:
  enum class State : uint8_t { kNone, kAwaited, kToldGood };

  void onTime() override;
  bool needsStatus() const;
  std::optional<upstream::Verdict> atEnd(const Result<void>& relayed) const;
  bool isEndpointsFault(const Failure& failure) const;
  void tell(upstream::Verdict verdict, Duration took, std::optional<Duration> time);
  void settle(upstream::Verdict verdict);
  upstream::ClusterState& cluster() const;

  Exchange& exchange_;
  Duration took_{0};  // up to the head
  State state_ = State::kNone;
  bool needs_status_ = false;     // of gRPC, in the trailers
  bool tells_admission_ = false;  // it is the answer that the client gets
};

}  // namespace remora::proxy
