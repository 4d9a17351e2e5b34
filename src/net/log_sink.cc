#include "net/log_sink.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/log_target.h"

namespace remora::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Chunks kept for reuse: a couple a core; more would only be memory left over from a stall.
constexpr size_t kMostSpare = 8;
// How long a thread that was told to give up may take to notice before it's left behind in its system call.
constexpr auto kGiveUpWithin = std::chrono::milliseconds(100);
// How long the thread may go on writing what it has once its sink is gone (by a reload).
constexpr auto kAfterTheSink = std::chrono::seconds(1);

// Signals are the main thread's business, and SIGPIPE would end the process.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

// Grouped by who writes: the configuration, anyone under `mutex`, the writer thread alone, and totals.
struct LogSink::State {
  State(std::unique_ptr<LogTarget> target_, Bytes queue_, Report report_, LogTiming timing_)
      : most_queued(queue_.count), timing(timing_), target(std::move(target_)), report(std::move(report_)) {
    wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    check(wake_fd >= 0, "the log sink gets its wake-up descriptor while remora starts or reloads");
  }
  ~State() { ::close(wake_fd); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const uint64_t most_queued;
  const LogTiming timing;
  int wake_fd = -1;

  std::mutex mutex;
  std::condition_variable idle;  // nothing queued or in work; or the thread ended
  std::vector<LogChunk> queue;
  std::vector<LogChunk> spare;
  std::thread thread;
  bool started = false;
  bool ended = false;
  bool stopping = false;
  bool asleep = false;               // the thread must be woken to see a change
  std::atomic<uint64_t> pending{0};  // capacity of all chunks queued or in work; changed under `mutex`
  std::atomic<SteadyClock::rep> give_up_at{SteadyClock::duration::max().count()};
  std::atomic<bool> reopen_wanted{false};

  std::unique_ptr<LogTarget> target;
  SteadyClock::time_point next_report{};
  bool failing = false;  // a failure was reported, and nothing written since

  std::mutex report_mutex;
  Report report;  // emptied when the thread is left behind

  std::atomic<uint64_t> lines{0}, bytes{0}, lost{0}, errors{0};

  void startThread(std::shared_ptr<State> self);
  void wake() const;
  bool wait(const std::function<bool()>& done, Duration most);

  // The writer thread's.
  enum class WakeOn : uint8_t { kRequest, kRoom };  // kRoom: also when the target takes more
  enum class IfItFails : uint8_t { kReport, kTryAgain };
  void run();
  bool hasGivenUp() const { return SteadyClock::now().time_since_epoch().count() >= give_up_at.load(); }
  void writeChunk(const LogChunk& chunk);
  void finish(LogChunk chunk);
  void sleepUntilWoken(Duration most, WakeOn wake_on);
  size_t reopenTarget(std::string_view chunk, size_t offset, IfItFails if_it_fails);
  void reportFailure(std::string_view what, int error);
  void reportRecovery();
};

std::expected<std::unique_ptr<LogSink>, std::string> LogSink::open(const model::AccessLog& log, Report report,
                                                                   LogTiming timing) {
  auto target = openLogTarget(log);
  if (!target) return std::unexpected(std::move(target.error()));
  return std::make_unique<LogSink>(std::move(*target), log.queue, std::move(report), timing);
}

LogSink::LogSink(std::unique_ptr<LogTarget> target, Bytes queue, Report report, LogTiming timing)
    : state_(std::make_shared<State>(std::move(target), queue, std::move(report), timing)) {}

LogSink::~LogSink() {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    if (!std::exchange(state.stopping, true) && state.started) {
      state.give_up_at.store((SteadyClock::now() + kAfterTheSink).time_since_epoch().count());
      state.thread.detach();
      state.wake();
    }
  }
  const std::lock_guard lock(state.report_mutex);
  state.report = nullptr;
}

LogChunk LogSink::exchange(LogChunk full, uint64_t& dropped) {
  State& state = *state_;
  const size_t capacity = full.capacity;
  std::unique_lock lock(state.mutex);
  const uint64_t pending = state.pending.load(std::memory_order_relaxed);
  // An empty queue takes any chunk, or a queue smaller than a buffer would take none.
  if (state.stopping || (pending > 0 && pending + capacity > state.most_queued)) {
    dropped += full.lines;
    full.size = full.lines = 0;
    return full;
  }
  state.startThread(state_);
  state.queue.push_back(std::move(full));
  state.pending.store(pending + capacity, std::memory_order_relaxed);
  const bool asleep = std::exchange(state.asleep, false);
  LogChunk empty;
  const auto fits = std::ranges::find(state.spare, capacity, &LogChunk::capacity);
  if (fits != state.spare.end()) {
    empty = std::move(*fits);
    *fits = std::move(state.spare.back());
    state.spare.pop_back();
  }
  lock.unlock();
  if (asleep) state.wake();
  if (empty.data == nullptr) empty = {std::make_unique_for_overwrite<char[]>(capacity), capacity};
  return empty;
}

bool LogSink::isBehind() const {
  return state_->pending.load(std::memory_order_relaxed) > 0;
}

void LogSink::reopen() {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping) return;
  state_->reopen_wanted.store(true, std::memory_order_relaxed);
  state_->startThread(state_);
  state_->wake();
}

bool LogSink::drain(Duration most) {
  return state_->wait(
      [this] {
        return (state_->pending.load(std::memory_order_relaxed) == 0 && !state_->reopen_wanted.load()) ||
               state_->ended || !state_->started;
      },
      most);
}

bool LogSink::stop(Duration most) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    if (std::exchange(state.stopping, true) || !state.started) return state.lost.load() == 0;
    state.wake();
  }
  const auto has_ended = [&state] { return state.ended; };
  bool in_time = state.wait(has_ended, most);
  if (!in_time) {
    state.give_up_at.store(0);
    state.wake();
    in_time = state.wait(has_ended, kGiveUpWithin);
  }
  if (in_time) {
    state.thread.join();
  } else {
    // Stuck in a system call that nothing ends: it keeps its state alive and touches nothing else.
    state.thread.detach();
    const std::lock_guard lock(state.report_mutex);
    state.report = nullptr;
  }
  return in_time && state.lost.load() == 0;
}

LogSink::Totals LogSink::totals() const {
  return {state_->lines.load(std::memory_order_relaxed), state_->bytes.load(std::memory_order_relaxed),
          state_->lost.load(std::memory_order_relaxed), state_->errors.load(std::memory_order_relaxed)};
}

void LogSink::State::startThread(std::shared_ptr<State> self) {
  if (started) return;
  const AllSignalsBlocked blocked;
  try {
    thread = std::thread([self = std::move(self)] {
      ::pthread_setname_np(::pthread_self(), "remora-log");
      self->run();
    });
    started = true;
  } catch (const std::system_error&) {
    // No thread to be had: lines wait in the queue, then are dropped and counted; the next chunk tries again.
  }
}

void LogSink::State::wake() const {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is woken anyway.
  [[maybe_unused]] const ssize_t ignored = ::write(wake_fd, &one, sizeof one);
}

bool LogSink::State::wait(const std::function<bool()>& done, Duration most) {
  std::unique_lock lock(mutex);
  // Beyond a day wait_for would overflow.
  return idle.wait_for(lock, std::min<Duration>(most, std::chrono::hours(24)), done);
}

void LogSink::State::run() {
  std::vector<LogChunk> work;
  for (;;) {
    if (reopen_wanted.load()) reopenTarget({}, 0, IfItFails::kReport);
    {
      std::unique_lock lock(mutex);
      std::swap(work, queue);
      if (work.empty() && stopping) break;
      asleep = work.empty() && !reopen_wanted.load();
    }
    if (work.empty()) {
      idle.notify_all();
      sleepUntilWoken(Duration::max(), WakeOn::kRequest);
      continue;
    }
    for (LogChunk& chunk : work) {
      writeChunk(chunk);
      finish(std::move(chunk));
    }
    work.clear();
  }
  const std::lock_guard lock(mutex);
  ended = true;
  idle.notify_all();
}

void LogSink::State::writeChunk(const LogChunk& chunk) {
  const std::string_view all(chunk.data.get(), chunk.size);
  size_t offset = 0;
  uint64_t lost_here = 0;
  while (offset < all.size() && !hasGivenUp()) {
    if (reopen_wanted.load(std::memory_order_relaxed)) offset = reopenTarget(all, offset, IfItFails::kReport);
    const LogWritten written = target->write(all.substr(offset));
    offset += written.consumed;
    lost_here += written.lost_lines;
    if (written.error != 0) {
      reportFailure("writing", written.error);
      if (!target->mayRecover(written.error)) break;
      sleepUntilWoken(timing.retry, WakeOn::kRequest);
      offset = reopenTarget(all, offset, IfItFails::kTryAgain);
    } else if (written.consumed == 0) {
      sleepUntilWoken(timing.retry, WakeOn::kRoom);
    } else if (std::exchange(failing, false)) {
      reportRecovery();
    }
  }
  lost_here += static_cast<uint64_t>(std::ranges::count(all.substr(offset), '\n'));
  lost.fetch_add(lost_here, std::memory_order_relaxed);
  lines.fetch_add(chunk.lines - std::min<uint64_t>(lost_here, chunk.lines), std::memory_order_relaxed);
  bytes.fetch_add(offset, std::memory_order_relaxed);
}

void LogSink::State::finish(LogChunk chunk) {
  chunk.size = chunk.lines = 0;
  const std::lock_guard lock(mutex);
  pending.fetch_sub(chunk.capacity, std::memory_order_relaxed);
  if (spare.size() < kMostSpare) spare.push_back(std::move(chunk));
}

// Where to go on in `chunk`: in a new file a line that was half written into the old one begins again.
size_t LogSink::State::reopenTarget(std::string_view chunk, size_t offset, IfItFails if_it_fails) {
  reopen_wanted.store(false);
  int error = 0;
  switch (target->reopen(error)) {
    case Reopened::kSamePlace:
      return offset;
    case Reopened::kNewPlace:
      return offset == 0 ? 0 : chunk.rfind('\n', offset - 1) + 1;
    case Reopened::kFailed:
      break;
  }
  if (if_it_fails == IfItFails::kReport) reportFailure("reopening", error);
  return offset;
}

void LogSink::State::sleepUntilWoken(Duration most, WakeOn wake_on) {
  std::array<pollfd, 2> wanted = {{{wake_fd, POLLIN, 0}, {target->descriptor(), POLLOUT, 0}}};
  const nfds_t count = wake_on == WakeOn::kRoom && target->descriptor() >= 0 ? 2 : 1;
  const int64_t millis = most.count() / 1'000'000;
  ::poll(wanted.data(), count, most == Duration::max() ? -1 : static_cast<int>(std::clamp<int64_t>(millis, 1, 60'000)));
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t ignored = ::read(wake_fd, &wakes, sizeof wakes);
}

void LogSink::State::reportFailure(std::string_view what, int error) {
  errors.fetch_add(1, std::memory_order_relaxed);
  const auto now = SteadyClock::now();
  if (now < next_report) return;
  next_report = now + timing.report_every;
  failing = true;
  std::string sentence(what);
  sentence.append(" the access log (").append(target->name()).append(") failed: ").append(std::strerror(error));
  sentence.append(error == ENOSPC || error == EDQUOT ? "; free some space, lines wait until the queue is full"
                  : error == EPIPE                   ? "; whoever read it is gone"
                                                     : "; it's tried again");
  sentence.append(" (").append(std::to_string(errors.load())).append(" failures so far)");
  const std::lock_guard lock(report_mutex);
  if (report) report(sentence);
}

void LogSink::State::reportRecovery() {
  const std::string sentence = "the access log (" + target->name() + ") takes lines again; " +
                               std::to_string(errors.load()) + " failures so far";
  const std::lock_guard lock(report_mutex);
  if (report) report(sentence);
}

LogBuffer::LogBuffer(LogSink& sink, Bytes capacity, Duration flush_after, observe::Counter& written,
                     observe::Counter& dropped)
    : sink_(sink), capacity_(capacity.count), flush_after_(flush_after), written_(written), dropped_(dropped) {}

LogBuffer::~LogBuffer() {
  flush();
}

std::span<char> LogBuffer::reserve(size_t most) {
  if (most > capacity_) return {};
  if (capacity_ - chunk_.size < most) flush();
  if (chunk_.data == nullptr) chunk_ = {std::make_unique_for_overwrite<char[]>(capacity_), capacity_};
  return {chunk_.data.get() + chunk_.size, capacity_ - chunk_.size};
}

void LogBuffer::commit(size_t length, Instant now) {
  if (length == 0) return;
  check(length <= capacity_ - chunk_.size, "a line is committed within the room that was reserved for it");
  if (chunk_.lines == 0) flush_by_ = Deadline::at(now + flush_after_);
  chunk_.size += length;
  ++chunk_.lines;
}

void LogBuffer::flushIfDue(Instant now) {
  if (!flush_by_.hasPassed(now)) return;
  if (sink_.isBehind()) {
    flush_by_ = Deadline::at(now + flush_after_);
    return;
  }
  flush();
}

void LogBuffer::flush() {
  flush_by_ = Deadline::never();
  if (chunk_.lines == 0) return;
  const uint32_t lines = chunk_.lines;
  uint64_t dropped = 0;
  chunk_ = sink_.exchange(std::move(chunk_), dropped);
  dropped_.add(dropped);
  written_.add(lines - dropped);
}

}  // namespace remora::net
