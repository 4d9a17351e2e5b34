#include "control/endpoint_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace remora::control {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class EndpointFilesTest : public testing::Test {
 protected:
  EndpointFilesTest() {
    std::string pattern = testing::TempDir() + "endpoint_files.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~EndpointFilesTest() override { fs::remove_all(directory_); }

  std::string at(const std::string& name) const { return (directory_ / name).string(); }
  // In one step, as orchestrators do.
  void write(const std::string& name, const std::string& text) {
    std::ofstream(at(name + ".new")) << text;
    fs::rename(at(name + ".new"), at(name));
  }
  model::Config configOf(const std::vector<std::string>& names) const {
    model::Config config;
    for (const std::string& name : names) {
      config.clusters.emplace_back();
      config.clusters.back().name = name;
      config.clusters.back().endpoints_file = at(name);
    }
    return config;
  }
  std::string endpointsOf(const std::string& name) const {
    std::string text;
    for (const model::Endpoint& each : files_.withEndpoints(configOf({name}).clusters[0]).endpoints) {
      text += model::toText(each.address) + " ";
    }
    return text;
  }
  template <class Condition>
  bool runUntil(Condition condition) {
    const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
    while (!condition() && !limit.hasPassed(loop_.now())) loop_.turn(Deadline::after(loop_.now(), Milliseconds(20)));
    return condition();
  }
  static void keepLine(void* sink, std::string_view line) { *static_cast<std::string*>(sink) += line; }

  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  fs::path directory_;
  std::string said_;
  std::vector<std::string> changed_;
  observe::Log log_{{.write = keepLine, .sink = &said_}, observe::LogLevel::kInfo, observe::LogFormat::kText};
  EndpointFiles files_{loop_, log_, [this](const std::string& file) { changed_.push_back(file); }};
};

TEST_F(EndpointFilesTest, AChangeIsReadAndTold) {
  write("orders", "[10.0.0.1:80]");
  write("users", "[10.0.1.1:80]");
  files_.follow(configOf({"orders", "users"}));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
  EXPECT_TRUE(changed_.empty());
  write("orders", "[10.0.0.1:80, 10.0.0.2:80]");
  ASSERT_TRUE(runUntil([&] { return !changed_.empty(); }));
  EXPECT_EQ(changed_, std::vector<std::string>{at("orders")});
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 10.0.0.2:80 ");
  EXPECT_EQ(endpointsOf("users"), "10.0.1.1:80 ");
}

TEST_F(EndpointFilesTest, ABrokenFileChangesNothingAndIsSaid) {
  write("orders", "[10.0.0.1:80]");
  files_.follow(configOf({"orders"}));
  const auto failures = [this] { return files_.facts().at(0).failures; };
  for (const std::string broken : {"[10.0.0.1", "", "- 10.0.0.1:99999"}) {
    const uint64_t before = failures();
    write("orders", broken);
    ASSERT_TRUE(runUntil([&] { return failures() > before; })) << broken;
    EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
    EXPECT_FALSE(files_.facts()[0].last_error.empty());
  }
  const uint64_t before = failures();
  fs::remove(at("orders"));
  ASSERT_TRUE(runUntil([&] { return failures() > before; }));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
  EXPECT_TRUE(changed_.empty());
  EXPECT_THAT(said_, HasSubstr("the 1 endpoint(s) before it stay"));
  EXPECT_THAT(files_.factsText(configOf({"orders"}).clusters[0]), HasSubstr("1 endpoint(s), "));
  write("orders", "[10.0.0.2:80]");
  ASSERT_TRUE(runUntil([&] { return !changed_.empty(); }));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.2:80 ");
  EXPECT_TRUE(files_.facts()[0].last_error.empty());
}

TEST_F(EndpointFilesTest, AFileMayComeLater) {
  files_.follow(configOf({"orders"}));
  EXPECT_EQ(endpointsOf("orders"), "");
  EXPECT_THAT(said_, HasSubstr("there are no endpoints until it is good"));
  write("orders", "[10.0.0.1:80]");
  ASSERT_TRUE(runUntil([&] { return !changed_.empty(); }));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
}

TEST_F(EndpointFilesTest, ASwappedLinkOnTheWayIsAChange) {
  fs::create_directory(at("v1"));
  fs::create_directory(at("v2"));
  std::ofstream(at("v1/orders")) << "[10.0.0.1:80]";
  std::ofstream(at("v2/orders")) << "[10.0.0.2:80]";
  fs::create_symlink("v1", at("..data"));
  fs::create_symlink("..data/orders", at("orders"));
  files_.follow(configOf({"orders"}));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
  fs::create_symlink("v2", at("..tmp"));
  fs::rename(at("..tmp"), at("..data"));
  ASSERT_TRUE(runUntil([&] { return !changed_.empty(); }));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.2:80 ");
}

TEST_F(EndpointFilesTest, AReloadKeepsTheLastGoodAndForgetsOtherFiles) {
  write("orders", "[10.0.0.1:80]");
  write("users", "[10.0.1.1:80]");
  files_.follow(configOf({"orders", "users"}));
  write("orders", "[broken");
  files_.follow(configOf({"orders"}));
  EXPECT_EQ(endpointsOf("orders"), "10.0.0.1:80 ");
  EXPECT_EQ(endpointsOf("users"), "");
  EXPECT_EQ(files_.facts().size(), 1u);
}

}  // namespace
}  // namespace remora::control
