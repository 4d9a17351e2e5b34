// Tells when one of some files may have changed, however that is done: written in place, replaced by rename (editors),
// or by a symlink on the way to it that is swapped (Kubernetes' ..data), deleted and made anew with its directory. By
// inotify, without polling, and with one instance of it for all files: a user has few. Belongs to one loop. It never
// reads the files: whether their content is another is the caller's to find out.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loop/loop.h"
#include "loop/poller.h"

namespace remora::net {

// A change is told this long after the last event, so that a file that is written in several steps is read once.
inline constexpr Duration kFileQuiet = Milliseconds(100);
// But at most this long after the first: a writer that never rests must not hide its changes for ever.
inline constexpr Duration kFileMostWait = std::chrono::seconds(2);

class FileWatch final : loop::Pollable, loop::Runnable, loop::Timer {
 public:
  // On the loop, once for a burst of changes of any of the files; also when one vanished. It may call follow, but not
  // destroy the watch.
  using OnChange = std::function<void()>;

  // The files themselves need not exist yet. The error is a sentence: why changes can't be seen, and what to do.
  static std::expected<std::unique_ptr<FileWatch>, std::string> start(loop::Loop& loop, std::vector<std::string> paths,
                                                                      OnChange on_change);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Other files from now on; a burst that runs is told all the same. After an error as above, those that can be seen
  // are.
  std::expected<void, std::string> follow(std::vector<std::string> paths);
  const std::vector<std::string>& paths() const { return paths_; }  // absolute

 private:
  using Places = std::map<std::string, std::set<std::string>>;  // directory -> names in it that matter

  // Why a path can't be watched.
  struct Refusal {
    std::string path;
    int error = 0;
  };

  FileWatch(loop::Loop& loop, OnChange on_change, int fd);
  void onEvents(uint32_t) override { loop_.post(*this); }
  void run() override;
  void onTime() override;

  std::optional<Refusal> watchPlaces();
  Places placesOnAll() const;
  bool readEvents();
  bool isRelevant(int watch, uint32_t mask, std::string_view name) const;

  loop::Loop& loop_;
  std::vector<std::string> paths_;
  OnChange on_change_;
  const int fd_;
  std::map<int, std::set<std::string>> watches_;  // inotify's number of a directory -> names in it that matter
  Deadline tell_by_ = Deadline::never();          // of the burst that runs; never: none does
  bool is_due_ = false;
};

}  // namespace remora::net
