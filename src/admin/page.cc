#include "admin/page.h"

#include <algorithm>

#include "admin/json.h"
#include "base/ascii.h"

namespace remora::admin {
namespace {

std::string decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && ascii::hexValue(text[i + 1]) >= 0 &&
               ascii::hexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(ascii::hexValue(text[i + 1]) * 16 + ascii::hexValue(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Params parseParams(std::string_view query) {
  Params params;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    params.emplace_back(decode(pair.substr(0, equals)), has_value ? decode(pair.substr(equals + 1)) : std::string());
  }
  return params;
}

const std::string* PageRequest::param(std::string_view name) const {
  const auto found = std::find_if(params.rbegin(), params.rend(), [&](const auto& pair) { return pair.first == name; });
  return found == params.rend() ? nullptr : &found->second;
}

Format formatOf(const PageRequest& request) {
  if (const std::string* format = request.param("format")) return *format == "json" ? Format::kJson : Format::kText;
  bool wants_json = false;
  ascii::forEachListMember(request.accept, [&](std::string_view member) {
    wants_json |= ascii::equalsIgnoreCase(ascii::trim(member.substr(0, member.find(';'))), "application/json");
  });
  return wants_json ? Format::kJson : Format::kText;
}

Page sayingPage(const PageRequest& request, uint16_t status, std::string_view sentence) {
  if (formatOf(request) == Format::kText) return {.status = status, .body = std::string(sentence) + "\n"};
  const bool is_error = status >= 400;
  return {.status = status,
          .content_type = std::string(kJsonContent),
          .body = printJson({{is_error ? "error" : "message", sentence}})};
}

std::expected<void, Page> knowParams(const PageRequest& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.params) {
    if (name == "format" && (value == "json" || value == "text")) continue;
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string sentence = "this page has no parameter '" + name + "'; it knows ";
    if (name == "format") sentence = "the format '" + value + "' isn't known; it may be json or text, beside ";
    for (const std::string_view each : known) sentence += std::string(each) + ", ";
    return std::unexpected(sayingPage(request, 400, sentence + "format"));
  }
  return {};
}

}  // namespace remora::admin
