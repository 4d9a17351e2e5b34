// Where finished access log lines go. Cores fill LogBuffers; a full or due buffer is handed to the LogSink by move, and
// the sink's one writer thread, started with the first of them, does everything that may wait. A slow or failing sink
// costs lines, which are counted, never time on a core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/deadline.h"
#include "model/telemetry.h"
#include "observe/counter.h"

namespace remora::net {

class LogTarget;

// The memory of one buffer on its way to the sink and back.
struct LogChunk {
  std::unique_ptr<char[]> data;
  size_t capacity = 0;
  size_t size = 0;
  uint32_t lines = 0;
};

struct LogTiming {
  Duration retry{1'000'000'000};          // between tries of a failing target
  Duration report_every{10'000'000'000};  // between two reports of failures
};

class LogSink {
 public:
  // All since the start, readable from any thread.
  struct Totals {
    uint64_t lines = 0;  // written
    uint64_t bytes = 0;
    uint64_t lost = 0;    // lines taken over but given up: the reader is gone, or the time to stop was over
    uint64_t errors = 0;  // failed writes
  };
  // Called on the writer thread with a sentence for the process log, at most once in report_every.
  using Report = std::function<void(std::string_view sentence)>;

  // Opens what the configuration names, so that a wrong path is found before anything is served.
  static std::expected<std::unique_ptr<LogSink>, std::string> open(const model::AccessLog& log, Report report,
                                                                   LogTiming timing = {});
  LogSink(std::unique_ptr<LogTarget> target, Bytes queue, Report report, LogTiming timing = {});
  // Does not wait: unless it was stopped, the thread goes on by itself for at most a second, without reports. So the
  // last owner may be a core. Before the process ends call stop(), or those lines are lost.
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // Any thread; never waits for the target. Takes a chunk with lines and gives an empty one of the same capacity. When
  // the queue is full, the lines are dropped and their number is added to `dropped`.
  LogChunk exchange(LogChunk full, uint64_t& dropped);
  // True while chunks wait: then only full buffers are worth handing over.
  bool isBehind() const;
  // Opens a file anew before the next chunk, for log rotation (SIGUSR1). Any thread; does not wait.
  void reopen();
  // Waits until all that was handed over is written, at most `most`. True when it is.
  bool drain(Duration most);
  // Writes what was handed over for at most `most`, then gives up; true when nothing was lost. Chunks that come later
  // are dropped. A second call does nothing.
  bool stop(Duration most);
  Totals totals() const;

 private:
  struct State;

  // Shared with the thread, which a stalled disk may keep beyond the sink's end.
  std::shared_ptr<State> state_;
};

// A core's lines on their way to the sink. Belongs to that core; the sink must outlive it. No allocation once the
// sink's chunks go round.
class LogBuffer {
 public:
  // `capacity` is at least one line (AccessLogFormat::maxLine()).
  LogBuffer(LogSink& sink, Bytes capacity, Duration flush_after, observe::Counter& written, observe::Counter& dropped);
  // Hands over what is left.
  ~LogBuffer();
  LogBuffer(const LogBuffer&) = delete;
  LogBuffer& operator=(const LogBuffer&) = delete;

  // Room for one line of at most `most` bytes; hands the buffer over first when it has less left. Empty when a line of
  // that size never fits.
  std::span<char> reserve(size_t most);
  // Keeps the first `length` bytes of the reserved room as one line that ends in '\n'; 0 keeps nothing.
  void commit(size_t length, Instant now);
  // When flushIfDue wants to be called; never while the buffer is empty, so that an idle core needs no timer.
  Deadline flushBy() const { return flush_by_; }
  // Hands over lines that have waited long enough. While the sink is behind they wait for the buffer to fill.
  void flushIfDue(Instant now);
  // Hands over whatever there is: before the end, or before reopen().
  void flush();

 private:
  LogSink& sink_;
  const size_t capacity_;
  const Duration flush_after_;
  observe::Counter& written_;
  observe::Counter& dropped_;
  LogChunk chunk_;  // without memory until the first line
  Deadline flush_by_ = Deadline::never();
};

}  // namespace remora::net
