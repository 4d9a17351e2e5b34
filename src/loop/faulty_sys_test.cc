#include "loop/faulty_sys.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace remora::loop {
namespace {

std::vector<Fault> parsed(std::string_view text) {
  std::string problem;
  std::vector<Fault> faults = parseFaults(text, problem);
  EXPECT_EQ(problem, "") << text;
  return faults;
}

TEST(Faults, AreReadFromText) {
  const auto faults = parsed("recv:3:ECONNRESET,send:1+2:short=1");
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].call, "recv");
  EXPECT_EQ(faults[0].first, 3u);
  EXPECT_EQ(faults[0].error, ECONNRESET);
  EXPECT_EQ(faults[1].every, 2u);
  EXPECT_EQ(faults[1].at_most, 1u);
}

TEST(Faults, NonsenseIsSaidSo) {
  for (const std::string_view text :
       {"recv", "recv:x:EIO", "recv:1:NOPE", "mkdir:1:EIO", "send:1:short=x", "recv:0:EIO"}) {
    std::string problem;
    EXPECT_TRUE(parseFaults(text, problem).empty()) << text;
    EXPECT_NE(problem, "") << text;
  }
}

TEST(Faults, StrikeTheCallsTheyAreFor) {
  std::array<int, 2> pair;
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  FaultySys sys(parsed("recv:2:ECONNRESET,send:1+2:short=3"));
  EXPECT_EQ(sys.send(pair[0], "abcdef", 6, 0), 3);
  EXPECT_EQ(sys.send(pair[0], "def", 3, 0), 3);
  EXPECT_EQ(sys.send(pair[0], "ghijk", 5, 0), 3);
  char bytes[64];
  EXPECT_EQ(sys.recv(pair[1], bytes, 4, 0), 4);
  EXPECT_EQ(sys.recv(pair[1], bytes, 64, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(sys.recv(pair[1], bytes, 64, 0), 5);
  EXPECT_EQ(sys.injected(), 3u);
  for (int fd : pair) close(fd);
}

}  // namespace
}  // namespace remora::loop
