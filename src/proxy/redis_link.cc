#include "proxy/redis_link.h"

#include <algorithm>
#include <utility>

#include "proxy/core.h"

namespace remora::proxy {

using observe::LimitResult;
using upstream::RedisReply;
using upstream::RedisScript;

RedisLink::RedisLink(Core& core, const model::RateLimitService& service, std::string password)
    : LimitLink(core, service, std::move(password)), ring_(std::max<size_t>(service.pending, 1)) {}

RedisLink::~RedisLink() = default;

void RedisLink::ask(RedisWait& wait) {
  if (isStalled()) failed();
  if (!mayAsk()) return wait.end(LimitResult::kAway);
  if (waiting_ == ring_.size()) return wait.end(LimitResult::kFull);
  put(wait, RedisScript::kByDigest);
}

// Connects where that is due. Nobody waits for a service that is away: what its timeout allows is for one that answers.
bool RedisLink::mayAsk() {
  if (state_ == State::kReady && !isKept()) close(LimitResult::kAway);
  if (state_ == State::kClosed && mayConnect()) {
    state_ = State::kConnecting;
    start(connect());
  }
  return state_ == State::kReady || (state_ != State::kClosed && !isAway());
}

// False once the service's endpoints are others; who waits is answered first.
bool RedisLink::isKept() const {
  return waiting_ > 0 || isAtItsEndpoint();
}

bool RedisLink::isStalled() const {
  const bool is_due = waiting_ > 0 || state_ == State::kGreeting;
  return stream_ && is_due && core().now() - heard_at_ >= service().stall;
}

void RedisLink::put(RedisWait& wait, RedisScript script) {
  if (waiting_ == 0 && state_ == State::kReady) heard_at_ = core().now();
  wait.place_ = (first_ + waiting_++) % ring_.size();
  ring_[wait.place_] = &wait;
  line_.clear();
  upstream::writeRedisQuestion(line_, wait.question_.key, wait.question_.rate, script);
  unsent_ += line_;
  send();
}

void RedisLink::forget(RedisWait& wait) {
  if (wait.place_ == RedisWait::kNowhere) return;
  ring_[std::exchange(wait.place_, RedisWait::kNowhere)] = nullptr;
}

loop::Task<void> RedisLink::connect() {
  upstream::Permits::Permit slot;
  Result<Connected> connected = co_await loop::asResult(dial(tls::Carries::kBytes, slot));
  if (connected) {
    slot_ = std::move(slot);
    begin(std::move(connected->stream));
  } else {
    failed();
  }
  co_return loop::done;
}

void RedisLink::begin(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->setWatcher(this, net::Stream::Watch::kWritable);
  state_ = State::kGreeting;
  heard_at_ = core().now();
  upstream::RedisHello hello = upstream::redisHello(service(), password());
  greetings_ = hello.replies;
  unsent_.insert(0, hello.commands);
  send();
}

void RedisLink::run() {
  if (!stream_) return;
  if (!unsent_.empty()) send();
  const std::span<char> scratch = core().scratch();
  while (stream_) {
    const net::IoResult read = stream_->read(scratch);
    if (read.isBlocked()) return;
    // Between questions a server may close what it takes for unused.
    if (read.bytes == 0) return state_ == State::kReady && waiting_ == 0 ? close(LimitResult::kAway) : failed();
    size_t used = 0;
    bool is_good = false;
    if (partial_.empty()) {
      const std::string_view bytes(scratch.data(), read.bytes);
      is_good = readAnswers(bytes, used);
      if (is_good) partial_ = bytes.substr(used);
    } else {
      partial_.append(scratch.data(), read.bytes);
      is_good = readAnswers(partial_, used);
      partial_.erase(0, used);
    }
    if (!is_good && stream_) failed();
  }
}

void RedisLink::send() {
  if (!stream_ || unsent_.empty()) return;
  const iovec piece{unsent_.data(), unsent_.size()};
  unsent_.erase(0, stream_->write({&piece, 1}).bytes);  // an end is read
}

// False: what came is no answer.
bool RedisLink::readAnswers(std::string_view bytes, size_t& used) {
  while (used < bytes.size()) {
    const RedisReply reply = upstream::readRedisReply(bytes.substr(used));
    if (reply.kind == RedisReply::Kind::kPartial) return true;
    if (reply.kind == RedisReply::Kind::kBroken || !hear(reply)) return false;
    used += reply.used;
  }
  return true;
}

bool RedisLink::hear(const RedisReply& reply) {
  heard_at_ = core().now();
  if (greetings_ > 0) {
    if (reply.kind != RedisReply::Kind::kText) return false;  // a wrong password, or it isn't ready
    if (--greetings_ == 0) {
      state_ = State::kReady;
      noteBack();
    }
    return true;
  }
  if (waiting_ == 0) return false;  // nobody asked
  RedisWait* const wait = std::exchange(ring_[first_], nullptr);
  first_ = (first_ + 1) % ring_.size();
  --waiting_;
  if (wait) settle(*wait, reply);
  // A primary that became a replica; by now the service's name may lead to the new one.
  return !(reply.kind == RedisReply::Kind::kError && reply.text.starts_with("READONLY"));
}

void RedisLink::settle(RedisWait& wait, const RedisReply& reply) {
  wait.place_ = RedisWait::kNowhere;
  const bool is_unknown = reply.kind == RedisReply::Kind::kError && reply.text.starts_with("NOSCRIPT");
  if (is_unknown && !std::exchange(wait.sent_whole_, true)) return put(wait, RedisScript::kWhole);
  const std::optional<upstream::RedisVerdict> verdict = upstream::readRedisVerdict(reply, wait.question_.rate);
  if (!verdict) return wait.end(LimitResult::kFailed);
  wait.into_.verdict = *verdict;
  wait.end(verdict->is_allowed ? LimitResult::kAllowed : LimitResult::kLimited);
}

void RedisLink::failed() {
  noteAway();
  close(LimitResult::kAway);
}

void RedisLink::close(LimitResult why) {
  stream_.reset();
  slot_ = {};
  state_ = State::kClosed;
  greetings_ = 0;
  unsent_.clear();
  partial_.clear();
  for (; waiting_ > 0; --waiting_) {
    RedisWait* const wait = std::exchange(ring_[first_], nullptr);
    first_ = (first_ + 1) % ring_.size();
    if (!wait) continue;
    wait->place_ = RedisWait::kNowhere;
    wait->end(why);
  }
}

RedisWait::RedisWait(RedisLink& link, const Question& question, Answer& into)
    : link_(link), kept_(&link), question_(question), into_(into) {
  into_ = {};
  link.ask(*this);
  if (isDone()) return;
  loop::Loop& loop = link.core().loop();
  loop.timers().arm(*this, Deadline::after(loop.now(), link.service().timeout).sooner(question.until));
}

RedisWait::~RedisWait() {
  link_.forget(*this);
}

void RedisWait::onTime() {
  link_.forget(*this);
  end(LimitResult::kLate);
  if (link_.isStalled()) link_.failed();
}

void RedisWait::end(LimitResult result) {
  into_.result = result;
  finish(link_.core().loop().queue(), {});
}

}  // namespace remora::proxy
