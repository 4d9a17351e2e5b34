// What goes. What comes is in h2_codec.cc.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/h2_codec.h"

namespace remora::http {
namespace {

// A head that may be forwarded has its bounds elsewhere; this one keeps what is encoded in one piece within reason.
constexpr size_t kSentHeadMost = 1 << 20;

// Until a server has said how many it takes.
constexpr uint32_t kStreamsUnsaid = 100;

}  // namespace

H2Codec::H2Codec(Role role, const Settings& settings, Events& events, std::string& out)
    : events_(events),
      out_(out),
      role_(role),
      stage_(role == Role::kServer ? Stage::kPreface : Stage::kFrameHead),
      settings_(settings),
      peer_streams_(kStreamsUnsaid) {
  if (role == Role::kClient) out_ += h2::kPreface;
  putSettings();
  const int64_t more = int64_t{settings.connection_window} - h2::kFirstWindow;
  if (more > 0) {
    putNumberFrame(H2Frame::kWindowUpdate, 0, static_cast<uint32_t>(more));
    may_receive_ += static_cast<int32_t>(more);
  } else {
    read_ = more;  // the first window can't be taken back, but not be filled up again
  }
}

void H2Codec::put(H2Frame type, uint8_t flags, int32_t id, std::string_view payload) {
  std::array<char, h2::kFrameHeadBytes> head;
  h2::writeFrameHead(head.data(), {static_cast<uint32_t>(payload.size()), type, flags, id});
  out_.append(head.data(), head.size()).append(payload);
}

void H2Codec::putNumberFrame(H2Frame type, int32_t id, uint32_t number) {
  std::array<char, 4> payload;
  h2::writeNumber(payload.data(), number);
  put(type, 0, id, {payload.data(), payload.size()});
}

void H2Codec::putSettings() {
  std::string payload;
  const auto add = [&](H2Setting id, uint32_t value) {
    std::array<char, 6> entry;
    h2::writeNumber(h2::writeNumber(entry.data(), static_cast<uint32_t>(id), 2), value);
    payload.append(entry.data(), entry.size());
  };
  add(H2Setting::kInitialWindowSize, settings_.stream_window);
  add(H2Setting::kMaxHeaderListSize, settings_.header_list_bytes);
  if (role_ == Role::kClient) {
    add(H2Setting::kEnablePush, 0);
  } else {
    add(H2Setting::kMaxConcurrentStreams, settings_.streams);
    add(H2Setting::kEnableConnectProtocol, 1);
  }
  put(H2Frame::kSettings, 0, 0, payload);
}

// --- streams ---------------------------------------------------------------------------------------------------------

void H2Codec::open(H2Account& account) {
  account.is_open = true;
  account.may_send = peer_window_;
  // Until SETTINGS are answered the peer may not know that its window is smaller than the first.
  const uint32_t window =
      settings_answered_ ? settings_.stream_window : std::max(settings_.stream_window, h2::kFirstWindow);
  account.may_receive = static_cast<int32_t>(window);
  accounts_.add(account);
}

void H2Codec::close(H2Account& account) {
  account.is_open = false;
  accounts_.remove(account);
  if (data_account_ == &account) data_account_ = nullptr;
  if (block_account_ == &account) block_account_ = nullptr;
}

void H2Codec::endIfDone(H2Account& account) {
  if (!account.is_open || !account.has_sent_end || !account.has_received_end) return;
  close(account);
  events_.onClosed(account, H2Error::kNone);
}

void H2Codec::endFirstWindow() {
  if (settings_.stream_window >= h2::kFirstWindow) return;
  const auto by = static_cast<int32_t>(h2::kFirstWindow - settings_.stream_window);
  accounts_.forEach([by](H2Account& account) { account.may_receive -= by; });
}

void H2Codec::noteReset(int32_t id) {
  int32_t& oldest = reset_lately_[reset_at_++ % reset_lately_.size()];
  forgotten_ = std::max(forgotten_, std::exchange(oldest, id));
}

void H2Codec::putReset(int32_t id, H2Error code) {
  noteReset(id);
  if (!terminated_) putNumberFrame(H2Frame::kReset, id, static_cast<uint32_t>(code));
}

void H2Codec::reset(H2Account& account, H2Error code) {
  if (!account.is_open) return;
  putReset(account.id, code);
  close(account);
}

void H2Codec::failStream(H2Account& account, H2Error code) {
  if (!account.is_open) return;
  reset(account, code);
  events_.onFault();
  events_.onClosed(account, code);
}

// --- messages --------------------------------------------------------------------------------------------------------

bool H2Codec::sendHead(H2Account& account, std::span<const HeadField> fields, End end) {
  if (terminated_ || account.has_sent_end || (account.id != 0 && !account.is_open)) return false;
  const size_t most = encoder_.bound(fields);
  if (most > kSentHeadMost) return false;
  if (account.id == 0) {
    if (!hasStreamIds()) return false;
    account.id = static_cast<int32_t>(next_id_);
    next_id_ += 2;
    open(account);
  }
  const size_t head_at = out_.size();
  const size_t block_at = head_at + h2::kFrameHeadBytes;
  out_.resize_and_overwrite(block_at + most,
                            [&](char* text, size_t) { return block_at + encoder_.encode(fields, text + block_at); });
  const size_t block_bytes = out_.size() - block_at;
  const uint8_t ends = end == End::kLast ? h2::kEndStream : 0;
  const size_t first = std::min<size_t>(block_bytes, h2::kPayloadMost);
  const uint8_t is_whole = first == block_bytes ? h2::kEndHeaders : 0;
  h2::writeFrameHead(out_.data() + head_at, {static_cast<uint32_t>(first), H2Frame::kHeaders,
                                             static_cast<uint8_t>(ends | is_whole), account.id});
  if (!is_whole) splitBlock(account.id, block_at + first);
  if (end == End::kLast) {
    account.has_sent_end = true;
    endIfDone(account);
  }
  return true;
}

// What begins at `at` goes into CONTINUATION frames.
void H2Codec::splitBlock(int32_t id, size_t at) {
  const std::string rest = out_.substr(at);
  out_.resize(at);
  for (size_t done = 0; done < rest.size(); done += h2::kPayloadMost) {
    const std::string_view piece = std::string_view(rest).substr(done, h2::kPayloadMost);
    const bool is_last = done + piece.size() == rest.size();
    put(H2Frame::kContinuation, is_last ? h2::kEndHeaders : 0, id, piece);
  }
}

size_t H2Codec::sendData(H2Account& account, std::span<const iovec> pieces, size_t most, End end) {
  if (terminated_ || !account.is_open || account.has_sent_end) return 0;
  size_t left = 0;
  for (const iovec& piece : pieces) left += piece.iov_len;
  size_t taken = 0;
  size_t piece_at = 0;  // bytes of the first piece that are gone
  for (;;) {
    const int32_t window = std::min(account.may_send, may_send_);
    const size_t room = std::min({size_t{h2::kPayloadMost}, most - taken, static_cast<size_t>(std::max(window, 0))});
    const size_t bytes = std::min(left, room);
    const bool ends = bytes == left && end == End::kLast;
    if (bytes == 0 && !ends) return taken;
    std::array<char, h2::kFrameHeadBytes> head;
    h2::writeFrameHead(head.data(), {static_cast<uint32_t>(bytes), H2Frame::kData,
                                     static_cast<uint8_t>(ends ? h2::kEndStream : 0), account.id});
    out_.append(head.data(), head.size());
    for (size_t copied = 0; copied < bytes;) {
      const iovec& piece = pieces.front();
      const size_t count = std::min(bytes - copied, piece.iov_len - piece_at);
      out_.append(static_cast<const char*>(piece.iov_base) + piece_at, count);
      copied += count;
      piece_at += count;
      if (piece_at < piece.iov_len) continue;
      pieces = pieces.subspan(1);
      piece_at = 0;
    }
    account.may_send -= static_cast<int32_t>(bytes);
    may_send_ -= static_cast<int32_t>(bytes);
    taken += bytes;
    left -= bytes;
    if (!ends) continue;
    account.has_sent_end = true;
    endIfDone(account);
    return taken;
  }
}

// --- windows ---------------------------------------------------------------------------------------------------------

void H2Codec::consume(H2Account& account, size_t bytes) {
  creditConnection(bytes);
  if (!account.is_open || account.has_received_end || terminated_) return;
  account.read += static_cast<int32_t>(bytes);
  // Half a window at once: an update for each read would be a frame for each.
  if (account.read == 0 || static_cast<uint32_t>(account.read) < settings_.stream_window / 2) return;
  putNumberFrame(H2Frame::kWindowUpdate, account.id, static_cast<uint32_t>(account.read));
  account.may_receive += account.read;
  account.read = 0;
}

void H2Codec::creditConnection(size_t bytes) {
  read_ += static_cast<int64_t>(bytes);
  if (terminated_ || read_ <= 0 || read_ < settings_.connection_window / 2) return;
  putNumberFrame(H2Frame::kWindowUpdate, 0, static_cast<uint32_t>(read_));
  may_receive_ += static_cast<int32_t>(read_);
  read_ = 0;
}

// --- the connection --------------------------------------------------------------------------------------------------

void H2Codec::putGoAway(int32_t last, H2Error code) {
  std::array<char, 8> payload;
  h2::writeNumber(h2::writeNumber(payload.data(), static_cast<uint32_t>(last)), static_cast<uint32_t>(code));
  put(H2Frame::kGoAway, 0, 0, {payload.data(), payload.size()});
}

void H2Codec::announceGoAway() {
  if (role_ == Role::kClient || terminated_) return;
  putGoAway(INT32_MAX, H2Error::kNone);
  ping();
}

void H2Codec::sendGoAway() {
  if (terminated_) return;
  sent_goaway_ = true;
  putGoAway(last_request_, H2Error::kNone);
}

void H2Codec::terminate(H2Error code) {
  if (terminated_) return;
  putGoAway(last_request_, code);
  terminated_ = true;
  terminated_with_ = code;
}

void H2Codec::ping() {
  if (!terminated_) put(H2Frame::kPing, 0, 0, std::string_view("\0\0\0\0\0\0\0\0", 8));
}

void H2Codec::rest() {
  decoder_.rest();
}

}  // namespace remora::http
