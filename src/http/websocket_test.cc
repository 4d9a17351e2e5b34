#include "http/websocket.h"

#include <gtest/gtest.h>

namespace remora::http::websocket {
namespace {

TEST(Websocket, TheProofIsTheOneOfTheSpecification) {
  EXPECT_EQ(acceptFor("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 section 1.3
}

TEST(Websocket, AKeyIs16BytesInBase64) {
  EXPECT_EQ(keyOf({0, 0}), "AAAAAAAAAAAAAAAAAAAAAA==");
  EXPECT_EQ(keyOf({UINT64_MAX, UINT64_MAX}), "/////////////////////w==");
}

}  // namespace
}  // namespace remora::http::websocket
