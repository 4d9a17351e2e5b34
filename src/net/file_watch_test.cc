#include "net/file_watch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace remora::net {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() {
    std::string pattern = ::testing::TempDir() + "file_watch.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    write("shop.yaml", "one");
  }
  ~FileWatchTest() override { fs::remove_all(directory_); }

  fs::path at(const std::string& name) const { return directory_ / name; }
  void write(const std::string& name, const std::string& text) { std::ofstream(at(name)) << text; }
  void watch(const std::string& name) { watchAll({name}); }
  void watchAll(const std::vector<std::string>& names) {
    auto started = FileWatch::start(loop_, pathsOf(names), [this] { ++told_; });
    ASSERT_TRUE(started) << started.error();
    watch_ = std::move(*started);
  }
  std::vector<std::string> pathsOf(const std::vector<std::string>& names) const {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(at(name).string());
    return paths;
  }
  // Turns until the watch has told `times` changes, or for too long.
  int toldOf(int times) {
    const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
    while (told_ < times && !limit.hasPassed(loop_.now())) turnFor(Milliseconds(20));
    return told_;
  }
  // For what must not happen: reads every event there is and lets a burst that they began end.
  int toldWhenQuiet() {
    loop_.turn(Deadline::at(loop_.readClock()));
    while (loop_.timers().size() > 0) turnFor(Milliseconds(20));
    return told_;
  }
  void turnFor(Duration span) { loop_.turn(Deadline::after(loop_.now(), span)); }

  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  fs::path directory_;
  int told_ = 0;
  std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, SeesAFileWrittenInPlace) {
  watch("shop.yaml");
  write("shop.yaml", "two");
  EXPECT_EQ(toldOf(1), 1);
  write("shop.yaml", "three");
  EXPECT_EQ(toldOf(2), 2);
  EXPECT_EQ(loop_.timers().size(), 0u);
}

TEST_F(FileWatchTest, TellsABurstOnceAfterItIsQuiet) {
  watch("shop.yaml");
  const Instant began = loop_.readClock();
  for (int i = 0; i < 50; ++i) {
    write("shop.yaml", std::to_string(i));
    loop_.turn(Deadline::at(loop_.now()));
  }
  EXPECT_EQ(toldOf(1), 1);
  EXPECT_GE(loop_.now() - began, kFileQuiet);
  EXPECT_EQ(toldWhenQuiet(), 1);
}

TEST_F(FileWatchTest, AWriterThatNeverRestsHidesNothing) {
  watch("shop.yaml");
  const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
  while (told_ == 0 && !limit.hasPassed(loop_.now())) {
    write("shop.yaml", "x");
    turnFor(Milliseconds(20));
  }
  EXPECT_EQ(told_, 1);
}

TEST_F(FileWatchTest, SeesAFileReplacedByRename) {
  watch("shop.yaml");
  for (int i = 1; i <= 3; ++i) {
    write("shop.yaml.new", std::to_string(i));
    fs::rename(at("shop.yaml.new"), at("shop.yaml"));
    EXPECT_EQ(toldOf(i), i);
  }
}

TEST_F(FileWatchTest, SeesTheSwapOfALinkOnTheWayAsKubernetesDoes) {
  const auto put = [&](const std::string& version) {
    fs::create_directory(at(version));
    write(version + "/app.yaml", version);
    fs::create_directory_symlink(version, at("..data_tmp"));
    fs::rename(at("..data_tmp"), at("..data"));
  };
  put("..1");
  fs::create_symlink("..data/app.yaml", at("app.yaml"));
  watch("app.yaml");
  put("..2");
  fs::remove_all(at("..1"));
  EXPECT_EQ(toldOf(1), 1);
  put("..3");
  EXPECT_EQ(toldOf(2), 2);
  write("..3/app.yaml", "in place");  // the new target is watched, too
  EXPECT_EQ(toldOf(3), 3);
  write("..2/app.yaml", "not on the way any more");
  EXPECT_EQ(toldWhenQuiet(), 3);
}

TEST_F(FileWatchTest, FollowsALinkToAnotherDirectory) {
  fs::create_directories(at("real/deep"));
  write("real/deep/target.yaml", "one");
  fs::create_symlink(at("real/deep/target.yaml"), at("link.yaml"));
  watch("link.yaml");
  write("real/deep/target.yaml", "two");
  EXPECT_EQ(toldOf(1), 1);
}

TEST_F(FileWatchTest, IgnoresEverythingElse) {
  watch("shop.yaml");
  write("other.yaml", "x");
  write("shop.yaml~", "x");
  fs::create_directory(at("sub"));
  write("sub/shop.yaml", "x");
  std::ifstream(at("shop.yaml")).get();
  EXPECT_EQ(toldWhenQuiet(), 0);
}

TEST_F(FileWatchTest, SeesTheFileVanishAndComeBack) {
  watch("shop.yaml");
  fs::remove(at("shop.yaml"));
  EXPECT_EQ(toldOf(1), 1);
  write("shop.yaml", "back");
  EXPECT_EQ(toldOf(2), 2);
}

TEST_F(FileWatchTest, SeesItsDirectoryDeletedAndMadeAnew) {
  fs::create_directories(at("etc/shop"));
  write("etc/shop/app.yaml", "one");
  watch("etc/shop/app.yaml");
  fs::remove_all(at("etc"));
  EXPECT_EQ(toldOf(1), 1);
  fs::create_directories(at("etc/shop"));
  write("etc/shop/app.yaml", "two");
  EXPECT_EQ(toldOf(2), 2);
  write("etc/shop/app.yaml", "three");
  EXPECT_EQ(toldOf(3), 3);
}

TEST_F(FileWatchTest, TheFileNeedNotExistYet) {
  watch("later/app.yaml");
  EXPECT_EQ(toldWhenQuiet(), 0);
  fs::create_directory(at("later"));
  EXPECT_EQ(toldOf(1), 1);
  write("later/app.yaml", "now");
  EXPECT_EQ(toldOf(2), 2);
}

TEST_F(FileWatchTest, ARingOfLinksEnds) {
  fs::create_symlink("b", at("a"));
  fs::create_symlink("a", at("b"));
  watch("a");
  fs::remove(at("b"));
  write("b", "at last");
  EXPECT_EQ(toldOf(1), 1);
}

TEST_F(FileWatchTest, NothingIsToldAfterItsEnd) {
  watch("shop.yaml");
  write("shop.yaml", "two");
  loop_.turn(Deadline::at(loop_.readClock()));
  loop_.turn(Deadline::at(loop_.readClock()));
  EXPECT_EQ(loop_.timers().size(), 1u);
  watch_.reset();
  EXPECT_EQ(toldWhenQuiet(), 0);
  EXPECT_EQ(loop_.timers().size(), 0u);
}

TEST_F(FileWatchTest, ARelativePathIsTakenFromWhereItWasGiven) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  auto started = FileWatch::start(loop_, {"shop.yaml"}, [this] { ++told_; });
  fs::current_path(before);
  ASSERT_TRUE(started) << started.error();
  EXPECT_EQ((*started)->paths(), pathsOf({"shop.yaml"}));
  write("shop.yaml", "two");
  EXPECT_EQ(toldOf(1), 1);
}

TEST_F(FileWatchTest, ChangesOfSeveralFilesWithinAMomentAreToldOnce) {
  write("cert.pem", "1");
  fs::create_directory(at("keys"));
  write("keys/key.pem", "1");
  watchAll({"shop.yaml", "cert.pem", "keys/key.pem"});
  write("cert.pem", "2");
  loop_.turn(Deadline::at(loop_.readClock()));
  write("keys/key.pem", "2");
  EXPECT_EQ(toldOf(1), 1);
  EXPECT_EQ(toldWhenQuiet(), 1);
  write("keys/key.pem", "3");
  EXPECT_EQ(toldOf(2), 2);
}

TEST_F(FileWatchTest, ASecretAndAConfigMapEachSwapTheirOwnLink) {
  const auto put = [&](const std::string& volume, const std::string& version, const std::string& file) {
    fs::create_directories(at(volume + "/" + version));
    write(volume + "/" + version + "/" + file, version);
    fs::create_directory_symlink(version, at(volume + "/..data_tmp"));
    fs::rename(at(volume + "/..data_tmp"), at(volume + "/..data"));
  };
  put("config", "..1", "app.yaml");
  put("secret", "..1", "tls.crt");
  write("secret/..1/tls.key", "1");
  fs::create_symlink("..data/app.yaml", at("config/app.yaml"));
  for (const char* name : {"tls.crt", "tls.key"}) {
    fs::create_symlink("..data/" + std::string(name), at("secret/" + std::string(name)));
  }
  watchAll({"config/app.yaml", "secret/tls.crt", "secret/tls.key"});
  put("secret", "..2", "tls.crt");
  fs::remove_all(at("secret/..1"));
  EXPECT_EQ(toldOf(1), 1) << "both files changed by one swap";
  EXPECT_EQ(toldWhenQuiet(), 1);
  put("config", "..2", "app.yaml");
  EXPECT_EQ(toldOf(2), 2);
}

TEST_F(FileWatchTest, FollowsOtherFilesFromThenOn) {
  write("old.pem", "1");
  write("new.pem", "1");
  watchAll({"shop.yaml", "old.pem"});
  ASSERT_TRUE(watch_->follow(pathsOf({"shop.yaml", "new.pem", "missing/later.pem"})));
  write("old.pem", "2");
  EXPECT_EQ(toldWhenQuiet(), 0);
  write("new.pem", "2");
  EXPECT_EQ(toldOf(1), 1);
  fs::create_directory(at("missing"));
  write("missing/later.pem", "1");
  EXPECT_EQ(toldOf(2), 2);
}

TEST_F(FileWatchTest, MayBeGivenOtherFilesWhileItTells) {
  auto started = FileWatch::start(loop_, pathsOf({"shop.yaml"}), [this] {
    ++told_;
    ASSERT_TRUE(watch_->follow(pathsOf({"shop.yaml", "cert.pem"})));
  });
  ASSERT_TRUE(started) << started.error();
  watch_ = std::move(*started);
  write("shop.yaml", "two");
  EXPECT_EQ(toldOf(1), 1);
  write("cert.pem", "1");
  EXPECT_EQ(toldOf(2), 2);
}

}  // namespace
}  // namespace remora::net
