#include "http/h2_head.h"

#include <algorithm>
#include <utility>

#include "http/h2_field.h"
#include "http/validate.h"
#include "loop/frame_pool.h"

namespace remora::http {
namespace {

// A head this many times its bound isn't a large cookie but a bomb of compressed fields.
constexpr size_t kExcess = 4;

// What a line of HTTP/1 adds to a field: ": " and CRLF.
constexpr size_t kLineBytes = 4;

// Kept for the next head; a larger one was an exception.
constexpr size_t kTextKept = 4 << 10;

// Of a thread. With more than so many at once, each exchange makes its own.
constexpr size_t kSpareMost = 256;

void reuse(std::string& text) {
  if (text.capacity() > kTextKept) text = {};
  text.clear();
}

}  // namespace

// Plain and constant-initialised, as loop/frame_pool.cc has it.
struct H2HeadPool {
  std::unique_ptr<H2Head> first;
  size_t count = 0;

  H2HeadPtr take() {
    if (!first) return H2HeadPtr(new H2Head);
    H2HeadPtr head(first.release());
    first = std::move(head->next_spare_);
    --count;
    return head;
  }
  void give(H2Head* head) {
    std::unique_ptr<H2Head> given(head);
    if (!loop::kIsPooled || count >= kSpareMost) return;
    given->next_spare_ = std::move(first);
    first = std::move(given);
    ++count;
  }
};

namespace {
constinit thread_local H2HeadPool pool;
}

H2HeadPtr takeHead() {
  return pool.take();
}

void H2HeadGiveBack::operator()(H2Head* head) const noexcept {
  pool.give(head);
}

void H2Head::begin(Kind kind, const Bounds& bounds) {
  kind_ = kind;
  bounds_ = bounds;
  charged_ = fields_ = cookies_ = 0;
  reuse(pseudo_);
  reuse(lines_);
  reuse(cookie_);
  pseudo_places_ = {};
  pseudos_ = 0;
  failure_.reset();
  response_.status = 0;
  request_.headers.clear();
  response_.headers.clear();
}

H2Head::Added H2Head::add(const HpackField& field) {
  charge(field.name, field.value);
  if (failure_) return charged_ <= kExcess * bounds_.bytes ? Added::kWell : Added::kTooMuch;
  if (!field.is_name_sound || !field.is_value_sound) return Added::kMalformed;
  if (field.name[0] == ':') return addPseudo(field.name, field.value) ? Added::kWell : Added::kMalformed;
  if (!mayStandInHttp2(field.id, field.value)) return Added::kMalformed;
  if (kind_ != Kind::kTrailers && field.id == HeaderId::kCookie) {
    // An empty crumb adds nothing: a delimiter that nothing follows would be a value that ends with a blank.
    if (!cookie_.empty() && !field.value.empty()) cookie_ += "; ";
    cookie_ += field.value;
    ++cookies_;
  } else if (field.id == HeaderId::kHost && kind_ == Kind::kRequest && has(kAuthority) &&
             ascii::equalsIgnoreCase(request_.headers[0].value, field.value)) {
    // Said twice, and the same: once is enough. Otherwise both stay, and validation refuses them.
  } else {
    addLine(field.name, field.value, field.id);
  }
  return Added::kWell;
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

// RFC 9113 section 8.3: each at most once, before all others, and none in trailers.
bool H2Head::addPseudo(std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, 6> kNames{":method",   ":path",      ":scheme",
                                                          ":protocol", ":authority", ":status"};
  const auto known = std::ranges::find(kNames, name);
  if (known == kNames.end()) return false;
  const auto pseudo = static_cast<Pseudo>(known - kNames.begin());
  const bool fits = kind_ == (pseudo == kStatus ? Kind::kResponse : Kind::kRequest);
  if (!fits || has(pseudo) || fields_ > 0) return false;
  pseudos_ |= 1U << pseudo;
  if (pseudo == kAuthority) {
    addLine("host", value, HeaderId::kHost);
    return true;
  }
  if (pseudo == kStatus) {
    response_.status = static_cast<uint16_t>(value.size() == 3 ? ascii::parseDecimal(value).value_or(0) : 0);
    return true;
  }
  pseudo_places_[pseudo] = {static_cast<uint32_t>(pseudo_.size()), static_cast<uint32_t>(value.size())};
  pseudo_ += value;
  return true;
}

void H2Head::addLine(std::string_view name, std::string_view value, HeaderId id) {
  const size_t at = lines_.size();
  const char* const before = lines_.data();
  const size_t length = name.size() + value.size() + kLineBytes;
  lines_.resize_and_overwrite(at + length, [&](char* text, size_t) {
    char* to = std::ranges::copy(name, text + at).out;
    *to++ = ':';
    *to++ = ' ';
    to = std::ranges::copy(value, to).out;
    *to++ = '\r';
    *to++ = '\n';
    return at + length;
  });
  if (lines_.data() != before) headers().rebase(lines_.data() - before);
  const char* const line = lines_.data() + at;
  headers().add({line, name.size()}, {line + name.size() + 2, value.size()}, id, static_cast<uint32_t>(length));
}

// Sections 8.3.1, 8.3.2 and 8.5, and RFC 8441. A head that was too large has lost what came late.
bool H2Head::isComplete() const {
  if (failure_) return true;
  switch (kind_) {
    case Kind::kTrailers:
      return true;
    case Kind::kResponse:
      return has(kStatus);
    case Kind::kRequest:
      break;
  }
  if (!has(kMethod) || (has(kProtocol) && pseudo(kMethod) != "CONNECT")) return false;
  if (pseudo(kMethod) == "CONNECT" && !has(kProtocol)) return has(kAuthority) && !has(kScheme) && !has(kTarget);
  return has(kScheme) && has(kTarget) && pseudo_places_[kTarget].bytes > 0;
}

bool H2Head::finish(End end) {
  if (!isComplete()) return false;
  if (cookies_) addLine("cookie", cookie_, HeaderId::kCookie);
  const bool has_body = end == End::kMore;
  if (kind_ == Kind::kRequest) {
    request_.method = pseudo(kMethod);
    request_.target = pseudo(kTarget);
    request_.scheme = pseudo(kScheme);
    request_.protocol = pseudo(kProtocol);
    request_.major = 2;
    request_.minor = 0;
    request_.has_body = has_body;
  } else if (kind_ == Kind::kResponse) {
    response_.major = 2;
    response_.minor = 0;
    response_.has_body = has_body;
  } else if (!failure_) {
    for (const Field& field : request_.headers) {
      if (!mayBeTrailer(field)) failure_ = Failure{Reason::kBadTrailer};
    }
  }
  return true;
}

}  // namespace remora::http
