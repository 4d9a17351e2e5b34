// How one header, query parameter or cookie must look, compiled. Several values of one name are tested one by one and
// any of them suffices; "absent" means that there is none at all. Immutable after compile; any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "model/routes.h"
#include "route/regex.h"
#include "route/route_input.h"

namespace remora::route {

enum class ValuePlace : uint8_t { kHeader, kQuery, kCookie };

class ValuePredicate {
 public:
  // `match` must outlive the result. The error is a sentence for the person who wrote it.
  static std::expected<ValuePredicate, std::string> compile(const model::ValueMatch& match, ValuePlace place);

  bool holds(const RouteInput& input) const;

  const model::ValueMatch& source() const { return *match_; }
  ValuePlace place() const { return place_; }
  // Calls visit(value) for the values that the request has, until it returns true.
  template <class Visit>
  bool anyValue(const RouteInput& input, Visit visit) const {
    switch (place_) {
      case ValuePlace::kHeader:
        return anyHeaderValue(input, header_id_, match_->name, visit);
      case ValuePlace::kQuery:
        return anyQueryValue(input, match_->name, visit);
      case ValuePlace::kCookie:
        return anyCookieValue(input, match_->name, visit);
    }
    return false;
  }

 private:
  ValuePredicate(const model::ValueMatch& match, ValuePlace place) : match_(&match), place_(place) {}
  bool accepts(std::string_view value) const;

  const model::ValueMatch* match_;
  ValuePlace place_;
  http::HeaderId header_id_ = http::HeaderId::kOther;
  std::optional<Regex> regex_;
};

}  // namespace remora::route
