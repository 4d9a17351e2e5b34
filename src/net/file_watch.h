// Tells when a file may have changed, however that is done: written in place, replaced by rename (editors), or by a
// symlink on the way to it that is swapped (Kubernetes' ..data), deleted and made anew with its directory. By inotify,
// without polling. One a file; belongs to one loop. It never reads the file: whether the content is another is the
// caller's to find out.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "loop/loop.h"
#include "loop/poller.h"

namespace remora::net {

// A change is told this long after the last event, so that a file that is written in several steps is read once.
inline constexpr Duration kFileQuiet = Milliseconds(100);
// But at most this long after the first: a writer that never rests must not hide its changes for ever.
inline constexpr Duration kFileMostWait = std::chrono::seconds(2);

class FileWatch final : loop::Pollable, loop::Runnable, loop::Timer {
 public:
  // On the loop, once for a burst of changes; also when the file vanished. It may not destroy the watch.
  using OnChange = std::function<void()>;

  // The file itself need not exist yet. The error is a sentence: why changes can't be seen, and what to do.
  static std::expected<std::unique_ptr<FileWatch>, std::string> start(loop::Loop& loop, const std::string& path,
                                                                      OnChange on_change);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  const std::string& path() const { return path_; }  // absolute

 private:
  using Places = std::map<std::string, std::set<std::string>>;  // directory -> names in it that matter

  FileWatch(loop::Loop& loop, std::string path, OnChange on_change, int fd);
  void onEvents(uint32_t) override { loop_.post(*this); }
  void run() override;
  void onTime() override;

  // 0, or errno.
  int watchPlaces();
  bool readEvents();
  bool isRelevant(int watch, uint32_t mask, std::string_view name) const;

  loop::Loop& loop_;
  const std::string path_;
  OnChange on_change_;
  const int fd_;
  std::map<int, std::set<std::string>> watches_;  // inotify's number of a directory -> names in it that matter
  Deadline tell_by_ = Deadline::never();          // of the burst that runs; never: none does
  bool is_due_ = false;
};

}  // namespace remora::net
