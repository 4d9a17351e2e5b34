#include "observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace remora::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

int64_t test_nanos = 0;

struct Lines {
  std::mutex mutex;
  std::vector<std::string> all;

  LogSeams seams() {
    test_nanos = 1'795'491'734'123'000'000;
    return {[](void* sink, std::string_view line) {
              auto* self = static_cast<Lines*>(sink);
              const std::lock_guard lock(self->mutex);
              self->all.emplace_back(line);
            },
            this, [] { return test_nanos; }};
  }
};

TEST(Log, WritesTextLines) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kText);
  log.info("listener", "accepting on {} with {} cores", "127.0.0.1:80", 2);
  log.debug("listener", "not this one");
  log.error("admin", "plain");
  EXPECT_THAT(lines.all, ElementsAre("2026-11-24T03:42:14.123Z info listener: accepting on 127.0.0.1:80 with 2 cores\n",
                                     "2026-11-24T03:42:14.123Z error admin: plain\n"));
}

TEST(Log, WritesJsonLines) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kJson);
  log.warn("config", "unknown key \"{}\"\n", "listn");
  EXPECT_THAT(lines.all,
              ElementsAre("{\"time\":\"2026-11-24T03:42:14.123Z\",\"level\":\"warning\",\"topic\":\"config\","
                          "\"message\":\"unknown key \\\"listn\\\"\\n\"}\n"));
}

TEST(Log, OneEventIsOneLineWhateverItsText) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kText);
  log.info("a b", "{}", "x\n2026 error fake: \x1b[2J");
  EXPECT_THAT(lines.all, ElementsAre("2026-11-24T03:42:14.123Z info a\\u0020b: x\\n2026 error fake: \\u001b[2J\n"));
  log.info("t", "{} ", std::string(100'000, '\x01'));
  log.setFormat(LogFormat::kJson);
  log.info("t", "{}  ", std::string(100'000, '\x01'));
  EXPECT_LE(lines.all[1].size(), Log::kLongestLine);
  EXPECT_TRUE(nlohmann::json::accept(lines.all[2]));
}

TEST(Log, ChangesItsLevelWhileRunning) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kError, LogFormat::kText);
  log.info("t", "one");
  log.setLevel(LogLevel::kDebug);
  EXPECT_TRUE(log.writes(LogLevel::kDebug));
  log.debug("t", "two");
  ASSERT_EQ(lines.all.size(), 1U);
  EXPECT_THAT(lines.all[0], HasSubstr("debug t: two"));
  EXPECT_EQ(logLevelNamed("warn"), LogLevel::kWarning);
  EXPECT_EQ(logLevelNamed("error"), LogLevel::kError);
  EXPECT_EQ(logLevelNamed("loud"), std::nullopt);
}

TEST(Log, KeepsBackWhatRepeats) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kText);
  const auto fail = [&log](int i) { log.warn("accept", "no descriptor is left ({})", i); };
  for (int i = 0; i < 50; ++i) fail(i);
  ASSERT_EQ(lines.all.size(), Log::kBurst);
  EXPECT_THAT(lines.all[8], EndsWith("(8)\n"));
  EXPECT_THAT(lines.all[9], EndsWith("(9) (further lines like this are suppressed for 10 s)\n"));
  EXPECT_EQ(log.suppressed(), 40U);

  log.warn("accept", "another call site isn't silenced");
  EXPECT_EQ(lines.all.size(), Log::kBurst + 1);

  test_nanos += 9'000'000'000;
  fail(50);
  EXPECT_EQ(lines.all.size(), Log::kBurst + 1);
  test_nanos += 1'000'000'000;
  fail(51);
  fail(52);
  ASSERT_EQ(lines.all.size(), Log::kBurst + 3);
  EXPECT_THAT(lines.all[11], EndsWith("(51) (suppressed 41 more like this before)\n"));
  EXPECT_THAT(lines.all[12], EndsWith("(52)\n"));
}

TEST(Log, AClockSetBackSilencesNothing) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kJson);
  const auto fail = [&log] { log.warn("accept", "no descriptor is left"); };
  for (int i = 0; i < 50; ++i) fail();
  test_nanos -= 3'600'000'000'000;
  fail();
  ASSERT_EQ(lines.all.size(), Log::kBurst + 1);
  EXPECT_THAT(lines.all.back(), HasSubstr(",\"suppressed\":40}"));
  EXPECT_THAT(lines.all[9], HasSubstr(",\"suppressing_seconds\":10}"));
}

TEST(ThreadsLog, AnyThreadMayWrite) {
  Lines lines;
  Log log(lines.seams(), LogLevel::kInfo, LogFormat::kText);
  {
    std::vector<std::jthread> threads;
    for (int id = 0; id < 4; ++id) {
      threads.emplace_back([&log, id] {
        for (int i = 0; i < 500; ++i) {
          log.warn("busy", "the same from {}", id);
          log.setLevel(i % 2 == 0 ? LogLevel::kInfo : LogLevel::kWarning);
        }
      });
    }
  }
  EXPECT_EQ(lines.all.size(), Log::kBurst);
  EXPECT_EQ(log.suppressed(), 2000 - Log::kBurst);
}

}  // namespace
}  // namespace remora::observe
