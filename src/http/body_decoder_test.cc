#include "http/body_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::http {
namespace {

std::string decodeInSteps(BodyPlan plan, std::string_view bytes, size_t step) {
  BodyDecoder decoder(plan, {.chunk_extension_bytes = 8, .trailer_bytes = 40, .trailer_fields = 3});
  std::string payload;
  size_t consumed = 0;
  for (size_t at = 0; at < bytes.size() && !decoder.isEnded(); at += step) {
    std::string piece(bytes.substr(at, step));
    const auto result = decoder.decode(piece);
    if (!result) return std::string(tokenOf(result.error().reason));
    payload.append(piece, 0, result->payload);
    consumed += result->consumed;
  }
  std::string text = payload + "|" + std::to_string(consumed) + (decoder.isEnded() ? "|end" : "|more");
  if (decoder.isEnded()) {
    for (const Field& field : decoder.trailers()) {
      text += "|" + std::string(field.name) + "=" + std::string(field.value);
    }
  }
  return text;
}

TEST(BodyDecoder, ChunkedGivesTheSameHoweverItIsCut) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"5\r\nhello\r\n0\r\n\r\nGET", "hello|15|end"},
      {"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", "hello0123456789|30|end"},
      {"005;a=b\r\nhello\r\n0;x\r\n\r\n", "hello|23|end"},
      {"0\r\nX-Sum: 1\r\nb: c\r\n\r\n", "|21|end|X-Sum=1|b=c"},
      {"5\r\nhel", "hel|6|more"},
      {"\r\n", "bad_chunk"},
      {"0x5\r\nhello\r\n", "bad_chunk"},
      {"+5\r\nhello\r\n", "bad_chunk"},
      {"5 \r\nhello\r\n", "bad_chunk"},
      {"5\nhello\r\n", "bad_chunk"},
      {"5\r\nhelloX\r\n", "bad_chunk"},
      {"5\r\nhello\n", "bad_chunk"},
      {"1234567890abcdef0\r\n", "bad_chunk"},
      {"5;aaaaaaaaaaaaaaaa\r\nhello\r\n", "bad_chunk"},
      {"5;a\nb\r\nhello\r\n", "bad_chunk"},
      {"0\r\nContent-Length: 3\r\n\r\n", "bad_trailer"},
      {"0\r\na: b\nc: d\r\n\r\n", "bad_trailer"},
      {"0\r\na b: c\r\n\r\n", "bad_trailer"},
      {"0\r\na: 0123456789012345678901234567890123456789\r\n\r\n", "bad_trailer"},
  };
  for (const auto& [bytes, expected] : cases) {
    for (size_t step = 1; step <= bytes.size(); ++step) {
      EXPECT_EQ(decodeInSteps({Framing::kChunked, 0}, bytes, step), expected) << bytes << " in steps of " << step;
    }
  }
}

TEST(BodyDecoder, LengthTakesExactlyItsBytes) {
  for (size_t step = 1; step < 9; ++step) {
    EXPECT_EQ(decodeInSteps({Framing::kLength, 5}, "helloGET", step), "hello|5|end");
    EXPECT_EQ(decodeInSteps({Framing::kLength, 9}, "hello", step), "hello|5|more");
  }
}

TEST(BodyDecoder, NoBodyTakesNothing) {
  EXPECT_EQ(decodeInSteps({Framing::kNone, 0}, "GET", 1), "|0|end");
}

TEST(BodyDecoder, AStreamGivesNothingButPayloadUntilItsEnd) {
  BodyDecoder decoder({Framing::kStream, 5, true}, {});
  std::string bytes = "0\r\n";
  const auto step = decoder.decode(bytes);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->payload, 3u);
  EXPECT_EQ(decoder.remaining(), 2u);
  EXPECT_FALSE(decoder.isEnded());
  EXPECT_TRUE(decoder.endsWithStream());
  decoder.markEnded();
  EXPECT_TRUE(decoder.isEnded());
}

}  // namespace
}  // namespace remora::http
