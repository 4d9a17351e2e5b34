// One head, or one trailer section, as it comes out of HPACK: written as lines of HTTP/1, so that whoever forwards it
// can copy runs of them. Every field is charged against the bounds, kept or not. Views into it hold until it is given
// back. A core's heads are used again and again, whichever session's they were; each belongs to one core.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/hpack.h"
#include "http/message.h"

namespace remora::http {

class H2Head {
 public:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };
  struct Bounds {
    size_t bytes = 64 << 10;
    uint32_t fields = 100;
    size_t target = 8 << 10;
  };

  enum class Added : uint8_t {
    kWell,
    kMalformed,  // RFC 9113 section 8: a name or value that may not be, or not here
    kTooMuch,    // so far past the bounds that nobody means it honestly
  };

  void begin(Kind kind, const Bounds& bounds);
  Added add(const HpackField& field);
  // The head is complete: the message can be read. False: it is malformed, something that it must say isn't there.
  bool finish(End end);

  Kind kind() const { return kind_; }
  const RawRequest& request() const { return request_; }
  const RawResponse& response() const { return response_; }
  const Headers& trailers() const { return request_.headers; }
  // What is wrong with it, though it can be answered: too large, a trailer that may not be one.
  const std::optional<Failure>& failure() const { return failure_; }
  size_t bytes() const { return lines_.size() + pseudo_.size(); }  // that it holds
  uint16_t status() const { return response_.status; }

 private:
  struct Place {
    uint32_t at;
    uint32_t bytes;
    std::string_view of(std::string_view text) const { return text.substr(at, bytes); }
  };
  enum Pseudo : uint8_t { kMethod, kTarget, kScheme, kProtocol, kAuthority, kStatus };
  friend struct H2HeadPool;
  void charge(std::string_view name, std::string_view value);
  bool addPseudo(std::string_view name, std::string_view value);
  void addLine(std::string_view name, std::string_view value, HeaderId id);
  std::string_view pseudo(Pseudo name) const { return pseudo_places_[name].of(pseudo_); }
  bool has(Pseudo name) const { return pseudos_ & 1U << name; }
  bool isComplete() const;
  Headers& headers() { return kind_ == Kind::kResponse ? response_.headers : request_.headers; }

  Kind kind_ = Kind::kRequest;
  Bounds bounds_;
  size_t charged_ = 0;
  uint32_t fields_ = 0;
  std::string pseudo_;                    // values of the pseudo-header fields
  std::array<Place, 4> pseudo_places_{};  // of those before kAuthority
  std::string lines_;                     // the fields' text
  std::string cookie_;                    // crumbs joined (RFC 9113 section 8.2.3)
  uint32_t cookies_ = 0;
  uint8_t pseudos_ = 0;  // those that came, a bit each
  std::optional<Failure> failure_;
  std::unique_ptr<H2Head> next_spare_;
  RawRequest request_;  // its headers are those of trailers too
  RawResponse response_;
};

struct H2HeadGiveBack {
  void operator()(H2Head* head) const noexcept;
};
using H2HeadPtr = std::unique_ptr<H2Head, H2HeadGiveBack>;
H2HeadPtr takeHead();

}  // namespace remora::http
