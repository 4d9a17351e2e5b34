#include "net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace remora::net {
namespace {

using Kind = model::SocketAddress::Kind;

std::string printed(const Peer& peer) {
  char text[kPeerTextMax];
  return {text, printPeer(peer, text)};
}

std::string printedIp(const Peer& peer) {
  char text[kPeerTextMax];
  return {text, printIp(peer, text)};
}

std::string roundTrip(std::string_view text) {
  const auto peer = parsePeer(text);
  return peer ? printed(*peer) : "refused";
}

TEST(Address, PeersAreReadAndPrinted) {
  EXPECT_EQ(roundTrip("10.0.0.7:41822"), "10.0.0.7:41822");
  EXPECT_EQ(roundTrip("255.255.255.255:65535"), "255.255.255.255:65535");
  EXPECT_EQ(roundTrip("10.0.0.7"), "10.0.0.7:0");
  EXPECT_EQ(roundTrip("[::1]:80"), "[::1]:80");
  EXPECT_EQ(roundTrip("[2001:DB8::0:1]"), "[2001:db8::1]:0");
  EXPECT_EQ(roundTrip("2001:db8::1"), "[2001:db8::1]:0");
  EXPECT_EQ(printedIp(*parsePeer("[2001:db8::1]:443")), "2001:db8::1");
  EXPECT_EQ(printedIp(*parsePeer("10.0.0.7:443")), "10.0.0.7");
  EXPECT_EQ(printed(Peer()), "unix");
  EXPECT_EQ(printedIp(Peer()), "unix");
}

TEST(Address, TheLongestPeerFits) {
  const std::string longest = "[1111:2222:3333:4444:5555:6666:7777:8888]:65535";
  EXPECT_EQ(roundTrip(longest), longest);
}

TEST(Address, WhatIsNoAddressIsRefused) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "[",
                           "[]",
                           "[]:80",
                           "[::1",
                           "[::1]80",
                           "[::1]:",
                           "[::1]:x",
                           "[::1]:65536",
                           "[10.0.0.1]:80",
                           "10.0.0",
                           "10.0.0.1.2",
                           "10.0.0.256",
                           "010.0.0.1",
                           "10.0.0.1:",
                           "10.0.0.1:-1",
                           "10.0.0.1:65536",
                           "10.0.0.1:8 ",
                           " 10.0.0.1",
                           "localhost",
                           "localhost:80",
                           "::g",
                           "1::2::3",
                           "fe80::1%lo",
                           "0x7f.1"}) {
    EXPECT_EQ(roundTrip(text), "refused") << text;
  }
  // A NUL must not hide what follows it.
  EXPECT_EQ(roundTrip(std::string_view("10.0.0.1\0.evil", 14)), "refused");
  EXPECT_EQ(roundTrip(std::string_view("::1\0x", 5)), "refused");
  EXPECT_EQ(roundTrip(std::string(500, '1')), "refused");
}

// A rule on 10.0.0.0/8 must hold however the address is written.
TEST(Address, Ip4InsideIp6IsIp4) {
  EXPECT_EQ(parsePeer("::ffff:10.0.0.7"), parsePeer("10.0.0.7"));
  EXPECT_EQ(roundTrip("[::ffff:a00:7]:80"), "10.0.0.7:80");
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(80);
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:10.0.0.7", &mapped.sin6_addr), 1);
  EXPECT_EQ(printed(peerOf(reinterpret_cast<sockaddr*>(&mapped))), "10.0.0.7:80");
}

TEST(Address, PeersOfSocketAddresses) {
  for (const char* text : {"10.0.0.7:80", "[2001:db8::1]:443"}) {
    const Address address = Address::of(*parsePeer(text));
    EXPECT_EQ(printed(peerOf(address.get())), text);
    EXPECT_EQ(address.text(), text);
  }
  const auto path = Address::of(model::SocketAddress{Kind::kUnix, "/run/app.sock", 0});
  EXPECT_EQ(peerOf(path->get()), Peer());
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(parsePeer("127.0.0.1")->isLoopback());
  EXPECT_TRUE(parsePeer("127.255.0.9")->isLoopback());
  EXPECT_TRUE(parsePeer("::1")->isLoopback());
  EXPECT_TRUE(parsePeer("::ffff:127.0.0.1")->isLoopback());
  EXPECT_TRUE(Peer().isLoopback());
  EXPECT_FALSE(parsePeer("128.0.0.1")->isLoopback());
  EXPECT_FALSE(parsePeer("::")->isLoopback());
  EXPECT_FALSE(parsePeer("::2")->isLoopback());
  EXPECT_FALSE(parsePeer("1::1")->isLoopback());
  EXPECT_TRUE(Address::of(model::SocketAddress{Kind::kUnix, "/run/app.sock", 0})->isLoopback());
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kIp, "0.0.0.0", 80})->isLoopback());
}

TEST(Address, OfTheModelPrintsAsTheModelDoes) {
  for (const model::SocketAddress& from :
       {model::SocketAddress{Kind::kIp, "127.0.0.1", 80}, model::SocketAddress{Kind::kIp, "::1", 65535},
        model::SocketAddress{Kind::kUnix, "/run/app.sock", 0}, model::SocketAddress{Kind::kUnix, "@app", 0}}) {
    const auto address = Address::of(from);
    ASSERT_TRUE(address) << model::toText(from);
    EXPECT_EQ(address->text(), model::toText(from));
    EXPECT_EQ(address->port(), from.port);
    EXPECT_EQ(address->isUnix(), from.kind == Kind::kUnix);
  }
}

TEST(Address, OfTheModelRefusesWhatIsNoSocketAddress) {
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kDns, "localhost", 80}));
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kIp, "localhost", 80}));
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kIp, "", 80}));
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kIp, "10.0.0.1:90", 80}));  // a second port
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kUnix, "", 0}));
  EXPECT_FALSE(Address::of(model::SocketAddress{Kind::kUnix, std::string(108, 'x'), 0}));
  EXPECT_TRUE(Address::of(model::SocketAddress{Kind::kUnix, "/" + std::string(106, 'x'), 0}));
}

TEST(Address, AbstractSocketsHaveNoTrailingNul) {
  const auto address = Address::of(model::SocketAddress{Kind::kUnix, "@app", 0});
  EXPECT_EQ(address->length(), offsetof(sockaddr_un, sun_path) + 4);
}

TEST(Address, ComparesByWhatItSays) {
  const auto a = Address::of(model::SocketAddress{Kind::kIp, "10.0.0.1", 80});
  EXPECT_EQ(*a, Address::of(*parsePeer("10.0.0.1:80")));
  EXPECT_FALSE(*a == Address::of(*parsePeer("10.0.0.1:81")));
  EXPECT_FALSE(*a == Address::of(*parsePeer("[::1]:80")));
  EXPECT_FALSE(*a == Address());
  EXPECT_EQ(Address(), Address());
}

}  // namespace
}  // namespace remora::net
