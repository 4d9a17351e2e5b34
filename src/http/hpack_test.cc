#include "http/hpack.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http/h2_test_frames.h"
#include "http/hpack_huffman.h"
#include "http/hpack_static.h"

namespace remora::http {
namespace {

using frames::Fields;
using Step = HpackDecoder::Step;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

// The fields of a block, or "broken", or "more" when it ends too early.
Fields read(HpackDecoder& decoder, std::string_view block) {
  Fields fields;
  HpackField field;
  decoder.beginBlock();
  for (;;) {
    switch (decoder.next(block, field)) {
      case Step::kField:
        fields.emplace_back(field.name, field.value);
        break;
      case Step::kMore:
        if (!block.empty()) fields.emplace_back("more", "");
        return fields;
      case Step::kBroken:
        return {{"broken", ""}};
    }
  }
}
const Fields kBroken{{"broken", ""}};
const Fields kMore{{"more", ""}};

std::vector<HeadField> viewsOf(const Fields& fields) {
  std::vector<HeadField> views;
  for (const auto& [name, value] : fields) views.push_back({name, value, name == "authorization"});
  return views;
}

std::string write(HpackEncoder& encoder, const Fields& fields) {
  const std::vector<HeadField> views = viewsOf(fields);
  std::string block(encoder.bound(views), '\0');
  block.resize(encoder.encode(views, block.data()));
  return block;
}

// RFC 7541 appendix C.4 and C.6, whose texts are Huffman-coded.
TEST(HpackDecoder, ReadsTheExamplesOfTheSpecification) {
  HpackDecoder requests;
  EXPECT_EQ(read(requests, bytes({0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
                                  0x90, 0xf4, 0xff})),
            (Fields{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}}));
  EXPECT_EQ(read(requests, bytes({0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf})),
            (Fields{{":method", "GET"},
                    {":scheme", "http"},
                    {":path", "/"},
                    {":authority", "www.example.com"},
                    {"cache-control", "no-cache"}}));
  HpackDecoder plain;  // C.2.1 and C.2.3
  EXPECT_EQ(read(plain, bytes({0x40, 0x0a}) + "custom-key" + bytes({0x0d}) + "custom-header"),
            (Fields{{"custom-key", "custom-header"}}));
  EXPECT_EQ(read(plain, bytes({0xbe})), (Fields{{"custom-key", "custom-header"}}));
  EXPECT_EQ(read(plain, bytes({0x10, 0x08}) + "password" + bytes({0x06}) + "secret"), (Fields{{"password", "secret"}}));
  EXPECT_EQ(read(plain, bytes({0xbf})), kBroken) << "that one was never to be kept";
}

TEST(HpackDecoder, RefusesWhatTheSpecificationForbids) {
  const auto one = [](const std::string& block) {
    HpackDecoder decoder;
    return read(decoder, block);
  };
  EXPECT_EQ(one(bytes({0x80})), kBroken) << "index 0";
  EXPECT_EQ(one(bytes({0xbe})), kBroken) << "an index of nothing";
  EXPECT_EQ(one(bytes({0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01})), kBroken) << "a number without end";
  EXPECT_EQ(one(bytes({0x82, 0x20})), kBroken) << "a change of size behind a field";
  EXPECT_EQ(one(bytes({0x3f, 0xe2, 0x1f})), kBroken) << "a table above 4096";
  EXPECT_EQ(one(bytes({0x3f, 0xe1, 0x1f, 0x82})), (Fields{{":method", "GET"}}));
  EXPECT_EQ(one(bytes({0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff})), kBroken)
      << "padding of more than seven bits";
  EXPECT_EQ(one(bytes({0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90})), kBroken)
      << "padding of zeros";
  EXPECT_EQ(one(bytes({0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0x94, 0x3f, 0xff, 0xff, 0xff})),
            kBroken)
      << "the symbol EOS";
}

TEST(HpackDecoder, WaitsForTheRestOfAField) {
  HpackDecoder decoder;
  const std::string block = bytes({0x40, 0x0a}) + "custom-key" + bytes({0x0d}) + "custom-header";
  for (size_t length = 1; length < block.size(); ++length) {
    EXPECT_EQ(read(decoder, block.substr(0, length)), kMore) << length;
  }
  EXPECT_EQ(read(decoder, bytes({0xbe})), kBroken) << "nothing was kept of a part";
  EXPECT_EQ(read(decoder, bytes({0x7f, 0x80})), kMore);
}

TEST(HpackDecoder, TellsWhatHttpMayNotSay) {
  HpackDecoder decoder;
  HpackField field;
  frames::Hpack peer;
  const auto isSound = [&](const char* name, const std::string& value) {
    const std::string text = peer.block({{name, value}});
    std::string_view block = text;
    EXPECT_EQ(decoder.next(block, field), Step::kField);
    return std::pair(field.is_name_sound, field.is_value_sound);
  };
  // Twice: as it comes, and from the table.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(isSound("x-good", "value"), std::pair(true, true));
    EXPECT_EQ(isSound("X-Bad", "value"), std::pair(false, true));
    EXPECT_EQ(isSound("x-good", "a\nb"), std::pair(true, false));
    EXPECT_EQ(isSound("traceparent", "x"), std::pair(true, true));
    EXPECT_EQ(field.id, HeaderId::kTraceparent);
  }
}

TEST(HpackHuffman, ReadsEverySymbolThatThePeerWrites) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (const std::string& text :
       {all, std::string(300, 'a') + all, std::string("\xff\0\xfe", 3) + std::string(40, 'e')}) {
    // A codec that is free to choose codes what becomes shorter.
    frames::Hpack peer;
    HpackDecoder decoder;
    EXPECT_EQ(read(decoder, peer.block({{"x", text}})), (Fields{{"x", text}}));
  }
}

TEST(HpackStatic, NamesAreFound) {
  for (size_t i = 1; i < hpack::kStatic.size(); ++i) {
    const uint8_t index = hpack::staticIndexOf(hpack::kStatic[i].name);
    EXPECT_EQ(hpack::kStatic[index].name, hpack::kStatic[i].name);
    EXPECT_LE(index, i);
  }
  for (const char* name : {"", "x", "x-request-id", ":unknown", "content-typ", "content-typf"}) {
    EXPECT_EQ(hpack::staticIndexOf(name), 0) << name;
  }
}

TEST(HpackEncoder, WhatItWritesIsReadAgainByBothReaders) {
  HpackEncoder encoder;
  HpackDecoder decoder;
  frames::HpackReader other;
  for (int i = 0; i < 200; ++i) {
    const Fields fields{{":method", i % 3 ? "GET" : "PUT"},
                        {":scheme", "http"},
                        {":path", "/v1/orders/" + std::to_string(i)},
                        {":authority", "orders.shop"},
                        {"user-agent", "test"},
                        {"authorization", "Bearer secret"},
                        {"x-request-id", std::to_string(i * 7919)},
                        {"x-same", "same"},
                        {"x-large", std::string(static_cast<size_t>(i) * 20, 'x')},
                        {"", ""}};
    const std::string block = write(encoder, fields);
    EXPECT_EQ(read(decoder, block), fields);
    EXPECT_EQ(other.read(block), fields);
    if (i > 2) EXPECT_EQ(block.find("orders.shop"), std::string::npos) << "it repeats";
    EXPECT_NE(block.find("Bearer secret"), std::string::npos) << "never in a table";
  }
}

TEST(HpackEncoder, FollowsThePeersTable) {
  HpackEncoder encoder;
  frames::HpackReader other;
  const Fields fields{{"x-a", "aaaa"}, {"x-b", "bbbb"}, {"cookie", "a long enough one to be kept by the table"}};
  const auto pass = [&] { EXPECT_EQ(other.read(write(encoder, fields)), fields); };
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_LT(write(encoder, {}).size(), 1u);
  other.resize(100);
  encoder.setPeerLimit(100);
  for (int i = 0; i < 3; ++i) pass();
  other.resize(0);
  encoder.setPeerLimit(0);
  other.resize(65'536);
  encoder.setPeerLimit(65'536);
  for (int i = 0; i < 5; ++i) pass();
  EXPECT_EQ(write(encoder, fields).size(), 3u) << "an index each";
}

TEST(HpackTable, DropsTheOldestForTheNewest) {
  HpackTable table;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "name-" + std::to_string(i);
    const std::string value(static_cast<size_t>(i % 300), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(table.add(name, value, static_cast<uint32_t>(i)));
    size_t bytes = 0;
    for (size_t j = 0; j < table.count(); ++j) {
      const HpackTable::Entry entry = table.at(j);
      const int k = i - static_cast<int>(j);
      EXPECT_EQ(entry.name, "name-" + std::to_string(k));
      EXPECT_EQ(entry.value, std::string(static_cast<size_t>(k % 300), static_cast<char>('a' + k % 26)));
      bytes += entry.name.size() + entry.value.size() + 32;
    }
    EXPECT_LE(bytes, 4096u);
  }
  EXPECT_FALSE(table.add("x", std::string(5000, 'x'), 0));
  EXPECT_EQ(table.count(), 0u) << "as section 4.4 has it";
  EXPECT_TRUE(table.add("x", "y", 0));
  EXPECT_EQ(table.at(0).value, "y");
}

}  // namespace
}  // namespace remora::http
