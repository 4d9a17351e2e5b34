#include "route/source_range.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <vector>

namespace remora::route {
namespace {

std::vector<uint8_t> bytesOf(const std::string& address) {
  std::vector<uint8_t> bytes(4);
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(16);
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  return {};
}

TEST(SourceRange, Contains) {
  struct Row {
    const char* cidr;
    const char* address;
    bool contains;
  };
  constexpr Row kRows[] = {{"10.0.0.0/8", "10.255.0.1", true},
                           {"10.0.0.0/8", "11.0.0.1", false},
                           {"10.1.2.3", "10.1.2.3", true},
                           {"10.1.2.3", "10.1.2.4", false},
                           {"10.1.2.3/8", "10.9.9.9", true},
                           {"0.0.0.0/0", "1.2.3.4", true},
                           {"0.0.0.0/0", "2001:db8::1", false},
                           {"192.168.128.0/17", "192.168.200.1", true},
                           {"192.168.128.0/17", "192.168.100.1", false},
                           {"10.0.0.4/31", "10.0.0.5", true},
                           {"10.0.0.4/31", "10.0.0.6", false},
                           {"2001:db8::/32", "2001:db8:1::1", true},
                           {"2001:db8::/32", "2001:db9::1", false},
                           {"::/0", "2001:db8::1", true},
                           {"::1", "::1", true},
                           {"::1/128", "::2", false},
                           {"10.0.0.0/8", "::ffff:10.0.0.1", true},
                           {"::ffff:10.0.0.0/104", "10.1.1.1", true},
                           {"::/0", "10.0.0.1", false},
                           {"10.0.0.0/8", "", false},
                           {"0.0.0.0/0", "", false},
                           {"::/0", "", false}};
  for (const Row& row : kRows) {
    const auto range = SourceRange::parse(row.cidr);
    ASSERT_TRUE(range) << row.cidr;
    EXPECT_EQ(range->contains(bytesOf(row.address)), row.contains) << row.cidr << " " << row.address;
  }
}

TEST(SourceRange, RefusesOtherText) {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129",
                           "host", "10.0.0.1:80", "::ffff:10.0.0.0/90", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(SourceRange::parse(text)) << text;
  }
}

TEST(SourceRange, AddressText) {
  EXPECT_EQ(addressText(bytesOf("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(addressText(bytesOf("::ffff:10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(addressText(bytesOf("2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(addressText({}), "a Unix socket");
}

}  // namespace
}  // namespace remora::route
