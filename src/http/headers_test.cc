#include "http/headers.h"

#include <gtest/gtest.h>

#include <string>

#include "http/message.h"

namespace remora::http {
namespace {

TEST(HeaderIds, GoThereAndBackInAnyCase) {
  for (int i = 1; i < static_cast<int>(HeaderId::kCount); ++i) {
    const auto id = static_cast<HeaderId>(i);
    std::string name(nameOf(id));
    ASSERT_FALSE(name.empty()) << i;
    EXPECT_EQ(headerIdOf(name), id) << name;
    for (char& c : name) c = ascii::isAlpha(c) ? static_cast<char>(c & ~0x20) : c;
    EXPECT_EQ(headerIdOf(name), id) << name;
    EXPECT_EQ(headerIdOf(name + "x"), HeaderId::kOther);
    name.back() = '!';
    EXPECT_EQ(headerIdOf(name), HeaderId::kOther) << name;
  }
}

TEST(HeaderIds, OthersAreOther) {
  for (const std::string_view name : {"", "x", "x_forwarded_for", "content_length", "transfer-encodinG ", "hosts",
                                      "a-name-that-is-longer-than-every-known-one"}) {
    EXPECT_EQ(headerIdOf(name), HeaderId::kOther) << name;
  }
  EXPECT_EQ(nameOf(HeaderId::kOther), "");
  EXPECT_EQ(nameOf(HeaderId::kCount), "");
}

TEST(Methods, AreCaseSensitive) {
  struct Row {
    std::string_view text;
    Method method;
    bool is_idempotent;
  };
  constexpr Row kRows[] = {
      {"GET", Method::kGet, true},      {"HEAD", Method::kHead, true},     {"POST", Method::kPost, false},
      {"PUT", Method::kPut, true},      {"DELETE", Method::kDelete, true}, {"OPTIONS", Method::kOptions, true},
      {"PATCH", Method::kPatch, false}, {"TRACE", Method::kTrace, true},   {"CONNECT", Method::kConnect, false},
      {"get", Method::kOther, false},   {"Get", Method::kOther, false},    {"", Method::kOther, false},
      {"PURGE", Method::kOther, false}, {"GETS", Method::kOther, false},   {"PROPFIND", Method::kOther, false}};
  for (const Row& row : kRows) {
    EXPECT_EQ(methodOf(row.text), row.method) << row.text;
    EXPECT_EQ(isIdempotent(methodOf(row.text)), row.is_idempotent) << row.text;
  }
}

}  // namespace
}  // namespace remora::http
