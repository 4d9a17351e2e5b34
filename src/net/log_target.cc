#include "net/log_target.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

#include "net/address.h"
#include "observe/line_writer.h"

namespace remora::net {
namespace {

// The whole lines among the first `most` bytes; when the first line is longer, its beginning.
std::string_view wholeLines(std::string_view lines, size_t most) {
  if (lines.size() <= most) return lines;
  const size_t end = lines.rfind('\n', most - 1);
  return lines.substr(0, end == std::string_view::npos ? most : end + 1);
}

bool isOutOfSpace(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

LogWritten writeOnce(int fd, std::string_view bytes) {
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  if (written >= 0) return {static_cast<size_t>(written)};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {0, 0, errno};
}

// A descriptor that is shared with other processes, so it can't be made non-blocking (the flag would be theirs too).
class DescriptorTarget final : public LogTarget {
 public:
  explicit DescriptorTarget(int fd) : fd_(fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return;
    is_file_ = S_ISREG(status.st_mode);
    if (S_ISFIFO(status.st_mode)) pipe_size_ = std::max(::fcntl(fd, F_GETPIPE_SZ), 0);
  }

  LogWritten write(std::string_view lines) override {
    if (is_file_) return writeOnce(fd_, lines);
    // Into an empty pipe fits its whole size, into one that isn't full at least PIPE_BUF (pipe(7)): neither waits.
    int unread = 0;
    if (pipe_size_ > 0 && ::ioctl(fd_, FIONREAD, &unread) == 0 && unread == 0) {
      return writeOnce(fd_, wholeLines(lines, static_cast<size_t>(pipe_size_)));
    }
    pollfd room{fd_, POLLOUT, 0};
    if (::poll(&room, 1, 0) == 0) return {};
    return writeOnce(fd_, wholeLines(lines, PIPE_BUF));
  }
  int descriptor() const override { return fd_; }
  Reopened reopen(int&) override { return Reopened::kSamePlace; }
  // Whoever read is gone, and nobody else can take the other end.
  bool mayRecover(int error) const override { return isOutOfSpace(error); }
  std::string name() const override { return fd_ == STDOUT_FILENO ? "stdout" : "descriptor " + std::to_string(fd_); }

 private:
  const int fd_;
  bool is_file_ = false;
  int pipe_size_ = 0;
};

class FileTarget final : public LogTarget {
 public:
  explicit FileTarget(std::string path) : path_(std::move(path)) {}
  ~FileTarget() override {
    if (fd_ >= 0) ::close(fd_);
  }

  LogWritten write(std::string_view lines) override {
    return fd_ < 0 ? LogWritten{0, 0, open_error_} : writeOnce(fd_, lines);
  }
  int descriptor() const override { return fd_; }
  Reopened reopen(int& error) override {
    // Non-blocking for the sake of named pipes: without a reader they fail here instead of waiting for one. Readable
    // by the group at most: request targets are other people's data.
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0) {
      error = open_error_ = errno;
      return Reopened::kFailed;
    }
    struct stat before{}, after{};
    const bool same = fd_ >= 0 && ::fstat(fd_, &before) == 0 && ::fstat(fd, &after) == 0 &&
                      before.st_dev == after.st_dev && before.st_ino == after.st_ino;
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    return same ? Reopened::kSamePlace : Reopened::kNewPlace;
  }
  bool mayRecover(int) const override { return true; }
  std::string name() const override { return "the file " + path_; }

 private:
  const std::string path_;
  int fd_ = -1;
  int open_error_ = EBADF;
};

// RFC 5424 over datagrams, one line each (RFC 5426 for UDP): facility local0, severity informational.
class SyslogTarget final : public LogTarget {
 public:
  explicit SyslogTarget(const Address& address) : address_(address) {
    char host[256] = "-";
    if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') std::strcpy(host, "-");
    after_time_ = std::string(" ") + host + " remora " + std::to_string(::getpid()) + " access - ";
  }
  ~SyslogTarget() override {
    if (fd_ >= 0) ::close(fd_);
  }

  LogWritten write(std::string_view lines) override {
    LogWritten done;
    std::array<char, 64> prefix;
    const std::string_view stamp = writePrefix(prefix);
    while (done.consumed < lines.size()) {
      const std::string_view rest = lines.substr(done.consumed);
      const size_t end = std::min(rest.find('\n'), rest.size());
      const int error = end == 0 ? 0 : send(stamp, rest.substr(0, end));
      if (error == EAGAIN) return done;
      if (error == EMSGSIZE) {
        ++done.lost_lines;
      } else if (error != 0) {
        done.error = error;
        return done;
      }
      done.consumed += std::min(end + 1, rest.size());
    }
    return done;
  }
  int descriptor() const override { return fd_; }
  Reopened reopen(int& error) override {
    const int fd = ::socket(address_.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || ::connect(fd, address_.get(), address_.length()) != 0) {
      error = errno;
      if (fd >= 0) ::close(fd);
      return Reopened::kFailed;
    }
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    return Reopened::kSamePlace;
  }
  bool mayRecover(int) const override { return true; }
  std::string name() const override { return "syslog at " + address_.text(); }

 private:
  static std::string_view writePrefix(std::array<char, 64>& out) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    observe::LineWriter writer(out.data());
    writer.put(std::string_view("<134>1 "));  // local0 (16) * 8 + informational (6), version 1
    writer.timestamp(now.tv_sec * 1'000'000'000LL + now.tv_nsec);
    return writer.view();
  }

  // errno of one datagram, or 0.
  int send(std::string_view stamp, std::string_view line) {
    int error = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (fd_ < 0 && reopen(error) == Reopened::kFailed) return error;
      iovec parts[3] = {{const_cast<char*>(stamp.data()), stamp.size()},
                        {after_time_.data(), after_time_.size()},
                        {const_cast<char*>(line.data()), line.size()}};
      msghdr message{};
      message.msg_iov = parts;
      message.msg_iovlen = 3;
      if (::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return 0;
      error = errno;
      // A restarted daemon has a new socket; over UDP the error is an earlier datagram's, and this one may arrive.
      if (error == EINTR || error == ENOBUFS) error = EAGAIN;
      if (error == EAGAIN || error == EMSGSIZE) return error;
      if (address_.isUnix()) {
        ::close(fd_);
        fd_ = -1;
      }
    }
    return error;
  }

  const Address address_;
  std::string after_time_;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<LogTarget> descriptorTarget(int fd) {
  return std::make_unique<DescriptorTarget>(fd);
}

std::expected<std::unique_ptr<LogTarget>, std::string> openLogTarget(const model::AccessLog& log) {
  switch (log.sink) {
    case model::AccessLog::Sink::kNone:
      return std::unexpected("no access log is configured");
    case model::AccessLog::Sink::kStdout:
      return descriptorTarget(STDOUT_FILENO);
    case model::AccessLog::Sink::kFile: {
      auto target = std::make_unique<FileTarget>(log.path);
      int error = 0;
      // A named pipe without a reader is fine: one may come later.
      if (target->reopen(error) == Reopened::kFailed && error != ENXIO) {
        return std::unexpected("the access log " + log.path + " can't be opened: " + std::strerror(error) +
                               "; does its directory exist, and may this user write there?");
      }
      return target;
    }
    case model::AccessLog::Sink::kSyslogUnix:
    case model::AccessLog::Sink::kSyslogUdp:
      break;
  }
  const bool is_unix = log.sink == model::AccessLog::Sink::kSyslogUnix;
  const auto address =
      Address::of(is_unix ? model::SocketAddress{model::SocketAddress::Kind::kUnix, log.path} : log.address);
  if (!address) {
    return std::unexpected(is_unix ? "the syslog socket's path is empty or longer than 107 bytes"
                                   : "syslog over UDP needs an IP address and a port, not a name");
  }
  return std::make_unique<SyslogTarget>(*address);
}

}  // namespace remora::net
