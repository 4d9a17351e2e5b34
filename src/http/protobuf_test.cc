#include "http/protobuf.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::http::protobuf {
namespace {

using std::string_literals::operator""s;

// "1=5 2=abc", and "!" behind what is broken.
std::string listed(std::string_view message) {
  std::string text;
  Fields fields(message);
  while (fields.next()) {
    for (uint32_t field = 1; field < 20; ++field) {
      if (fields.isNumber(field)) text += std::to_string(field) + "=" + std::to_string(fields.number()) + " ";
      if (fields.isBytes(field)) text += std::to_string(field) + "=" + std::string(fields.bytes()) + " ";
    }
  }
  return text + (fields.isBroken() ? "!" : "");
}

TEST(Protobuf, FieldsComeInTheirOrder) {
  EXPECT_EQ(listed(""), "");
  EXPECT_EQ(listed("\x08\x05\x12\x03"
                   "abc\x08\x80\x01"),
            "1=5 2=abc 1=128 ");
  EXPECT_EQ(listed("\x82\x01\x01x\x0a\0"s), "16=x 1= ");
  EXPECT_EQ(listed("\x25\0\0\0\0\x29\0\0\0\0\0\0\0\0\x08\x01"s), "1=1 ") << "fixed ones are passed over";
  EXPECT_EQ(listed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "1=18446744073709551615 ");
}

TEST(Protobuf, WhatIsCutOrUnknownToTheWireIsBroken) {
  for (const std::string& message :
       {"\x08"s, "\x08\x80"s, "\0\x01"s, "\x0b"s, "\x0c"s, "\x0e"s, "\x12\x05xyz"s, "\x25\0"s, "\x29\0\0"s,
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s, "\xff\xff\xff\xff\xff\x7f\x01"s, std::string(12, '\xff')}) {
    EXPECT_EQ(listed(message), "!") << message;
  }
  EXPECT_EQ(listed("\x08\x01\x08"s), "1=1 !");
}

TEST(Protobuf, WhatIsWrittenIsRead) {
  const std::string longest(300, 'x');
  std::string message;
  addNumber(message, 3, 300);
  addMessageHead(message, 2, sizeOfBytes(longest.size()) + sizeOfBytes(0));
  const size_t head = message.size();
  addBytes(message, 1, longest);
  addBytes(message, 2, "");
  EXPECT_EQ(message.size() - head, sizeOfBytes(longest.size()) + sizeOfBytes(0));
  EXPECT_EQ(listed(message.substr(head)), "1=" + longest + " 2= ");
  EXPECT_TRUE(listed(message).starts_with("3=300 2=\x0a\xac\x02xxx"));
  EXPECT_EQ(sizeOfBytes(127), 129u);
  EXPECT_EQ(sizeOfBytes(128), 131u);
}

}  // namespace
}  // namespace remora::http::protobuf
