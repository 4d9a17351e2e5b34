#include "control/addresses.h"

#include <gtest/gtest.h>

namespace remora::control {
namespace {

std::string listenText(std::string_view text) {
  const auto address = parseListenAddress(text, "0.0.0.0");
  return address ? model::toText(*address) : "refused; " + address.error().suggestion;
}

std::string endpointText(std::string_view text) {
  const auto address = parseEndpointAddress(text);
  return address ? model::toText(*address) : "refused; " + address.error().suggestion;
}

TEST(Addresses, Listen) {
  EXPECT_EQ(listenText("8080"), "0.0.0.0:8080");
  EXPECT_EQ(listenText("0"), "0.0.0.0:0");
  EXPECT_EQ(listenText("127.0.0.1:80"), "127.0.0.1:80");
  EXPECT_EQ(listenText("[::]:8080"), "[::]:8080");
  EXPECT_EQ(listenText("[0:0:0::1]:8080"), "[::1]:8080");
  EXPECT_EQ(listenText("unix:/run/a.sock"), "unix:/run/a.sock");
  EXPECT_EQ(listenText("unix:@abstract"), "unix:@abstract");
}

TEST(Addresses, ListenRefusedWithWhatWasMeant) {
  EXPECT_EQ(listenText(""), "refused; ");
  EXPECT_EQ(listenText("65536"), "refused; ");
  EXPECT_EQ(listenText("127.0.0.1:65536"), "refused; ");
  EXPECT_EQ(listenText(":8080"), "refused; 0.0.0.0:8080");
  EXPECT_EQ(listenText("*:8080"), "refused; 0.0.0.0:8080");
  EXPECT_EQ(listenText("localhost:8080"), "refused; 127.0.0.1:8080");
  EXPECT_EQ(listenText(":::8080"), "refused; [::]:8080");
  EXPECT_EQ(listenText("127.0.0.1"), "refused; 127.0.0.1:8080");
  EXPECT_EQ(listenText("/run/a.sock"), "refused; unix:/run/a.sock");
  EXPECT_EQ(listenText("unix:run/a.sock"), "refused; unix:/run/a.sock");
  EXPECT_EQ(listenText("http://0.0.0.0:80/"), "refused; 0.0.0.0:80");
  EXPECT_EQ(listenText("orders:8080"), "refused; ");
  EXPECT_EQ(listenText("[127.0.0.1]:8080"), "refused; ");
  EXPECT_EQ(listenText("unix:"), "refused; ");
  EXPECT_EQ(listenText("unix:/" + std::string(200, 'x')), "refused; ");
}

TEST(Addresses, Endpoints) {
  EXPECT_EQ(endpointText("3000"), "127.0.0.1:3000");
  EXPECT_EQ(endpointText("10.0.0.1:8080"), "10.0.0.1:8080");
  EXPECT_EQ(endpointText("[fd00::1]:80"), "[fd00::1]:80");
  EXPECT_EQ(endpointText("dns:Orders.internal:8080"), "dns:orders.internal:8080");
  EXPECT_EQ(endpointText("orders.internal:8080"), "dns:orders.internal:8080");
  EXPECT_EQ(endpointText("localhost:1"), "dns:localhost:1");
  EXPECT_EQ(endpointText("unix:/run/x.sock"), "unix:/run/x.sock");
}

TEST(Addresses, EndpointsRefused) {
  EXPECT_EQ(endpointText("0"), "refused; ");
  EXPECT_EQ(endpointText("10.0.0.1:0"), "refused; ");
  EXPECT_EQ(endpointText("10.0.0.1"), "refused; 10.0.0.1:8080");
  EXPECT_EQ(endpointText("orders.internal"), "refused; orders.internal:8080");
  EXPECT_EQ(endpointText("10.0.0.256:80"), "refused; ") << "a misspelt address is not a name";
  EXPECT_EQ(endpointText("10.0.0:80"), "refused; ");
  EXPECT_EQ(endpointText("dns:10.0.0.1:80"), "refused; ");
  EXPECT_EQ(endpointText("http://orders:80/x"), "refused; orders:80");
  EXPECT_EQ(endpointText("or ders:80"), "refused; ");
  EXPECT_EQ(endpointText("a..b:80"), "refused; ");
  EXPECT_EQ(endpointText("::1:80"), "refused; [::1]:80");
}

TEST(Addresses, Loopback) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/x"}) {
    EXPECT_TRUE(isLoopback(*parseListenAddress(text, ""))) << text;
  }
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"}) {
    EXPECT_FALSE(isLoopback(*parseListenAddress(text, ""))) << text;
  }
}

TEST(Addresses, Networks) {
  EXPECT_EQ(parseNetwork("10.0.0.0/8")->text, "10.0.0.0/8");
  EXPECT_EQ(parseNetwork("10.0.0.1")->text, "10.0.0.1/32");
  EXPECT_EQ(parseNetwork("fd00::/8")->text, "fd00::/8");
  EXPECT_EQ(parseNetwork("0.0.0.0/0")->text, "0.0.0.0/0");
  EXPECT_FALSE(parseNetwork("10.0.0.0/8")->had_host_bits);
  EXPECT_EQ(parseNetwork("10.1.2.3/8")->text, "10.0.0.0/8");
  EXPECT_TRUE(parseNetwork("10.1.2.3/8")->had_host_bits);
  EXPECT_EQ(parseNetwork("10.1.2.255/25")->text, "10.1.2.128/25");
  for (const char* text :
       {"", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0/8", "::/129", "orders", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(parseNetwork(text).has_value()) << text;
  }
}

TEST(Addresses, HostNames) {
  for (const char* text : {"a", "a.b", "a-b_c.d", "1.2"}) EXPECT_TRUE(isHostName(text)) << text;
  for (const char* text : {"", ".", "a.", ".a", "a..b", "a b", "a:b", "a/b", "ü"})
    EXPECT_FALSE(isHostName(text)) << text;
  EXPECT_FALSE(isHostName(std::string(64, 'a')));
  EXPECT_FALSE(isHostName(std::string(300, 'a')));
}

}  // namespace
}  // namespace remora::control
