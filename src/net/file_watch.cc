#include "net/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace remora::net {
namespace {

// Attributes too: a file that couldn't be read may have become readable.
constexpr uint32_t kMask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM |
                           IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// What the kernel allows on the way to a file (path_resolution(7)).
constexpr int kMaxLinks = 40;
// The way may change while it is looked at. Each round sees one more change; a way that changes faster than this is
// seen by its next event.
constexpr int kMaxRounds = 8;

std::string adviceFor(int error) {
  switch (error) {
    case EMFILE:
      return "too many inotify instances for this user; raise fs.inotify.max_user_instances";
    case ENOSPC:
      return "too many inotify watches for this user; raise fs.inotify.max_user_watches";
    case ENOSYS:
      return "this kernel has no inotify";
    case EACCES:
      return "a directory on the way to it can't be read by this user";
    default:
      return "check the path";
  }
}

std::unexpected<std::string> problem(const std::string& path, int error) {
  return std::unexpected("changes of " + path + " can't be seen: " + std::strerror(error) + "; " + adviceFor(error) +
                         ". Until then, reload with SIGHUP");
}

std::string targetOf(const std::string& link) {
  std::array<char, 4096> target;
  const ssize_t bytes = ::readlink(link.c_str(), target.data(), target.size());
  return bytes > 0 ? std::string(target.data(), static_cast<size_t>(bytes)) : std::string();
}

// Adds every entry that decides which file an absolute path names: the symlinks on the way, and the file itself or the
// first thing that is missing.
void addPlacesOn(const std::string& path, std::map<std::string, std::set<std::string>>& places) {
  std::string directory = "/";
  std::string rest = path;
  for (int links = 0; links < kMaxLinks;) {
    const size_t start = rest.find_first_not_of('/');
    if (start == std::string::npos) break;
    const size_t end = rest.find('/', start);
    const std::string name = rest.substr(start, end - start);
    rest = end == std::string::npos ? std::string() : rest.substr(end);
    if (name == ".") continue;
    if (name == "..") {
      directory = std::filesystem::path(directory).parent_path().string();
      continue;
    }
    const std::string entry = directory == "/" ? "/" + name : directory + "/" + name;
    struct stat info;
    if (::lstat(entry.c_str(), &info) < 0) {
      places[directory].insert(name);
      break;
    }
    if (S_ISLNK(info.st_mode)) {
      places[directory].insert(name);
      ++links;
      const std::string target = targetOf(entry);
      if (target.starts_with('/')) directory = "/";
      rest.insert(0, target);
    } else if (S_ISDIR(info.st_mode) && rest.find_first_not_of('/') != std::string::npos) {
      directory = entry;
    } else {
      places[directory].insert(name);
      break;
    }
  }
}

}  // namespace

std::expected<std::unique_ptr<FileWatch>, std::string> FileWatch::start(loop::Loop& loop,
                                                                        std::vector<std::string> paths,
                                                                        OnChange on_change) {
  const std::string first = paths.empty() ? std::string() : paths.front();
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return problem(first, errno);
  std::unique_ptr<FileWatch> watch(new FileWatch(loop, std::move(on_change), fd));
  if (!loop.poller().add(fd, *watch, EPOLLIN | EPOLLET)) return problem(first, errno);
  if (auto followed = watch->follow(std::move(paths)); !followed) return std::unexpected(std::move(followed.error()));
  return watch;
}

FileWatch::FileWatch(loop::Loop& loop, OnChange on_change, int fd)
    : loop_(loop), on_change_(std::move(on_change)), fd_(fd) {}

std::expected<void, std::string> FileWatch::follow(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    if (error) return problem(path, error.value());
    path = absolute.string();
  }
  paths_ = std::move(paths);
  if (const std::optional<Refusal> refused = watchPlaces()) return problem(refused->path, refused->error);
  return {};
}

FileWatch::~FileWatch() {
  loop_.poller().remove(fd_, *this);
  ::close(fd_);
}

void FileWatch::run() {
  if (readEvents()) {
    // The way may lead elsewhere now. What of it can't be watched is told again by the next change before it.
    watchPlaces();
    const Instant now = loop_.now();
    if (tell_by_.isNever()) tell_by_ = Deadline::after(now, kFileMostWait);
    loop_.timers().arm(*this, Deadline::after(now, kFileQuiet).sooner(tell_by_));
  }
  if (!std::exchange(is_due_, false)) return;
  // Another event may have come while this waited in the queue: then later, unless it has been too long.
  if (isArmed() && !tell_by_.hasPassed(loop_.now())) return;
  loop_.timers().disarm(*this);
  tell_by_ = Deadline::never();
  on_change_();
}

void FileWatch::onTime() {
  is_due_ = true;
  loop_.post(*this);
}

// Reads until there is nothing left, as edges demand; true when something happened to a place that matters.
bool FileWatch::readEvents() {
  alignas(inotify_event) std::array<char, 8192> buffer;
  bool relevant = false;
  for (;;) {
    const ssize_t bytes = ::read(fd_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return relevant;
    for (const char* at = buffer.data(); at < buffer.data() + bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      relevant |= isRelevant(event->wd, event->mask, event->len ? event->name : "");
      at += sizeof(inotify_event) + event->len;
    }
  }
}

bool FileWatch::isRelevant(int watch, uint32_t mask, std::string_view name) const {
  if (mask & IN_Q_OVERFLOW) return true;  // events were lost: whatever happened, happened
  const auto known = watches_.find(watch);
  if (known == watches_.end()) return false;  // of a directory that isn't on the way any more
  if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) return true;
  return known->second.contains(std::string(name));
}

FileWatch::Places FileWatch::placesOnAll() const {
  Places places;
  for (const std::string& path : paths_) addPlacesOn(path, places);
  return places;
}

std::optional<FileWatch::Refusal> FileWatch::watchPlaces() {
  Places places = placesOnAll();
  for (int round = 0; round < kMaxRounds; ++round) {
    std::map<int, std::set<std::string>> watches;
    std::optional<Refusal> refused;
    for (const auto& [directory, names] : places) {
      const int watch = inotify_add_watch(fd_, directory.c_str(), kMask);
      if (watch >= 0) {
        watches[watch].insert(names.begin(), names.end());
      } else if (!refused) {
        refused = Refusal{directory + "/" + *names.begin(), errno};
      }
    }
    // A directory that vanished between the two looks gives another way in the next round.
    Places seen = placesOnAll();
    const bool is_stable = seen == places;
    places = std::move(seen);
    for (const auto& [watch, names] : watches_) {
      if (!watches.contains(watch)) inotify_rm_watch(fd_, watch);
    }
    watches_ = std::move(watches);
    if (is_stable) return refused;
  }
  return std::nullopt;
}

}  // namespace remora::net
