#include "tls/client_hello.h"

#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using Kind = FirstBytes::Kind;
using Hello = FirstBytes::Hello;

class ClientHelloTest : public TlsWorld {
 protected:
  std::string helloTo(std::string_view host, std::vector<std::string> alpn = {}) {
    auto [a, b] = net::MemoryStream::pair(loop_);
    const TlsStream calling(loop_, std::move(b), client(std::move(alpn)), host, memory_, nullptr);
    loop_.settle();
    return a->take();
  }
  // The same message in records of `bytes` bytes.
  static std::string inRecords(const std::string& hello, size_t bytes) {
    std::string out;
    for (size_t at = 5; at < hello.size(); at += bytes) {
      const std::string part = hello.substr(at, bytes);
      out += {'\x16', '\x03', '\x01', static_cast<char>(part.size() >> 8), static_cast<char>(part.size())};
      out += part;
    }
    return out;
  }
};

TEST_F(ClientHelloTest, SaysForWhomItIsAndWhatItOffers) {
  const FirstBytes first = readFirstBytes(helloTo("Orders.Example.org", {"h2", "http/1.1"}));
  EXPECT_EQ(first.kind, Kind::kTls);
  EXPECT_EQ(first.hello, Hello::kComplete);
  EXPECT_EQ(first.server_name, "orders.example.org");
  EXPECT_EQ(first.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
}

TEST_F(ClientHelloTest, MayHaveNeitherNameNorProtocols) {
  client_settings_.most = model::TlsVersion::k12;
  const FirstBytes first = readFirstBytes(helloTo("10.0.0.1"));
  EXPECT_EQ(first.hello, Hello::kComplete);
  EXPECT_EQ(first.server_name, "");
  EXPECT_TRUE(first.alpn.empty());
}

TEST_F(ClientHelloTest, IsTheSameHoweverItIsCut) {
  const std::string hello = helloTo("orders.example.org", {"h2"});
  for (const size_t record : {hello.size(), size_t{100}, size_t{3}, size_t{1}}) {
    const std::string bytes = inRecords(hello, record);
    const FirstBytes whole = readFirstBytes(bytes);
    EXPECT_EQ(whole.server_name, "orders.example.org");
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      const FirstBytes part = readFirstBytes(std::string_view(bytes).substr(0, cut));
      EXPECT_FALSE(part.isDecided()) << cut;
      EXPECT_EQ(part.kind, cut < 2 ? Kind::kNeedMore : Kind::kTls);
    }
    EXPECT_EQ(readFirstBytes(bytes + "what follows"), whole);
  }
}

TEST_F(ClientHelloTest, TellsOthersApart) {
  EXPECT_EQ(readFirstBytes("").kind, Kind::kNeedMore);
  EXPECT_EQ(readFirstBytes("GET / HTTP/1.1\r\n").kind, Kind::kOther);
  EXPECT_EQ(readFirstBytes("P").kind, Kind::kNeedMore);
  EXPECT_EQ(readFirstBytes("POST").kind, Kind::kOther);
  EXPECT_EQ(readFirstBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r").kind, Kind::kNeedMore);
  EXPECT_EQ(readFirstBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and frames").kind, Kind::kHttp2Preface);
  EXPECT_EQ(readFirstBytes("\x16\x02").kind, Kind::kOther);
}

TEST_F(ClientHelloTest, MalformedOnesAreTold) {
  const std::string hello = helloTo("a.example");
  const auto with = [&](size_t at, char byte) {
    std::string changed = hello;
    changed[at] = byte;
    return readFirstBytes(changed).hello;
  };
  EXPECT_EQ(with(5, 2), Hello::kMalformed);     // another message
  EXPECT_EQ(with(6, 1), Hello::kMalformed);     // of 64 KiB and more
  EXPECT_EQ(with(43, -1), Hello::kMalformed);   // a session that fills the message
  EXPECT_EQ(with(3, 0x7f), Hello::kMalformed);  // a record that is too long
  const size_t name = hello.find("a.example");
  ASSERT_NE(name, std::string::npos);
  EXPECT_EQ(with(name, ' '), Hello::kMalformed);
  EXPECT_EQ(with(name, 0), Hello::kMalformed);
  EXPECT_EQ(with(name, '.'), Hello::kMalformed);
}

TEST_F(ClientHelloTest, IsBounded) {
  std::string records;
  while (records.size() < kClientHelloMost) records += std::string("\x16\x03\x01\x00\x01", 5) + "\x01";
  EXPECT_EQ(readFirstBytes(records).hello, Hello::kMalformed);
  // One that says 8 KiB and dribbles.
  std::string slow = inRecords(std::string(5, 0) + std::string("\x01\x00\x20\x00", 4) + std::string(4000, 0), 1);
  slow.resize(kClientHelloMost - 1);
  EXPECT_EQ(readFirstBytes(slow).hello, Hello::kNeedMore);
  slow += "\x16";
  EXPECT_EQ(readFirstBytes(slow).hello, Hello::kMalformed);
}

}  // namespace
}  // namespace remora::tls
