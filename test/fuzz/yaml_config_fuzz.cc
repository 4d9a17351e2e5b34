// Any text: never throws, never crashes; what is accepted is written out as YAML that is accepted again and says the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/yaml_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace remora;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const control::LoadedConfig loaded = control::loadYaml(text, "fuzz.yaml");
  for (const control::ConfigError& error : loaded.errors) {
    if (control::describe(error).find('\n') != std::string::npos) std::abort();
  }
  if (!loaded.errors.empty()) return 0;
  const std::string written = control::effectiveYaml(loaded.config);
  const control::LoadedConfig again = control::loadYaml(written, "effective.yaml");
  if (!again.errors.empty() || control::effectiveYaml(again.config) != written) std::abort();
  return 0;
}
