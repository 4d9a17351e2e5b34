#include "net/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "net/log_target.h"

namespace remora::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

// Long enough that only a hang reaches it.
constexpr auto kPatience = std::chrono::seconds(20);
// No test waits for a retry by the clock: reopen() or a new chunk ends the wait sooner, or it's this short.
constexpr LogTiming kQuick = {std::chrono::milliseconds(1), std::chrono::hours(1)};

class ThreadsLogSink : public ::testing::Test {
 protected:
  ThreadsLogSink() {
    std::string name = std::filesystem::temp_directory_path() / "remora-log-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ThreadsLogSink() override { std::filesystem::remove_all(directory_); }

  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  static std::string contents(const std::string& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  model::AccessLog toFile(std::string_view name) const {
    model::AccessLog log;
    log.sink = model::AccessLog::Sink::kFile;
    log.path = path(name);
    return log;
  }
  LogSink::Report report() {
    return [this](std::string_view sentence) {
      const std::lock_guard lock(mutex_);
      reports_.emplace_back(sentence);
    };
  }
  std::vector<std::string> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }

  observe::Counter written_;
  observe::Counter dropped_;

 private:
  std::string directory_;
  std::mutex mutex_;
  std::vector<std::string> reports_;
};

void addLine(LogBuffer& buffer, std::string_view line, Instant now = {}) {
  const std::span<char> room = buffer.reserve(line.size() + 1);
  ASSERT_GT(room.size(), line.size());
  std::ranges::copy(line, room.begin());
  room[line.size()] = '\n';
  buffer.commit(line.size() + 1, now);
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};

  Pipe() {
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  }
  ~Pipe() {
    closeReader();
    ::close(ends[1]);
  }
  void closeReader() {
    if (ends[0] >= 0) ::close(std::exchange(ends[0], -1));
  }
  std::string readSome() const {
    std::array<char, 8192> piece;
    const ssize_t got = ::read(ends[0], piece.data(), piece.size());
    return {piece.data(), got > 0 ? static_cast<size_t>(got) : 0};
  }
};

TEST_F(ThreadsLogSink, WritesLinesToAFile) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  EXPECT_EQ(contents(path("log")), "");
  LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "one");
  addLine(buffer, "two");
  EXPECT_EQ(written_.value(), 0U);
  buffer.flush();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_EQ(contents(path("log")), "one\ntwo\n");
  EXPECT_EQ(written_.value(), 2U);
  EXPECT_EQ(sink->totals().lines, 2U);
  EXPECT_EQ(sink->totals().bytes, 8U);
}

TEST_F(ThreadsLogSink, AFileThatCannotBeOpenedIsFoundAtOnce) {
  EXPECT_THAT(LogSink::open(toFile("missing/log"), report()).error(),
              MatchesRegex("the access log .*/missing/log can't be opened: No such file or directory; does its "
                           "directory exist, and may this user write there\\?"));
  model::AccessLog udp;
  udp.sink = model::AccessLog::Sink::kSyslogUdp;
  udp.address = {model::SocketAddress::Kind::kDns, "logs.example", 514};
  EXPECT_THAT(LogSink::open(udp, report()).error(), HasSubstr("needs an IP address"));
}

TEST_F(ThreadsLogSink, ABufferIsHandedOverWhenFullOrDue) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  LogBuffer buffer(*sink, 16_B, std::chrono::seconds(1), written_, dropped_);
  EXPECT_TRUE(buffer.reserve(17).empty());
  EXPECT_TRUE(buffer.flushBy().isNever());
  addLine(buffer, "0123456789", Instant{5});
  EXPECT_EQ(buffer.flushBy(), Deadline::at(Instant{1'000'000'005}));
  addLine(buffer, "abcd", Instant{6});
  EXPECT_EQ(written_.value(), 0U);
  addLine(buffer, "efgh", Instant{7});
  EXPECT_EQ(written_.value(), 2U) << "the third line did not fit";
  EXPECT_TRUE(sink->drain(kPatience));
  buffer.flushIfDue(Instant{1'000'000'006});
  EXPECT_EQ(written_.value(), 2U);
  buffer.flushIfDue(Instant{1'000'000'007});
  EXPECT_EQ(written_.value(), 3U);
  EXPECT_TRUE(buffer.flushBy().isNever());
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_EQ(contents(path("log")), "0123456789\nabcd\nefgh\n");
}

TEST_F(ThreadsLogSink, ABufferHandsOverItsRestWhenItEnds) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  {
    addLine(*std::make_unique<LogBuffer>(*sink, 64_B, std::chrono::seconds(1), written_, dropped_), "last");
  }
  EXPECT_TRUE(sink->stop(kPatience));
  EXPECT_EQ(contents(path("log")), "last\n");
}

TEST_F(ThreadsLogSink, ReopensAFileThatWasRenamed) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "before");
  buffer.flush();
  EXPECT_TRUE(sink->drain(kPatience));
  std::filesystem::rename(path("log"), path("log.1"));
  sink->reopen();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_TRUE(std::filesystem::exists(path("log"))) << "also without a new line";
  addLine(buffer, "after");
  buffer.flush();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_EQ(contents(path("log.1")), "before\n");
  EXPECT_EQ(contents(path("log")), "after\n");
}

TEST_F(ThreadsLogSink, GoesOnWithTheOldFileWhenReopeningFails) {
  std::filesystem::create_directory(path("d"));
  auto sink = LogSink::open(toFile("d/log"), report()).value();
  LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  std::filesystem::rename(path("d"), path("e"));
  sink->reopen();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_THAT(reports(), ElementsAre(MatchesRegex("reopening the access log .*No such file or directory.*")));
  addLine(buffer, "kept");
  buffer.flush();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_EQ(contents(path("e/log")), "kept\n");
}

TEST_F(ThreadsLogSink, AFullPipeCostsLinesAndNeverTime) {
  Pipe pipe;
  LogSink sink(descriptorTarget(pipe.ends[1]), 8_KiB, report(), kQuick);
  constexpr size_t kLines = 2'000;
  {
    LogBuffer buffer(sink, 1_KiB, std::chrono::seconds(1), written_, dropped_);
    const std::string line(99, 'x');
    for (size_t i = 0; i < kLines; ++i) addLine(buffer, line);  // nobody reads, and this ends
  }
  EXPECT_GT(dropped_.value(), 0U);
  EXPECT_GT(written_.value(), 0U);
  EXPECT_EQ(written_.value() + dropped_.value(), kLines);
  EXPECT_TRUE(sink.isBehind());

  std::string all;
  while (all.size() < written_.value() * 100) all += pipe.readSome();
  EXPECT_TRUE(sink.drain(kPatience));
  EXPECT_EQ(sink.totals().lines, written_.value());
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) ASSERT_THAT(line, SizeIs(99));
}

TEST_F(ThreadsLogSink, DueLinesWaitWhileTheSinkIsBehind) {
  Pipe pipe;
  LogSink sink(descriptorTarget(pipe.ends[1]), 1_MiB, report(), kQuick);
  LogBuffer buffer(sink, 8_KiB, std::chrono::seconds(1), written_, dropped_);
  for (int i = 0; i < 100; ++i) addLine(buffer, std::string(99, 'x'));
  ASSERT_TRUE(sink.isBehind()) << "the pipe holds less than a buffer";
  const uint64_t before = written_.value();
  buffer.flushIfDue(Instant{2'000'000'000});
  EXPECT_EQ(written_.value(), before);
  EXPECT_EQ(buffer.flushBy(), Deadline::at(Instant{3'000'000'000}));
  EXPECT_FALSE(sink.stop(Duration(0))) << "nobody reads";
}

TEST_F(ThreadsLogSink, StoppingGivesUpAtItsDeadline) {
  Pipe pipe;
  LogSink sink(descriptorTarget(pipe.ends[1]), 1_MiB, report());
  {
    LogBuffer buffer(sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
    for (int i = 0; i < 100; ++i) addLine(buffer, std::string(99, 'x'));
  }
  EXPECT_FALSE(sink.stop(std::chrono::milliseconds(1)));
  const LogSink::Totals totals = sink.totals();
  EXPECT_GT(totals.lost, 0U);
  EXPECT_EQ(totals.lines + totals.lost, 100U);

  LogBuffer late(sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(late, "too late");
  late.flush();
  EXPECT_EQ(dropped_.value(), 1U);
}

TEST_F(ThreadsLogSink, AReaderThatIsGoneLosesLinesAndIsReportedOnce) {
  Pipe pipe;
  pipe.closeReader();
  LogSink sink(descriptorTarget(pipe.ends[1]), 1_MiB, report(), kQuick);
  LogBuffer buffer(sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  for (int i = 0; i < 3; ++i) {
    addLine(buffer, "gone");
    buffer.flush();
    EXPECT_TRUE(sink.drain(kPatience));
  }
  EXPECT_EQ(sink.totals().lost, 3U);
  EXPECT_EQ(sink.totals().errors, 3U);
  EXPECT_THAT(reports(), ElementsAre(MatchesRegex("writing the access log .descriptor [0-9]+. failed: Broken pipe; "
                                                  "whoever read it is gone .1 failures so far.")));
}

TEST_F(ThreadsLogSink, AFullDiskIsTriedAgainUntilTimeIsUp) {
  model::AccessLog log = toFile("");
  log.path = "/dev/full";
  auto sink = LogSink::open(log, report(), kQuick).value();
  LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "kept");
  buffer.flush();
  while (sink->totals().errors < 5) std::this_thread::yield();
  EXPECT_EQ(sink->totals().lost, 0U);
  EXPECT_FALSE(sink->stop(std::chrono::milliseconds(1)));
  EXPECT_EQ(sink->totals().lost, 1U);
  EXPECT_THAT(reports(), ElementsAre(HasSubstr("No space left on device; free some space")));
}

// Takes a few bytes at a time and fails as told: what a disk that fills up and empties again does.
class FlakyTarget final : public LogTarget {
 public:
  struct Script {
    std::mutex mutex;
    std::string written;
    int failures = 0;
    Reopened reopened = Reopened::kSamePlace;
  };
  explicit FlakyTarget(Script& script) : script_(script) {}
  LogWritten write(std::string_view lines) override {
    const std::lock_guard lock(script_.mutex);
    if (script_.written.size() >= 7 && script_.failures > 0) {
      --script_.failures;
      return {0, 0, ENOSPC};
    }
    const size_t some = std::min<size_t>(lines.size(), 7);
    script_.written.append(lines.substr(0, some));
    return {some};
  }
  int descriptor() const override { return -1; }
  Reopened reopen(int&) override { return script_.reopened; }
  bool mayRecover(int) const override { return true; }
  std::string name() const override { return "flaky"; }

 private:
  Script& script_;
};

TEST_F(ThreadsLogSink, GoesOnInTheMiddleOfALineAfterAFailure) {
  FlakyTarget::Script script;
  script.failures = 3;
  LogSink sink(std::make_unique<FlakyTarget>(script), 1_MiB, report(), kQuick);
  LogBuffer buffer(sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "first");
  addLine(buffer, "second");
  buffer.flush();
  EXPECT_TRUE(sink.drain(kPatience));
  EXPECT_EQ(script.written, "first\nsecond\n");
  EXPECT_THAT(reports(), ElementsAre(HasSubstr("failed: No space"), HasSubstr("takes lines again; 3 failures")));
  EXPECT_EQ(sink.totals().lines, 2U);
}

TEST_F(ThreadsLogSink, BeginsALineAgainInANewFile) {
  FlakyTarget::Script script;
  script.failures = 1;
  script.reopened = Reopened::kNewPlace;
  LogSink sink(std::make_unique<FlakyTarget>(script), 1_MiB, report(), kQuick);
  LogBuffer buffer(sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "first");
  addLine(buffer, "second");
  buffer.flush();
  EXPECT_TRUE(sink.drain(kPatience));
  EXPECT_EQ(script.written, "first\nssecond\n") << "the new file begins with a whole line";
}

TEST_F(ThreadsLogSink, SendsSyslogDatagramsOverAUnixSocket) {
  const int daemon = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{AF_UNIX, {}};
  path("syslog").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(daemon, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  model::AccessLog log;
  log.sink = model::AccessLog::Sink::kSyslogUnix;
  log.path = path("syslog");
  auto sink = LogSink::open(log, report(), kQuick).value();
  {
    LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
    addLine(buffer, "{\"status\":200}");
    addLine(buffer, "{\"status\":404}");
  }
  const std::string frame = "<134>1 20..-..-..T..:..:..\\....Z [^ ]+ remora [0-9]+ access - ";
  for (const std::string line : {".\"status\":200.", ".\"status\":404."}) {
    std::array<char, 1024> datagram;
    const ssize_t size = ::recv(daemon, datagram.data(), datagram.size(), 0);
    ASSERT_GT(size, 0);
    EXPECT_THAT(std::string(datagram.data(), static_cast<size_t>(size)), MatchesRegex(frame + line));
  }
  EXPECT_TRUE(sink->stop(kPatience));
  ::close(daemon);
}

TEST_F(ThreadsLogSink, FindsARestartedSyslogDaemon) {
  model::AccessLog log;
  log.sink = model::AccessLog::Sink::kSyslogUnix;
  log.path = path("syslog");
  auto sink = LogSink::open(log, report(), kQuick).value();
  LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
  addLine(buffer, "early");
  buffer.flush();
  while (sink->totals().errors == 0) std::this_thread::yield();
  sockaddr_un address{AF_UNIX, {}};
  log.path.copy(address.sun_path, sizeof address.sun_path - 1);
  std::array<char, 1024> datagram;
  for (const std::string expected : {"early", "later"}) {
    const int daemon = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(daemon, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const ssize_t size = ::recv(daemon, datagram.data(), datagram.size(), 0);
    ASSERT_GT(size, 0);
    EXPECT_THAT(std::string(datagram.data(), static_cast<size_t>(size)), ::testing::EndsWith(expected));
    EXPECT_TRUE(sink->drain(kPatience));
    ::close(daemon);
    std::filesystem::remove(log.path);
    if (expected == "early") {
      addLine(buffer, "later");
      buffer.flush();
    }
  }
}

TEST_F(ThreadsLogSink, SendsSyslogDatagramsOverUdp) {
  const int daemon = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(daemon, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(daemon, reinterpret_cast<sockaddr*>(&address), &length), 0);
  model::AccessLog log;
  log.sink = model::AccessLog::Sink::kSyslogUdp;
  log.address = {model::SocketAddress::Kind::kIp, "127.0.0.1", ntohs(address.sin_port)};
  auto sink = LogSink::open(log, report(), kQuick).value();
  {
    LogBuffer buffer(*sink, 64_KiB, std::chrono::seconds(1), written_, dropped_);
    addLine(buffer, "hello");
  }
  std::array<char, 1024> datagram;
  const ssize_t size = ::recv(daemon, datagram.data(), datagram.size(), 0);
  EXPECT_THAT(std::string(datagram.data(), static_cast<size_t>(size)), MatchesRegex("<134>1 .* access - hello"));
  EXPECT_TRUE(sink->stop(kPatience));
  ::close(daemon);
}

TEST_F(ThreadsLogSink, ManyCoresShareASink) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  constexpr size_t kCores = 4;
  constexpr size_t kLines = 5'000;
  std::array<observe::Counter, kCores> written, dropped;
  {
    std::vector<std::jthread> cores;
    for (size_t core = 0; core < kCores; ++core) {
      cores.emplace_back([&, core] {
        LogBuffer buffer(*sink, 4_KiB, std::chrono::seconds(1), written[core], dropped[core]);
        const std::string line(50, static_cast<char>('a' + core));
        for (size_t i = 0; i < kLines; ++i) {
          addLine(buffer, line);
          if (i % 1000 == 0) sink->reopen();
        }
      });
    }
  }
  EXPECT_TRUE(sink->stop(kPatience));
  uint64_t kept = 0;
  for (size_t core = 0; core < kCores; ++core) {
    EXPECT_EQ(written[core].value() + dropped[core].value(), kLines);
    kept += written[core].value();
  }
  EXPECT_EQ(contents(path("log")).size(), kept * 51);
  EXPECT_EQ(sink->totals().lines, kept);
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(ThreadsLogSink, EndsWithoutWaitingAndStillWritesWhatItHas) {
  Pipe pipe;
  {
    LogSink sink(descriptorTarget(pipe.ends[1]), 1_MiB, report(), kQuick);
    LogBuffer buffer(sink, 16_KiB, std::chrono::seconds(1), written_, dropped_);
    for (int i = 0; i < 100; ++i) addLine(buffer, std::string(99, 'x'));
  }
  std::string all;
  while (all.size() < 10'000) all += pipe.readSome();
  EXPECT_THAT(all, SizeIs(10'000));
}

TEST_F(ThreadsLogSink, ASinkWithoutLinesHasNoThread) {
  auto sink = LogSink::open(toFile("log"), report()).value();
  EXPECT_TRUE(sink->drain(kPatience));
  EXPECT_TRUE(sink->stop(kPatience));
  EXPECT_TRUE(sink->stop(kPatience));
}

}  // namespace
}  // namespace remora::net
