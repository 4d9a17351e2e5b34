#include "control/suggest.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::control {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(editDistance("", ""), 0u);
  EXPECT_EQ(editDistance("", "abc"), 3u);
  EXPECT_EQ(editDistance("mach", "match"), 1u);
  EXPECT_EQ(editDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(editDistance("ot", "to"), 1u) << "neighbours swapped are one edit";
  EXPECT_EQ(editDistance("Least-Request", "least_request"), 0u);
}

TEST(Suggest, IsSymmetric) {
  EXPECT_EQ(editDistance("timeout", "idle"), editDistance("idle", "timeout"));
  EXPECT_EQ(editDistance("abc", "bcad"), editDistance("bcad", "abc"));
}

TEST(Suggest, NobodyMisspellsVeryLongNames) {
  const std::string name(65, 'a');
  EXPECT_EQ(editDistance(name, name), SIZE_MAX);
  const std::string_view candidates[] = {"a"};
  EXPECT_EQ(nearestName(name, candidates), "");
}

TEST(Suggest, NearestName) {
  const std::string_view candidates[] = {"listen", "limits", "timeouts", "to", "name"};
  EXPECT_EQ(nearestName("lisen", candidates), "listen");
  EXPECT_EQ(nearestName("limit", candidates), "limits");
  EXPECT_EQ(nearestName("timeout", candidates), "timeouts");
  EXPECT_EQ(nearestName("ot", candidates), "to");
  EXPECT_EQ(nearestName("certificate", candidates), "");
  EXPECT_EQ(nearestName("", candidates), "");
  EXPECT_EQ(nearestName("x", {}), "");
}

}  // namespace
}  // namespace remora::control
