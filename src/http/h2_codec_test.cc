// The rules of frames, streams' states and windows (RFC 9113 sections 3.4 to 6), by hand against both roles.
#include <gtest/gtest.h>

#include "http/h2_test_peers.h"

namespace remora::http {
namespace {

using std::string_literals::operator""s;
using frames::frame;
using frames::kEndHeaders;
using frames::kEndStream;
using frames::kPadded;

constexpr uint8_t kHasPriority = 0x20;

struct Fault {
  const char* what;
  std::string bytes;
  H2Error error;
  bool of_stream = false;  // RST_STREAM instead of GOAWAY
};

std::string zeros(size_t count) {
  return std::string(count, '\0');
}

// Stream 1 is open both ways.
std::vector<Fault> faultsOfBoth() {
  const std::string request = frames::Hpack().block({{"x", "y"}});
  return {
      {"a frame above the size", frame(H2Frame::kPing, 0, 0, zeros(16'385)), H2Error::kFrameSize},
      {"DATA on no stream", frames::data(0, "x"), H2Error::kProtocol},
      {"DATA on an idle stream", frames::data(101, "x"), H2Error::kProtocol},
      {"DATA of padding alone", frame(H2Frame::kData, kPadded, 1, "\x05x"), H2Error::kProtocol},
      {"padding without its length", frame(H2Frame::kData, kPadded, 1), H2Error::kFrameSize},
      {"HEADERS on no stream", frame(H2Frame::kHeaders, kEndHeaders, 0, request), H2Error::kProtocol},
      {"HEADERS of padding alone", frame(H2Frame::kHeaders, kEndHeaders | kPadded, 1, "\x05x"), H2Error::kProtocol},
      {"a priority that is cut", frame(H2Frame::kHeaders, kEndHeaders | kHasPriority, 1, "abc"), H2Error::kFrameSize},
      {"a block that can't be read", frame(H2Frame::kHeaders, kEndHeaders, 1, "\x80"), H2Error::kCompression},
      {"a block that ends in a field", frame(H2Frame::kHeaders, kEndHeaders, 1, "\x40"), H2Error::kCompression},
      {"CONTINUATION of nothing", frame(H2Frame::kContinuation, kEndHeaders, 1), H2Error::kProtocol},
      {"a block that another frame breaks", frame(H2Frame::kHeaders, 0, 1) + frames::ping(), H2Error::kProtocol},
      {"a block that another stream goes on with",
       frame(H2Frame::kHeaders, 0, 1) + frame(H2Frame::kContinuation, kEndHeaders, 3), H2Error::kProtocol},
      {"a block that an unknown frame breaks", frame(H2Frame::kHeaders, 0, 1) + frame(static_cast<H2Frame>(0x42), 0, 1),
       H2Error::kProtocol},
      {"PRIORITY on no stream", frames::priority(0, 1), H2Error::kProtocol},
      {"PRIORITY of another length", frame(H2Frame::kPriority, 0, 1, "abcd"), H2Error::kFrameSize},
      {"a stream that depends on itself", frames::priority(1, 1), H2Error::kProtocol},
      {"RST_STREAM on no stream", frames::reset(0), H2Error::kProtocol},
      {"RST_STREAM on an idle stream", frames::reset(101), H2Error::kProtocol},
      {"RST_STREAM of another length", frame(H2Frame::kReset, 0, 1, "abc"), H2Error::kFrameSize},
      {"SETTINGS on a stream", frame(H2Frame::kSettings, 0, 1), H2Error::kProtocol},
      {"SETTINGS of another length", frame(H2Frame::kSettings, 0, 0, "abc"), H2Error::kFrameSize},
      {"an answer to SETTINGS with more in it", frame(H2Frame::kSettings, frames::kAck, 0, zeros(6)),
       H2Error::kFrameSize},
      {"an answer to SETTINGS that nobody asked for", frames::settingsAck(), H2Error::kProtocol},
      {"a push that is neither on nor off", frames::setting(2, 2), H2Error::kProtocol},
      {"a window above the most", frames::setting(4, 0x80000000U), H2Error::kFlowControl},
      {"a window that makes one of a stream too large", frames::windowUpdate(1, 1) + frames::setting(4, 0x7fffffff),
       H2Error::kFlowControl},
      {"frames below the least", frames::setting(5, 16'383), H2Error::kProtocol},
      {"frames above the most", frames::setting(5, 1U << 24), H2Error::kProtocol},
      {"CONNECT that is neither on nor off", frames::setting(8, 2), H2Error::kProtocol},
      {"CONNECT taken back", frames::setting(8, 1) + frames::setting(8, 0), H2Error::kProtocol},
      {"PUSH_PROMISE", frame(H2Frame::kPushPromise, kEndHeaders, 1, zeros(4)), H2Error::kProtocol},
      {"PING on a stream", frame(H2Frame::kPing, 0, 1, zeros(8)), H2Error::kProtocol},
      {"PING of another length", frame(H2Frame::kPing, 0, 0, zeros(7)), H2Error::kFrameSize},
      {"GOAWAY on a stream", frame(H2Frame::kGoAway, 0, 1, zeros(8)), H2Error::kProtocol},
      {"GOAWAY of another length", frame(H2Frame::kGoAway, 0, 0, zeros(7)), H2Error::kFrameSize},
      {"GOAWAY that takes more than the last", frames::goAway(1) + frames::goAway(3), H2Error::kProtocol},
      {"WINDOW_UPDATE of another length", frame(H2Frame::kWindowUpdate, 0, 0, "abc"), H2Error::kFrameSize},
      {"WINDOW_UPDATE on an idle stream", frames::windowUpdate(101, 1), H2Error::kProtocol},
      {"WINDOW_UPDATE by nothing", frames::windowUpdate(0, 0), H2Error::kProtocol},
      {"WINDOW_UPDATE above the most", frames::windowUpdate(0, 0x7fffffff), H2Error::kFlowControl},
      {"WINDOW_UPDATE by nothing, of a stream", frames::windowUpdate(1, 0), H2Error::kProtocol, true},
      {"WINDOW_UPDATE above the most, of a stream", frames::windowUpdate(1, 0x7fffffff), H2Error::kFlowControl, true},
      {"HEADERS that depend on themselves",
       frame(H2Frame::kHeaders, kEndHeaders | kHasPriority, 1, frames::number(1) + "\x10" + request),
       H2Error::kProtocol, true},
      {"more on a stream that was reset by the peer", frames::reset(1) + frames::data(1, "x"), H2Error::kStreamClosed},
  };
}

std::vector<Fault> faultsOfClients() {
  const std::string get = frames::Hpack().block(kRawGet);
  return {
      {"a stream of the server's", frame(H2Frame::kHeaders, kEndHeaders, 2, get), H2Error::kProtocol},
      {"trailers that don't end the stream", frame(H2Frame::kHeaders, kEndHeaders, 1), H2Error::kProtocol, true},
      {"DATA behind the end", frames::data(1, "", kEndStream) + frames::data(1, "x"), H2Error::kStreamClosed},
      {"HEADERS behind the end", frames::data(1, "", kEndStream) + frame(H2Frame::kHeaders, kEndHeaders, 1, get),
       H2Error::kStreamClosed},
      {"a stream below the last one",
       frame(H2Frame::kHeaders, kEndHeaders, 5, get) + frame(H2Frame::kHeaders, kEndHeaders, 3, get),
       H2Error::kStreamClosed},
  };
}

std::vector<Fault> faultsOfServers() {
  return {
      {"a push that is allowed", frames::setting(2, 1), H2Error::kProtocol},
      {"a stream that nobody asked for", frame(H2Frame::kHeaders, kEndHeaders, 3), H2Error::kProtocol},
      {"a stream of its own", frame(H2Frame::kHeaders, kEndHeaders, 2), H2Error::kProtocol},
      {"a body before the head", frames::data(1, "x"), H2Error::kProtocol, true},
  };
}

void expectFaults(H2Session::Role role, const std::vector<Fault>& faults) {
  // As it comes, and in pieces of every kind of length.
  for (const size_t piece : {size_t{100'000}, size_t{1}, size_t{7}}) {
    for (const Fault& fault : faults) {
      H2Raw raw(role);
      if (role == kServerRole) raw.say(raw.hpack.head(1, kRawPost, 0));
      raw.heard();
      std::string_view rest = fault.bytes;
      while (!rest.empty() && !raw.session->isEnded()) {
        raw.say(rest.substr(0, piece));
        rest.remove_prefix(std::min(piece, rest.size()));
      }
      int64_t reset = -1;
      int64_t goaway = -1;
      for (const frames::Seen& seen : raw.heard()) {
        if (seen.type == H2Frame::kReset) reset = seen.number(0);
        if (seen.type == H2Frame::kGoAway) goaway = seen.number(4);
      }
      const auto error = static_cast<int64_t>(fault.error);
      EXPECT_EQ(fault.of_stream ? reset : goaway, error) << fault.what << " in pieces of " << piece;
      EXPECT_EQ(raw.session->isEnded(), !fault.of_stream) << fault.what;
      EXPECT_GT(raw.session->counts().glitches, 0u) << fault.what;
    }
  }
}

TEST(H2Codec, FaultsOfAClientEndTheSessionOrTheStream) {
  expectFaults(kServerRole, faultsOfBoth());
  expectFaults(kServerRole, faultsOfClients());
}

TEST(H2Codec, FaultsOfAServerEndTheSessionOrTheStream) {
  expectFaults(kClientRole, faultsOfBoth());
  expectFaults(kClientRole, faultsOfServers());
}

TEST(H2Codec, BeginsWithSettingsAndNothingElse) {
  for (const std::string& first : {frames::ping(), frames::settingsAck(), std::string("GET / HTTP/1.1\r\n\r\n")}) {
    loop::TestLoop loop;
    auto [near, far] = net::MemoryStream::pair(loop);
    std::array<char, 4096> scratch;
    H2TestOwner owner;
    H2Session session(kServerRole, *near, scratch, {}, owner);
    session.start(first.starts_with("GET") ? "" : frames::kPreface);
    far->put(first);
    loop.settle();
    EXPECT_EQ(session.endReason(), H2End::kBadPeer);
  }
}

TEST(H2Codec, WhatIsNoFaultIsPassedOver) {
  H2Raw raw(kServerRole);
  raw.say(raw.hpack.head(1, kRawPost, 0));
  raw.say(frames::priority(1, 3) + frames::priority(99, 1) + frames::setting(0x99, 7) + frames::setting(9, 1));
  raw.say(frame(static_cast<H2Frame>(0x0c), 0xff, 0, std::string(16'384, 'x')));
  raw.say(frame(H2Frame::kPing, 0xfe & ~frames::kAck, 0, zeros(8)));
  raw.say(frames::data(1, "\x02hi\0\0"s, kPadded | kEndStream));
  raw.say(frames::windowUpdate(1, 5));
  EXPECT_FALSE(raw.session->isEnded());
  EXPECT_EQ(readAll(*raw.owner.requests.at(0)), "hi$");
}

TEST(H2Codec, AHeadMayComeInAnyPieces) {
  frames::Fields fields = kRawGet;
  fields.emplace_back("x-long", std::string(500, 'x'));
  for (size_t piece = 1; piece < 60; ++piece) {
    H2Raw raw(kServerRole);
    const std::string block = raw.hpack.block(fields);
    const size_t cut = piece * 2 % block.size();
    const std::string bytes = frame(H2Frame::kHeaders, kEndStream, 1, block.substr(0, cut)) +
                              frame(H2Frame::kContinuation, 0, 1) +
                              frame(H2Frame::kContinuation, kEndHeaders, 1, block.substr(cut));
    for (size_t at = 0; at < bytes.size(); at += piece) raw.say(std::string_view(bytes).substr(at, piece));
    ASSERT_EQ(raw.owner.requests.size(), 1u) << piece;
    EXPECT_EQ(raw.owner.requests[0]->request().headers.find("x-long")->value, std::string(500, 'x'));
  }
}

TEST(H2Codec, MoreSettingsThanThereAreIsAFlood) {
  H2Raw raw(kServerRole);
  std::string payload;
  for (int i = 0; i < 33; ++i) payload += zeros(1) + "\x04" + frames::number(static_cast<uint32_t>(i));
  raw.say(frame(H2Frame::kSettings, 0, 0, payload));
  EXPECT_EQ(raw.session->endReason(), H2End::kFlood);
  EXPECT_EQ(raw.goAwayError(), kCalm);
}

TEST(H2Codec, ALongHeadGoesOutInContinuations) {
  H2Raw raw(kServerRole);
  raw.say(raw.hpack.head(1, kRawGet));
  raw.heard();
  const std::string value(40'000, 'v');
  ASSERT_TRUE(raw.owner.requests.at(0)->sendHead(std::vector<HeadField>{{":status", "200"}, {"x", value}}, End::kLast));
  raw.loop.settle();
  const auto heard = raw.heard();
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_EQ(heard[0].flags, kEndStream);
  EXPECT_EQ(heard[1].type, H2Frame::kContinuation);
  EXPECT_EQ(heard[1].flags, 0);
  EXPECT_EQ(heard[2].flags, kEndHeaders);
  frames::HpackReader reader;
  EXPECT_EQ(reader.read(heard[0].payload + heard[1].payload + heard[2].payload),
            (frames::Fields{{":status", "200"}, {"x", value}}));
}

TEST(H2Codec, AccountsAreFoundWhateverComesAndGoes) {
  H2Accounts accounts;
  std::vector<H2Account> all(500);
  for (size_t i = 0; i < all.size(); ++i) all[i].id = static_cast<int32_t>(i * 2 + 1);
  // Some stay long, and the others come and go around them.
  for (size_t i = 0; i < all.size(); ++i) {
    accounts.add(all[i]);
    if (i >= 20 && (i - 20) % 7 != 0) accounts.remove(all[i - 20]);
    for (size_t j = 0; j <= i; ++j) {
      const bool is_there = j + 20 > i || j % 7 == 0;
      EXPECT_EQ(accounts.find(all[j].id), is_there ? &all[j] : nullptr);
    }
  }
  EXPECT_EQ(accounts.find(1001), nullptr);
}

}  // namespace
}  // namespace remora::http
