// The Huffman code of HPACK's strings (RFC 7541 section 5.2 and appendix B). It is read and never written: a peer that
// reads plain strings is served sooner than one that saves a few bytes (docs/decisions/0018). Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace remora::http {

// The most bytes that so many coded ones give: no code is shorter than five bits.
constexpr size_t huffmanBound(size_t coded) {
  return coded * 8 / 5 + 1;
}

// Writes to `into`, which has room for huffmanBound(), and gives how much that was. Nothing when it is no text: the
// symbol EOS, or padding of eight bits or more or with a zero in it.
std::optional<size_t> decodeHuffman(std::string_view coded, char* into);

}  // namespace remora::http
