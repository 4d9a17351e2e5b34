// One core's memory for ciphertext, shared by all of its TLS streams: nothing in it outlives the call that put it
// there, so that an idle connection keeps none. Belongs to one core; the streams hold references.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace remora::tls {

class CipherMemory {
 public:
  static constexpr size_t kRecordBytes = 16 << 10;  // the most plaintext of a record, RFC 8446 section 5.1
  static constexpr size_t kReceiveBytes = 64 << 10;
  // Plaintext that one write seals at most: past it a slow peer would make each connection keep more.
  static constexpr size_t kSealBytes = 64 << 10;
  // Sealed, with room for what the library says by itself: key updates, alerts, and a ticket, which may hold a chain.
  static constexpr size_t kSendBytes = kSealBytes + (96 << 10);

  CipherMemory()
      : received_(std::make_unique_for_overwrite<char[]>(kReceiveBytes)),
        send_(std::make_unique_for_overwrite<char[]>(kSendBytes)),
        record_(std::make_unique_for_overwrite<char[]>(kRecordBytes)) {}

  std::span<char> received() { return {received_.get(), kReceiveBytes}; }
  std::span<char> record() { return {record_.get(), kRecordBytes}; }  // small pieces on their way into one record
  std::span<char> freeSend() { return {send_.get() + sealed, kSendBytes - sealed}; }
  std::span<const char> sealedBytes() const { return {send_.get(), sealed}; }

  // What the library is to be given next, and how much it has put into send: between its calls only.
  std::span<const char> unread;
  size_t sealed = 0;

 private:
  std::unique_ptr<char[]> received_;
  std::unique_ptr<char[]> send_;
  std::unique_ptr<char[]> record_;
};

}  // namespace remora::tls
