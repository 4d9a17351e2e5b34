#include "net/cgroup_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace remora::net {
namespace {

class CgroupMemoryTest : public testing::Test {
 protected:
  CgroupMemoryTest() {
    root_ = testing::TempDir() + "cgroup-memory-test";
    std::filesystem::remove_all(root_);
  }
  ~CgroupMemoryTest() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }

  std::string root_;
};

TEST_F(CgroupMemoryTest, TheSmallestLimitAroundTheProcessCounts) {
  write("memory.max", "max\n");
  write("pod/memory.max", "67108864\n");
  write("pod/memory.current", "50000000\n");
  write("pod/memory.stat", "anon 1000\ninactive_file 6000000\nactive_file 4000000\nkernel 1\n");
  write("pod/app/memory.max", "134217728\n");
  const CgroupMemory found = CgroupMemory::find(root_, "0::/pod/app\n");
  EXPECT_EQ(found.limit(), 67108864u);
  EXPECT_EQ(found.used(), 40000000u) << "the cache of files doesn't count";
}

TEST_F(CgroupMemoryTest, VersionOneWhereTheMemoryControllerIsItsOwn) {
  write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("memory/a/memory.limit_in_bytes", "1048576\n");
  write("memory/a/memory.usage_in_bytes", "900\n");
  write("memory/a/memory.stat", "cache 1\ntotal_inactive_file 100\ntotal_active_file 50\n");
  const CgroupMemory found = CgroupMemory::find(root_, "9:name=systemd:/\n4:memory:/a\n0::/\n");
  EXPECT_EQ(found.limit(), 1048576u);
  EXPECT_EQ(found.used(), 750u);
}

TEST_F(CgroupMemoryTest, InAContainerThePathMayBeTheHosts) {
  write("memory/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(CgroupMemory::find(root_, "4:cpu,memory:/docker/0123\n").limit(), 1048576u);
}

TEST_F(CgroupMemoryTest, WithoutALimitThereIsNone) {
  write("a/memory.max", "max\n");
  EXPECT_EQ(CgroupMemory::find(root_, "0::/a\n").limit(), 0u);
  EXPECT_EQ(CgroupMemory::find(root_, "").limit(), 0u);
  EXPECT_EQ(CgroupMemory::find("/nowhere", "0::/a\n").limit(), 0u);
}

}  // namespace
}  // namespace remora::net
