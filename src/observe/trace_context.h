// W3C Trace Context (level 1, with the random flag of level 2) and request ids: who an exchange is, for people who
// follow it through several programs. Ids come from a fast generator seeded by the caller: they are unique, never
// secret. Parsing is pure; an IdSource belongs to one core.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace remora::observe {

// Flags that are carried on. Others are cleared, as section 3.2.2.5 asks of those who don't know them.
inline constexpr uint8_t kSampled = 0x01;
inline constexpr uint8_t kRandomTraceId = 0x02;

struct TraceContext {
  uint64_t trace_high = 0;  // together never zero
  uint64_t trace_low = 0;
  uint64_t span = 0;  // of whoever sent the header; never zero
  uint8_t flags = 0;

  bool operator==(const TraceContext&) const = default;
};

// A received traceparent. Nothing for whatever isn't exactly what section 3.2 says: version 00 with other than 55
// bytes, upper case, all-zero ids, version ff. A higher version is read as 00 when its first 55 bytes are such and end
// there or go on with '-'. On nothing the caller starts a new trace and drops tracestate (section 4.3). Several
// traceparent headers count as none: don't join them.
std::optional<TraceContext> parseTraceparent(std::string_view value);

// "00-<32 hex>-<16 hex>-<2 hex>". The views hold as long as the object stays where it is.
class Traceparent {
 public:
  Traceparent() = default;
  explicit Traceparent(const TraceContext& context) { assign(context); }
  void assign(const TraceContext& context);

  std::string_view view() const { return {text_.data(), text_.size()}; }
  std::string_view traceId() const { return view().substr(3, 32); }
  std::string_view spanId() const { return view().substr(36, 16); }

 private:
  std::array<char, 55> text_{};
};

// A version 4 UUID (RFC 9562), 36 bytes of text.
struct RequestId {
  std::array<char, 36> text;

  std::string_view view() const { return {text.data(), text.size()}; }
};

// xoshiro256++ over the seed. The same seed gives the same ids: tests rely on it, and two cores must never share one.
class IdSource {
 public:
  using Seed = std::array<uint64_t, 4>;  // 32 bytes of getrandom(2)

  explicit IdSource(Seed seed);

  uint64_t next();
  // A trace that begins here. Its flags are 00: remora records no spans, and who samples further on decides afresh.
  TraceContext newTrace(uint8_t flags = 0);
  // What the next hop gets: the same trace and flags, with this hop's new span as its parent.
  TraceContext continueTrace(const TraceContext& received);
  RequestId newRequestId();

 private:
  uint64_t nextNonZero();

  Seed state_;
};

}  // namespace remora::observe
