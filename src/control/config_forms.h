// The forms that the tables of keys are made of: helpers, and those that several tables share. Only for config_keys.cc
// and transport_keys.cc. Constant data; any thread.
#pragma once

#include "control/config_keys.h"

namespace remora::control::forms {

using Kind = Form::Kind;

inline constexpr uint64_t kYear = 365ULL * 24 * 3'600'000;
inline constexpr uint64_t kMiB = 1 << 20;
inline constexpr uint64_t kGiB = 1 << 30;

constexpr Form integer(uint64_t least, uint64_t most) {
  return {Kind::kInteger, least, most};
}
constexpr Form size(uint64_t least, uint64_t most) {
  return {Kind::kSize, least, most};
}
constexpr Form text(std::string_view hint) {
  return {.kind = Kind::kText, .hint = hint};
}
constexpr Form word(std::span<const std::string_view> words) {
  return {.kind = Kind::kWord, .words = words};
}
constexpr Form object(const ObjectSpec& spec) {
  return {.kind = Kind::kObject, .object = &spec};
}
constexpr Form listOf(std::span<const Form> items) {
  return {.kind = Kind::kList, .items = items};
}
constexpr Form mapOf(std::string_view names, std::span<const Form> items) {
  return {.kind = Kind::kMap, .hint = names, .items = items};
}

// ---- forms that several keys share

inline constexpr Form kBool[] = {{Kind::kBool}};
inline constexpr Form kTrueOnly[] = {{Kind::kBool}};
inline constexpr Form kText[] = {text("a text")};
inline constexpr Form kTime[] = {{Kind::kDuration, 1, kYear}};        // must be bounded
inline constexpr Form kTimeOrZero[] = {{Kind::kDuration, 0, kYear}};  // 0: none
inline constexpr Form kCount[] = {integer(0, UINT32_MAX)};
inline constexpr Form kLongCount[] = {integer(0, 999'999'999'999'999)};
inline constexpr Form kPercent[] = {integer(0, 100)};
inline constexpr Form kPort[] = {integer(1, 65535)};
inline constexpr Form kHeaderValue[] = {{.kind = Kind::kScalar, .hint = "a header value"}};
inline constexpr Form kHeaderValues[] = {{.kind = Kind::kScalar, .hint = "a header value"}, listOf(kHeaderValue)};
inline constexpr Form kNames[] = {text("a name")};
inline constexpr Form kNameList[] = {listOf(kNames)};
inline constexpr Form kHostItem[] = {text("a host name, \"*.example.com\" or \"*\"")};
inline constexpr Form kHosts[] = {kHostItem[0], listOf(kHostItem)};
inline constexpr Form kMethodItem[] = {text("a method such as GET")};
inline constexpr Form kMethods[] = {kMethodItem[0], listOf(kMethodItem)};
inline constexpr Form kSourceItem[] = {text("a network such as 10.0.0.0/8")};
inline constexpr Form kSources[] = {kSourceItem[0], listOf(kSourceItem)};
inline constexpr Form kServiceName[] = {text("the name of a service")};
inline constexpr Form kAddressText[] = {text("an address such as 10.0.0.1:8080, orders.internal:8080 or unix:/path"),
                                        integer(1, 65535)};
inline constexpr Form kLabelValue[] = {{.kind = Kind::kScalar, .hint = "the value of a label"}};
inline constexpr Form kLabels[] = {mapOf("names of labels", kLabelValue)};
inline constexpr Form kDestination[] = {text("the name of a service"), object(kDestinationSpec)};
inline constexpr Form kPathText[] = {text("a path such as /v2")};
inline constexpr Form kRegexText[] = {text("a regular expression (RE2)")};
inline constexpr Form kHostText[] = {text("a host name")};
inline constexpr Form kHashKeyItem[] = {object(kHashKeySpec)};
inline constexpr Form kHashKeys[] = {kHashKeyItem[0], listOf(kHashKeyItem)};
inline constexpr Form kRate[] = {text("a rate such as 500/s, 30/m or 1000/h")};
inline constexpr Form kFile[] = {text("the path of a PEM file")};

}  // namespace remora::control::forms
