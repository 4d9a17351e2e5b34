#include "control/overload_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/yaml_config.h"

namespace remora::control {
namespace {

using testing::HasSubstr;

LoadedConfig withOverload(const std::string& text) {
  return loadYaml("inbound: [{ listen: 8080, app: 3000 }]\noverload: " + text + "\n", "f");
}

TEST(OverloadConfig, IsReadAndHasDefaults) {
  const LoadedConfig loaded = withOverload("{ memory: 64MiB, stop_accepting_requests: 90, loop_delay: 0 }");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  EXPECT_EQ(loaded.config.overload, (model::Overload{.memory = Bytes{64 << 20},
                                                     .disable_http_keepalive = 85,
                                                     .refuse_low_priority = 88,
                                                     .stop_accepting_requests = 90,
                                                     .stop_accepting_connections = 97,
                                                     .loop_delay = Milliseconds(0)}));
}

TEST(OverloadConfig, ActionsComeInTheirOrder) {
  const LoadedConfig loaded = withOverload("{ stop_accepting_requests: 80 }");
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_THAT(describe(loaded.errors[0]),
              HasSubstr("stop_accepting_requests (80) would come before disable_http_keepalive (85)"));
  EXPECT_TRUE(withOverload("{ stop_accepting_requests: 80, disable_http_keepalive: 0 }").errors.empty());
}

TEST(OverloadConfig, LowPriorityKeepsToTheOrderOfTheOthers) {
  const auto low = [](const std::string& text) {
    const LoadedConfig loaded = withOverload(text);
    EXPECT_TRUE(loaded.errors.empty()) << text << ": " << describe(loaded.errors[0]);
    return loaded.config.overload.refuse_low_priority;
  };
  EXPECT_EQ(low("{ stop_accepting_requests: 86 }"), 86u);
  EXPECT_EQ(low("{ disable_http_keepalive: 90 }"), 90u);
  EXPECT_EQ(low("{ stop_accepting_requests: 0 }"), 0u) << "requests are never refused";
  EXPECT_EQ(low("{ stop_accepting_requests: 0, refuse_low_priority: 90 }"), 90u);
  EXPECT_EQ(low("{ refuse_low_priority: 0 }"), 0u);
  const LoadedConfig late = withOverload("{ refuse_low_priority: 93 }");
  ASSERT_EQ(late.errors.size(), 1u);
  EXPECT_THAT(describe(late.errors[0]),
              HasSubstr("stop_accepting_requests (92) would come before refuse_low_priority (93)"));
}

TEST(OverloadConfig, PercentagesEndAtAHundred) {
  ASSERT_EQ(withOverload("{ stop_accepting_connections: 101 }").errors.size(), 1u);
}

}  // namespace
}  // namespace remora::control
