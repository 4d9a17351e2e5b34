#include "http/h2_head.h"

#include "http/validate.h"

namespace remora::http {
namespace {

// A head this many times its bound isn't a large cookie but a bomb of compressed fields.
constexpr size_t kExcess = 4;

// What a line of HTTP/1 adds to a field: ": " and CRLF.
constexpr size_t kLineBytes = 4;

// Kept for the next head; a larger one was an exception.
constexpr size_t kTextKept = 8 << 10;

void reuse(std::string& text) {
  if (text.capacity() > kTextKept) text = {};
  text.clear();
}

}  // namespace

void H2Head::begin(Kind kind, const Bounds& bounds) {
  kind_ = kind;
  bounds_ = bounds;
  charged_ = fields_ = cookies_ = 0;
  reuse(pseudo_);
  reuse(lines_);
  reuse(cookie_);
  method_ = target_ = scheme_ = protocol_ = {};
  places_.clear();
  has_authority_ = false;
  failure_.reset();
  response_.status = 0;
  request_.headers.clear();
  response_.headers.clear();
}

bool H2Head::add(std::string_view name, std::string_view value) {
  charge(name, value);
  if (failure_) return charged_ <= kExcess * bounds_.bytes;
  if (name.starts_with(':')) {
    addPseudo(name, value);
  } else if (kind_ != Kind::kTrailers && name == "cookie") {
    if (cookies_++) cookie_ += "; ";
    cookie_ += value;
  } else if (kind_ == Kind::kRequest && name == "host" && has_authority_ &&
             ascii::equalsIgnoreCase(places_.front().value.of(lines_), value)) {
    // Said twice, and the same: once is enough. Otherwise both stay, and validation refuses them.
  } else {
    addLine(name, value);
  }
  return true;
}

void H2Head::charge(std::string_view name, std::string_view value) {
  charged_ += name.size() + value.size() + kLineBytes;
  fields_ += !name.starts_with(':');
  if (failure_) return;
  const bool is_response = kind_ == Kind::kResponse;
  if (kind_ == Kind::kTrailers && (charged_ > bounds_.bytes || fields_ > bounds_.fields)) {
    failure_ = Failure{Reason::kBadTrailer};
  } else if (charged_ > bounds_.bytes) {
    failure_ = Failure{is_response ? Reason::kResponseTooLarge : Reason::kHeadTooLarge};
  } else if (fields_ > bounds_.fields) {
    failure_ = Failure{is_response ? Reason::kResponseTooLarge : Reason::kTooManyHeaders};
  } else if (name == ":path" && value.size() > bounds_.target) {
    failure_ = Failure{Reason::kTargetTooLong};
  }
}

void H2Head::addPseudo(std::string_view name, std::string_view value) {
  if (name == ":authority") {
    has_authority_ = true;
    return addLine("host", value);
  }
  if (name == ":status") {
    response_.status = static_cast<uint16_t>(value.size() == 3 ? ascii::parseDecimal(value).value_or(0) : 0);
    return;
  }
  const Place place{static_cast<uint32_t>(pseudo_.size()), static_cast<uint32_t>(value.size())};
  pseudo_ += value;
  if (name == ":method") method_ = place;
  if (name == ":path") target_ = place;
  if (name == ":scheme") scheme_ = place;
  if (name == ":protocol") protocol_ = place;
}

void H2Head::addLine(std::string_view name, std::string_view value) {
  const auto at = static_cast<uint32_t>(lines_.size());
  const auto name_bytes = static_cast<uint32_t>(name.size());
  lines_.append(name).append(": ").append(value).append("\r\n");
  places_.push_back({{at, name_bytes}, {at + name_bytes + 2, static_cast<uint32_t>(value.size())}});
}

void H2Head::finish(End end) {
  if (cookies_) addLine("cookie", cookie_);
  Headers& headers = kind_ == Kind::kResponse ? response_.headers : request_.headers;
  for (const Line& line : places_) {
    const std::string_view name = line.name.of(lines_);
    headers.add(name, line.value.of(lines_), headerIdOf(name), line.name.bytes + line.value.bytes + kLineBytes);
  }
  const bool has_body = end == End::kMore;
  if (kind_ == Kind::kRequest) {
    request_.method = method_.of(pseudo_);
    request_.target = target_.of(pseudo_);
    request_.scheme = scheme_.of(pseudo_);
    request_.protocol = protocol_.of(pseudo_);
    request_.major = 2;
    request_.minor = 0;
    request_.has_body = has_body;
  } else if (kind_ == Kind::kResponse) {
    response_.major = 2;
    response_.minor = 0;
    response_.has_body = has_body;
  } else if (!failure_) {
    for (const Field& field : headers) {
      if (!mayBeTrailer(field)) failure_ = Failure{Reason::kBadTrailer};
    }
  }
}

}  // namespace remora::http
