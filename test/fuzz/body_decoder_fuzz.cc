// BodyDecoder over any bytes: cut anywhere it gives the same payload, end, trailers and refusals; a length is kept to
// the byte; and a chunked body that it takes is what a second, simple reader of RFC 9112 section 7.1 makes of it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/body_decoder.h"

namespace {

using namespace remora;
using http::BodyDecoder;
using http::Framing;

constexpr http::BodyLimits kLimits{.chunk_extension_bytes = 64, .trailer_bytes = 256, .trailer_fields = 5};

void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  bool is_refused = false;
  bool is_ended = false;
  Reason reason = Reason::kOk;
  size_t consumed = 0;
  std::string payload;
  std::string trailers;
};

Outcome decode(http::BodyPlan plan, std::string_view bytes, std::string_view cuts) {
  BodyDecoder decoder(plan, kLimits);
  Outcome outcome;
  for (size_t i = 0; outcome.consumed < bytes.size() && !decoder.isEnded(); ++i) {
    const size_t wanted = cuts.empty() ? bytes.size() : 1 + static_cast<uint8_t>(cuts[i % cuts.size()]) % 64;
    const size_t step = std::min(wanted, bytes.size() - outcome.consumed);
    auto piece = std::make_unique<char[]>(step);
    bytes.copy(piece.get(), step, outcome.consumed);
    const auto done = decoder.decode({piece.get(), step});
    if (!done) {
      outcome.is_refused = true;
      outcome.reason = done.error().reason;
      return outcome;
    }
    require(done->payload <= done->consumed && done->consumed <= step);
    require(done->consumed == step || decoder.isEnded());
    outcome.payload.append(piece.get(), done->payload);
    outcome.consumed += done->consumed;
  }
  outcome.is_ended = decoder.isEnded();
  if (outcome.is_ended) {
    for (const http::Field& field : decoder.trailers()) {
      outcome.trailers += std::string(field.name) + ":" + std::string(field.value) + "\n";
    }
  }
  return outcome;
}

// The whole body read the plain way; nothing for anything that isn't exactly right or isn't complete.
std::optional<std::string> readPlainly(std::string_view bytes, size_t& length) {
  const size_t all = bytes.size();
  std::string payload;
  for (;;) {
    const size_t line_end = bytes.find("\r\n");
    if (line_end == std::string_view::npos) return std::nullopt;
    const std::string_view line = bytes.substr(0, line_end);
    const std::string_view digits = line.substr(0, line.find(';'));
    if (digits.empty() || digits.size() > 15 || line.find_first_of("\r\n") != std::string_view::npos)
      return std::nullopt;
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return std::nullopt;
    const uint64_t size = std::strtoull(std::string(digits).c_str(), nullptr, 16);
    bytes.remove_prefix(line_end + 2);
    if (size == 0) break;
    if (bytes.size() < size || bytes.size() - size < 2 || bytes.substr(size, 2) != "\r\n") return std::nullopt;
    payload += bytes.substr(0, size);
    bytes.remove_prefix(size + 2);
  }
  while (!bytes.starts_with("\r\n")) {
    const size_t line_end = bytes.find("\r\n");
    if (line_end == std::string_view::npos) return std::nullopt;
    bytes.remove_prefix(line_end + 2);
  }
  length = all - bytes.size() + 2;
  return payload;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view cuts = bytes.substr(0, std::min<size_t>(4, size));
  const std::string_view some_cuts = cuts.empty() ? std::string_view("\7", 1) : cuts;
  for (const std::string_view text : {bytes, bytes.substr(cuts.size())}) {
    const Outcome whole = decode({Framing::kChunked, 0}, text, {});
    for (const std::string_view how : {some_cuts, std::string_view("\0", 1)}) {
      const Outcome cut = decode({Framing::kChunked, 0}, text, how);
      require(whole.is_refused == cut.is_refused && whole.is_ended == cut.is_ended && whole.reason == cut.reason);
      if (!whole.is_refused) require(whole.payload == cut.payload && whole.consumed == cut.consumed);
      require(whole.trailers == cut.trailers);
    }
    if (whole.is_refused) {
      require(whole.reason == Reason::kBadChunk || whole.reason == Reason::kBadTrailer);
    } else if (whole.is_ended) {
      size_t length = 0;
      const auto plain = readPlainly(text, length);
      require(plain && *plain == whole.payload && length == whole.consumed);
    }
    const uint64_t announced = some_cuts.size() > 1 ? static_cast<uint8_t>(some_cuts[1]) : 3;
    const Outcome exact = decode({Framing::kLength, announced}, text, some_cuts);
    require(!exact.is_refused && exact.consumed == std::min<uint64_t>(announced, text.size()));
    require(exact.is_ended == (text.size() >= announced));
    require(exact.payload == text.substr(0, exact.consumed));
  }
  return 0;
}
