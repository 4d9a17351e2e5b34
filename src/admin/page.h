// What is asked of the admin side and what it answers, as plain values that own their text: a page may be gathered
// while the connection that asked goes away. Pure; belongs to the admin thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"

namespace remora::admin {

inline constexpr std::string_view kTextContent = "text/plain; charset=utf-8";
inline constexpr std::string_view kJsonContent = "application/json";

struct Page {
  uint16_t status = 200;
  std::string content_type{kTextContent};
  std::string body;
  std::string allow;  // methods of a 405
};

// In the order received; a name may come again.
using Params = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=x%20y+z", decoded; an escape that is malformed stays as it is.
Params parseParams(std::string_view query);

struct PageRequest {
  http::Method method = http::Method::kGet;
  std::string path;  // normalised, without the query
  Params params;     // of the query, then of a form in the body
  std::string accept;
  std::string content_type;
  std::string body;

  // The last value of that name; null without one.
  const std::string* param(std::string_view name) const;
};

enum class Format : uint8_t { kText, kJson };

// ?format=json or =text; without it JSON only to those who ask for application/json.
Format formatOf(const PageRequest& request);

// A sentence, in the form that was asked for.
Page sayingPage(const PageRequest& request, uint16_t status, std::string_view sentence);

// Refuses parameters that the page doesn't know: one that is misspelt must not look as if it had been obeyed.
std::expected<void, Page> knowParams(const PageRequest& request, std::initializer_list<std::string_view> known);

}  // namespace remora::admin
