#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "admin/explain.h"
#include "base/ascii.h"
#include "cli/commands.h"
#include "control/yaml_config.h"
#include "snapshot/compiler.h"

namespace remora::cli {
namespace {

// Exit codes tell scripts apart what a person reads in the text.
constexpr int kRefused = 1;

bool readHeaders(const std::vector<std::string>& texts, admin::HypotheticalRequest& asked) {
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0) {
      fmt::print(stderr, "remora explain: header '{}' isn't 'name: value'\n", text);
      return false;
    }
    asked.headers.emplace_back(text.substr(0, colon), ascii::trim(std::string_view(text).substr(colon + 1)));
  }
  return true;
}

}  // namespace

int explainRequest(const ExplainOptions& options) {
  control::LoadedConfig loaded = control::loadYamlFile(options.file);
  for (const control::ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", control::describe(error));
  if (!loaded.errors.empty()) return 1;
  const auto compiled = snapshot::compile(std::move(loaded.config), 1, std::make_shared<snapshot::RuleBook>());
  if (!compiled) {
    for (const route::CompileError& error : compiled.error()) {
      fmt::print(stderr, "{}: {}\n", describe(error.where), error.problem);
    }
    return 1;
  }
  admin::HypotheticalRequest asked{.method = options.method,
                                   .url = options.url,
                                   .headers = {},
                                   .source = options.source,
                                   .listener = options.listener,
                                   .direction = std::nullopt};
  if (!readHeaders(options.headers, asked)) return 2;
  const admin::Explanation explanation = admin::explain(**compiled, asked);
  fmt::print("{}", options.json ? printExplanationJson(explanation) : printExplanationText(explanation));
  if (explanation.verdict == admin::Explanation::Verdict::kNoQuestion) return 2;
  return explanation.verdict == admin::Explanation::Verdict::kRefused ? kRefused : 0;
}

}  // namespace remora::cli
