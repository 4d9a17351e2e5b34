// One core's connection to a Redis that counts: made with the first question, shared by all, which go out one behind
// the other and are answered in that order. While it can't be had, questions are answered at once that it is away.
// Belongs to one core; outlives Snapshots that keep the service.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream.h"
#include "observe/limit_answer.h"
#include "proxy/limit_link.h"
#include "upstream/redis_limit.h"

namespace remora::proxy {

class RedisWait;

class RedisLink final : public LimitLink, loop::Runnable {
 public:
  RedisLink(Core& core, const model::RateLimitService& service, std::string password);
  ~RedisLink() override;

 private:
  friend class RedisWait;
  enum class State : uint8_t { kClosed, kConnecting, kGreeting, kReady };

  void ask(RedisWait& wait);
  void put(RedisWait& wait, upstream::RedisScript script);
  void forget(RedisWait& wait);
  bool mayAsk();
  bool isStalled() const;
  loop::Task<void> connect();
  void begin(std::unique_ptr<net::Stream> stream);
  void run() override;  // bytes came, or the connection takes some again
  void send();
  bool readAnswers(std::string_view bytes, size_t& used);
  bool hear(const upstream::RedisReply& reply);
  void settle(RedisWait& wait, const upstream::RedisReply& reply);
  void close(observe::LimitResult why);
  void failed();
  bool isKept() const;

  upstream::Permits::Permit slot_;  // of the connection; given back once it is closed
  std::unique_ptr<net::Stream> stream_;
  State state_ = State::kClosed;
  Instant heard_at_;              // or when the first of those that wait was asked
  size_t greetings_ = 0;          // answers to what the connection began with that are still to come
  std::string line_;              // the question that is being written
  std::string unsent_;            // what the connection didn't take yet; at most `pending` questions
  std::string partial_;           // of an answer
  std::vector<RedisWait*> ring_;  // who waits, in the order of the questions; null: who went away
  size_t first_ = 0;
  size_t waiting_ = 0;
};

// co_await RedisWait(...): until it is known whether the request is allowed, or why that isn't known; never fails, and
// takes no longer than the service's timeout. Destroying it leaves its answer to nobody.
class RedisWait final : public loop::Wait, private loop::Timer {
 public:
  // What is asked, and where the answer goes; both outlive the wait.
  struct Question {
    std::string_view key;
    const upstream::RedisRate& rate;
    Deadline until = Deadline::never();  // where that is sooner than the timeout
  };
  struct Answer {
    observe::LimitResult result = observe::LimitResult::kAway;
    upstream::RedisVerdict verdict;
  };
  RedisWait(RedisLink& link, const Question& question, Answer& into);
  ~RedisWait();

 private:
  friend class RedisLink;
  static constexpr size_t kNowhere = SIZE_MAX;

  void onTime() override;
  void end(observe::LimitResult result);

  RedisLink& link_;
  const Ref<LimitLink> kept_;
  const Question question_;
  Answer& into_;
  size_t place_ = kNowhere;  // in the ring
  bool sent_whole_ = false;
};

}  // namespace remora::proxy
