#include "net/srv_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "net/dns_test_wire.h"

namespace remora::net {
namespace {

using test::encodeName;
using test::u16;

std::string record(uint16_t type, uint32_t ttl, const std::string& data) {
  return "\xC0\x0C" + u16(type) + u16(1) + u16(ttl >> 16) + u16(ttl & 0xffff) + u16(data.size()) + data;
}

std::string srv(uint16_t priority, uint16_t weight, uint16_t port, std::string_view target, uint32_t ttl = 60) {
  return record(33, ttl, u16(priority) + u16(weight) + u16(port) + encodeName(target));
}

std::string message(const std::vector<std::string>& records) {
  std::string out = u16(7) + u16(0x8180) + u16(1) + u16(records.size()) + u16(0) + u16(0);
  out += encodeName("_http._tcp.orders.test") + u16(33) + u16(1);
  for (const std::string& each : records) out += each;
  return out;
}

std::expected<SrvAnswer, std::string> parse(const std::string& bytes) {
  return parseSrvAnswer({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

TEST(SrvAnswer, GivesRecordsSortedAndOnceWithTheSmallestTtl) {
  const auto answer = parse(message({srv(10, 5, 80, "B.test", 90), record(5, 30, encodeName("alias.test")),
                                     srv(0, 7, 81, "a.test"), srv(10, 5, 80, "b.test", 90)}));
  ASSERT_TRUE(answer) << answer.error();
  ASSERT_EQ(answer->records.size(), 2u);
  EXPECT_EQ(answer->records[0], (SrvRecord{0, "a.test", 81, 7}));
  EXPECT_EQ(answer->records[1], (SrvRecord{10, "b.test", 80, 5}));
  EXPECT_EQ(answer->ttl, std::chrono::seconds(30));
}

TEST(SrvAnswer, LeavesOutWhatIsNoHost) {
  const auto answer = parse(message(
      {srv(0, 0, 80, "."), srv(0, 0, 0, "a.test"), srv(0, 0, 80, "a b.test"), srv(0, 0, 80, "good.test", 0x80000001)}));
  ASSERT_TRUE(answer) << answer.error();
  ASSERT_EQ(answer->records.size(), 1u);
  EXPECT_EQ(answer->records[0].target, "good.test");
  EXPECT_EQ(answer->ttl, std::chrono::seconds(0));
  EXPECT_EQ(parse(message({srv(0, 0, 80, "")})).error(),
            "its SRV records name no host: the service isn't offered there");
  EXPECT_EQ(parse(message({})).error(), "the name exists but has no SRV record");
}

TEST(SrvAnswer, HasABound) {
  std::vector<std::string> records;
  for (int i = 0; i < 1000; ++i) records.push_back(srv(0, 1, 80, "n" + std::to_string(i) + ".test"));
  EXPECT_EQ(parse(message(records))->records.size(), kMostSrvRecords);
}

TEST(SrvAnswer, EveryCutIsRefused) {
  const std::string whole = message({srv(0, 1, 80, "a.test"), srv(0, 1, 80, "b.test")});
  ASSERT_TRUE(parse(whole));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_EQ(parse(whole.substr(0, bytes)).error(), "the DNS server's answer is malformed") << bytes;
  }
  // A name that points at itself, and a record whose data is shorter than its name.
  std::string loops = message({record(33, 60, u16(0) + u16(0) + u16(80))});
  const size_t at = loops.size();
  loops += "\xC0" + std::string(1, static_cast<char>(at));
  loops[at - 8] = 0;
  loops[at - 7] = 8;
  EXPECT_FALSE(parse(loops));
  std::string shorter = message({srv(0, 1, 80, "a.test")});
  const size_t length = shorter.size() - 6 - encodeName("a.test").size() - 1;
  --shorter[length];
  EXPECT_FALSE(parse(shorter));
}

}  // namespace
}  // namespace remora::net
