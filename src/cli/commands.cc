#include "cli/commands.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/process.h"
#include "control/yaml_config.h"

namespace remora::cli {
namespace {

std::vector<std::string_view> logFields() {
  const auto names = observe::accessLogFieldNames();
  return {names.begin(), names.end()};
}

// Prints what is wrong; true when it can be used.
bool report(const control::LoadedConfig& loaded) {
  for (const control::ConfigError& warning : loaded.warnings) {
    fmt::print(stderr, "warning: {}\n", control::describe(warning));
  }
  for (const control::ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", control::describe(error));
  return loaded.errors.empty();
}

}  // namespace

int runServer(const RunOptions& options) {
  const bool has_flags = !options.inbound.empty() || !options.outbound.empty();
  if (options.file.empty() == !has_flags) {
    fmt::print(stderr, "remora run: {}\n",
               has_flags ? "give either a FILE or --inbound and --outbound, not both"
                         : "give a configuration FILE, or --inbound LISTEN=APP such as 8080=3000");
    return 2;
  }
  control::LoadedConfig loaded = has_flags ? control::configFromFlags(options.inbound, options.outbound, options.admin)
                                           : control::loadYamlFile(options.file, logFields());
  if (!report(loaded)) return 1;
  Process process;
  return process.run(std::move(loaded.config), options.file);
}

int checkFile(const std::string& file, bool effective) {
  control::LoadedConfig loaded = control::loadYamlFile(file, logFields());
  if (!report(loaded)) {
    fmt::print(stderr, "{}: {} error(s)\n", file, loaded.errors.size());
    return 1;
  }
  if (effective) {
    fmt::print("{}", control::effectiveYaml(loaded.config));
    return 0;
  }
  const auto compiled = snapshot::compile(loaded.config, 1, std::make_shared<snapshot::RuleBook>());
  if (!compiled) {
    for (const route::CompileError& error : compiled.error()) {
      fmt::print(stderr, "{}: {}\n", describe(error.where), error.problem);
    }
    return 1;
  }
  size_t routes = 0;
  for (const auto& table : (*compiled)->route_tables) routes += table->routes().size();
  fmt::print("{}: good: {} listener(s), {} route(s), {} service(s)\n", file, loaded.config.listeners.size(), routes,
             loaded.config.clusters.size());
  return 0;
}

int printSchema() {
  fmt::print("{}\n", control::jsonSchema());
  return 0;
}

int printVersion() {
  fmt::print("remora {}\n", REMORA_VERSION);
  return 0;
}

}  // namespace remora::cli
