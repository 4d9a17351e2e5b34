// What comes. What goes is in h2_codec_send.cc.
#include "http/h2_codec.h"

#include <algorithm>
#include <vector>

namespace remora::http {
namespace {

using h2::readId;
using h2::readNumber;

// A peer has eight things to set, and no reason to say them over and over in one frame.
constexpr size_t kSettingsMost = 32;
constexpr size_t kSettingBytes = 6;

// Kept between frames; a longer one was an exception.
constexpr size_t kHeldKept = 1 << 10;

void forget(std::string& text) {
  if (text.capacity() > kHeldKept) text = {};
  text.clear();
}

bool isKnown(H2Frame type) {
  return type <= H2Frame::kContinuation;
}

}  // namespace

H2Codec::Fed H2Codec::feed(std::string_view bytes) {
  while (!bytes.empty() && !terminated_) {
    bool goes_on = true;
    switch (stage_) {
      case Stage::kPreface:
        goes_on = takePreface(bytes);
        break;
      case Stage::kFrameHead:
        goes_on = takeFrameHead(bytes);
        break;
      case Stage::kPayload:
        goes_on = takePayload(bytes);
        break;
      case Stage::kDataPadLength:
        goes_on = takePadLength(bytes);
        break;
      case Stage::kData:
        takeData(bytes);
        break;
    }
    if (!goes_on) return flooded_ ? Fed::kFlood : Fed::kBadPeer;
  }
  return Fed::kWell;
}

bool H2Codec::fail(H2Error code) {
  terminate(code);
  return false;
}

bool H2Codec::takePreface(std::string_view& bytes) {
  const size_t count = std::min(bytes.size(), h2::kPreface.size() - held_.size());
  if (bytes.substr(0, count) != h2::kPreface.substr(held_.size(), count)) return fail(H2Error::kProtocol);
  held_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (held_.size() == h2::kPreface.size()) {
    held_.clear();
    stage_ = Stage::kFrameHead;
  }
  return true;
}

bool H2Codec::takeFrameHead(std::string_view& bytes) {
  if (held_.empty() && bytes.size() >= h2::kFrameHeadBytes) {
    frame_ = h2::readFrameHead(bytes);
    bytes.remove_prefix(h2::kFrameHeadBytes);
    return beginFrame();
  }
  const size_t count = std::min(bytes.size(), h2::kFrameHeadBytes - held_.size());
  held_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (held_.size() < h2::kFrameHeadBytes) return true;
  frame_ = h2::readFrameHead(held_);
  held_.clear();
  return beginFrame();
}

bool H2Codec::beginFrame() {
  frame_left_ = frame_.length;
  if (frame_.length > h2::kPayloadMost) return fail(H2Error::kFrameSize);
  const bool is_settings = frame_.type == H2Frame::kSettings && !frame_.has(h2::kAck);
  if (!heard_settings_ && !is_settings) return fail(H2Error::kProtocol);
  const bool continues = frame_.type == H2Frame::kContinuation && frame_.id == block_id_;
  if (in_block_ && !continues) return fail(H2Error::kProtocol);
  if (isKnown(frame_.type)) events_.onFrame(frame_.type);
  if (terminated_) return true;
  if (frame_.type == H2Frame::kData) return beginData();
  if (frame_.length == 0) return onPayload({});
  stage_ = Stage::kPayload;
  return true;
}

// In one piece where it came in one.
bool H2Codec::takePayload(std::string_view& bytes) {
  const std::string_view piece = bytes.substr(0, frame_left_);
  bytes.remove_prefix(piece.size());
  frame_left_ -= static_cast<uint32_t>(piece.size());
  const bool is_whole = frame_left_ == 0;
  if (is_whole) stage_ = Stage::kFrameHead;
  if (!isKnown(frame_.type)) return true;  // RFC 9113 section 4.1: skipped
  if (is_whole && held_.empty()) return onPayload(piece);
  held_.append(piece);
  if (!is_whole) return true;
  const bool goes_on = onPayload(held_);
  forget(held_);
  return goes_on;
}

bool H2Codec::onPayload(std::string_view payload) {
  switch (frame_.type) {
    case H2Frame::kHeaders:
      return onHeaders(payload);
    case H2Frame::kContinuation:
      return onContinuation(payload);
    case H2Frame::kPriority:
      return onPriority(payload);
    case H2Frame::kReset:
      return onResetFrame(payload);
    case H2Frame::kSettings:
      return onSettingsFrame(payload);
    case H2Frame::kPing:
      return onPing(payload);
    case H2Frame::kGoAway:
      return onGoAwayFrame(payload);
    case H2Frame::kWindowUpdate:
      return onWindowUpdate(payload);
    case H2Frame::kPushPromise:
      return fail(H2Error::kProtocol);  // ours are not accepted, and a client has none to make
    default:
      return true;
  }
}

// --- streams ---------------------------------------------------------------------------------------------------------

// Nobody has opened it yet.
bool H2Codec::isIdle(int32_t id) const {
  if (id % 2 == 0) return true;  // a server opens none
  return role_ == Role::kServer ? id > last_request_ : id >= next_id_;
}

// Of a message on a stream that isn't open: one that we have reset may be under way still. Everything else ends the
// connection (sections 5.1 and 5.1.1).
bool H2Codec::isForNobody(int32_t id) {
  if (isIdle(id)) return fail(H2Error::kProtocol);
  const bool was_reset = id <= forgotten_ || std::ranges::find(reset_lately_, id) != reset_lately_.end();
  return was_reset || fail(H2Error::kStreamClosed);
}

// --- DATA ------------------------------------------------------------------------------------------------------------

// The whole frame counts against the windows (section 6.9.1), before any of it is looked at.
bool H2Codec::beginData() {
  padding_ = 0;
  data_account_ = accounts_.find(frame_.id);
  if (!data_account_ && !isForNobody(frame_.id)) return false;
  if (data_account_ && data_account_->has_received_end) return fail(H2Error::kStreamClosed);
  const auto bytes = static_cast<int32_t>(frame_.length);
  const auto exceeds = [bytes](int32_t window) { return bytes > 0 && bytes > window; };  // an empty one needs none
  if (exceeds(may_receive_)) return fail(H2Error::kFlowControl);
  may_receive_ -= bytes;
  if (data_account_ && exceeds(data_account_->may_receive)) failStream(*data_account_, H2Error::kFlowControl);
  if (data_account_) data_account_->may_receive -= bytes;
  if (frame_.has(h2::kPadded)) {
    if (frame_.length == 0) return fail(H2Error::kFrameSize);
    stage_ = Stage::kDataPadLength;
    return true;
  }
  if (frame_left_ == 0) {
    endData();
  } else {
    stage_ = Stage::kData;
  }
  return true;
}

bool H2Codec::takePadLength(std::string_view& bytes) {
  padding_ = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  --frame_left_;
  if (padding_ > frame_left_) return fail(H2Error::kProtocol);
  if (data_account_) {
    consume(*data_account_, size_t{padding_} + 1);
  } else {
    creditConnection(size_t{padding_} + 1);
  }
  stage_ = Stage::kData;
  if (frame_left_ == 0) endData();
  return true;
}

void H2Codec::takeData(std::string_view& bytes) {
  const std::string_view piece = bytes.substr(0, frame_left_);
  bytes.remove_prefix(piece.size());
  const std::string_view data = piece.substr(0, frame_left_ - std::min(padding_, frame_left_));
  frame_left_ -= static_cast<uint32_t>(piece.size());
  if (!data.empty()) {
    if (data_account_) {
      events_.onData(*data_account_, data);
    } else {
      creditConnection(data.size());
    }
  }
  if (frame_left_ == 0 && !terminated_) endData();
}

void H2Codec::endData() {
  stage_ = Stage::kFrameHead;
  const End end = frame_.has(h2::kEndStream) ? End::kLast : End::kMore;
  H2Account* const account = data_account_;
  const size_t pad_bytes = frame_.has(h2::kPadded) ? size_t{padding_} + 1 : 0;
  if (account && end == End::kLast) account->has_received_end = true;
  events_.onDataFrame(account, frame_.length - pad_bytes, end);
  if (data_account_) endIfDone(*data_account_);
  data_account_ = nullptr;
}

// --- heads -----------------------------------------------------------------------------------------------------------

bool H2Codec::onHeaders(std::string_view payload) {
  size_t padding = 0;
  if (frame_.has(h2::kPadded)) {
    if (payload.empty()) return fail(H2Error::kFrameSize);
    padding = static_cast<uint8_t>(payload[0]);
    payload.remove_prefix(1);
  }
  bool depends_on_itself = false;
  if (frame_.has(h2::kHasPriority)) {
    if (payload.size() < 5) return fail(H2Error::kFrameSize);
    depends_on_itself = readId(payload, 0) == frame_.id;
    payload.remove_prefix(5);
  }
  if (padding > payload.size()) return fail(H2Error::kProtocol);
  payload.remove_suffix(padding);
  in_block_ = true;
  block_id_ = frame_.id;
  block_end_ = frame_.has(h2::kEndStream) ? End::kLast : End::kMore;
  continuations_ = 0;
  decoder_.beginBlock();
  block_account_ = accounts_.find(frame_.id);
  if (block_account_) {
    if (block_account_->has_received_end) return fail(H2Error::kStreamClosed);
    if (depends_on_itself) {
      failStream(*block_account_, H2Error::kProtocol);
    } else {
      events_.onHeadBegin(*block_account_);
    }
  } else if (role_ == Role::kServer && frame_.id > last_request_ && frame_.id % 2 == 1) {
    openRequest(!depends_on_itself);
  } else if (!isForNobody(frame_.id)) {
    return false;
  }
  return terminated_ || onBlock(payload);
}

// Section 5.1.2, and 6.8: those above the last one of a GOAWAY are ignored.
void H2Codec::openRequest(bool is_fit) {
  last_request_ = frame_.id;
  if (sent_goaway_) return noteReset(frame_.id);
  const bool has_room = is_fit && accounts_.size() < settings_.streams;
  block_account_ = has_room ? events_.onRequestBegin() : nullptr;
  if (block_account_) {
    block_account_->id = frame_.id;
    return open(*block_account_);
  }
  putReset(frame_.id, is_fit ? H2Error::kRefusedStream : H2Error::kProtocol);
  events_.onFault();
}

bool H2Codec::onContinuation(std::string_view payload) {
  if (!in_block_) return fail(H2Error::kProtocol);
  if (++continuations_ > settings_.continuations) {
    flooded_ = true;
    return false;
  }
  return onBlock(payload);
}

bool H2Codec::onBlock(std::string_view fragment) {
  if (!block_rest_.empty()) fragment = block_rest_.append(fragment);
  HpackField field;
  HpackDecoder::Step step;
  while ((step = decoder_.next(fragment, field)) == HpackDecoder::Step::kField) {
    if (block_account_ && !events_.onField(*block_account_, field)) block_account_ = nullptr;
    if (terminated_) return true;
  }
  if (step == HpackDecoder::Step::kBroken) return fail(H2Error::kCompression);
  if (!frame_.has(h2::kEndHeaders)) {
    if (block_rest_.empty()) {
      block_rest_ = fragment;
    } else {
      block_rest_.erase(0, block_rest_.size() - fragment.size());
    }
    return true;
  }
  if (!fragment.empty()) return fail(H2Error::kCompression);
  forget(block_rest_);
  in_block_ = false;
  if (!block_account_) return true;
  if (block_end_ == End::kLast) block_account_->has_received_end = true;
  events_.onHeadEnd(*block_account_, block_end_);
  if (block_account_) endIfDone(*block_account_);
  block_account_ = nullptr;
  return true;
}

// --- everything else -------------------------------------------------------------------------------------------------

// Section 5.3: what they say is deprecated, and not followed.
bool H2Codec::onPriority(std::string_view payload) {
  if (frame_.id == 0) return fail(H2Error::kProtocol);
  if (payload.size() != 5) return fail(H2Error::kFrameSize);
  return readId(payload, 0) != frame_.id || fail(H2Error::kProtocol);
}

bool H2Codec::onResetFrame(std::string_view payload) {
  if (payload.size() != 4) return fail(H2Error::kFrameSize);
  if (isIdle(frame_.id)) return fail(H2Error::kProtocol);
  H2Account* const account = accounts_.find(frame_.id);
  events_.onReset(account);
  if (!account) return true;
  close(*account);
  events_.onClosed(*account, static_cast<H2Error>(readNumber(payload, 0)));
  return true;
}

bool H2Codec::onSettingsFrame(std::string_view payload) {
  if (frame_.id != 0) return fail(H2Error::kProtocol);
  if (frame_.has(h2::kAck)) {
    if (!payload.empty()) return fail(H2Error::kFrameSize);
    if (settings_answered_) return fail(H2Error::kProtocol);
    settings_answered_ = true;
    endFirstWindow();
    events_.onSettingsAnswer();
    return true;
  }
  if (payload.size() % kSettingBytes != 0) return fail(H2Error::kFrameSize);
  if (payload.size() / kSettingBytes > kSettingsMost) {
    flooded_ = true;
    return false;
  }
  if (!heard_settings_) peer_streams_ = UINT32_MAX;  // unless it says otherwise
  heard_settings_ = true;
  const int32_t window_before = peer_window_;
  for (size_t at = 0; at < payload.size(); at += kSettingBytes) {
    const H2Error error = applySetting(static_cast<H2Setting>(readNumber(payload, at, 2)), readNumber(payload, at + 2));
    if (error != H2Error::kNone) return fail(error);
  }
  if (!changeWindows(int64_t{peer_window_} - window_before)) return fail(H2Error::kFlowControl);
  put(H2Frame::kSettings, h2::kAck, 0);
  events_.onSettings();
  if (peer_window_ > window_before) events_.onWindows();
  return true;
}

H2Error H2Codec::applySetting(H2Setting id, uint32_t value) {
  switch (id) {
    case H2Setting::kHeaderTableSize:
      encoder_.setPeerLimit(value);
      break;
    case H2Setting::kEnablePush:
      if (value > (role_ == Role::kServer ? 1U : 0U)) return H2Error::kProtocol;
      break;
    case H2Setting::kMaxConcurrentStreams:
      peer_streams_ = value;
      break;
    case H2Setting::kInitialWindowSize:
      if (value > h2::kWindowMost) return H2Error::kFlowControl;
      peer_window_ = static_cast<int32_t>(value);
      break;
    case H2Setting::kMaxFrameSize:
      if (value < h2::kPayloadMost || value >= 1U << 24) return H2Error::kProtocol;
      break;  // larger ones than the first aren't sent
    case H2Setting::kEnableConnectProtocol:
      if (value > 1 || (value == 0 && peer_connect_)) return H2Error::kProtocol;
      peer_connect_ = value == 1;
      break;
    default:
      break;
  }
  return H2Error::kNone;
}

// Section 6.9.2: of streams that are open already.
bool H2Codec::changeWindows(int64_t by) {
  bool is_well = true;
  if (by == 0) return is_well;
  accounts_.forEach([&](H2Account& account) {
    const int64_t changed = account.may_send + by;
    is_well = is_well && changed <= h2::kWindowMost;
    account.may_send = static_cast<int32_t>(std::min<int64_t>(changed, h2::kWindowMost));
  });
  return is_well;
}

bool H2Codec::onPing(std::string_view payload) {
  if (frame_.id != 0) return fail(H2Error::kProtocol);
  if (payload.size() != 8) return fail(H2Error::kFrameSize);
  if (frame_.has(h2::kAck)) {
    events_.onPingAnswer();
  } else {
    put(H2Frame::kPing, h2::kAck, 0, payload);
  }
  return true;
}

bool H2Codec::onGoAwayFrame(std::string_view payload) {
  if (frame_.id != 0) return fail(H2Error::kProtocol);
  if (payload.size() < 8) return fail(H2Error::kFrameSize);
  const int32_t last = readId(payload, 0);
  if (last > last_allowed_) return fail(H2Error::kProtocol);  // section 6.8
  last_allowed_ = last;
  heard_goaway_ = true;
  if (role_ == Role::kClient) {
    std::vector<H2Account*> refused;
    accounts_.forEach([&](H2Account& account) {
      if (account.id > last) refused.push_back(&account);
    });
    for (H2Account* account : refused) {
      close(*account);
      events_.onClosed(*account, H2Error::kRefusedStream);
    }
  }
  events_.onGoAway();
  return true;
}

bool H2Codec::onWindowUpdate(std::string_view payload) {
  if (payload.size() != 4) return fail(H2Error::kFrameSize);
  const int32_t by = readId(payload, 0);
  const auto overflows = [by](int32_t window) { return int64_t{window} + by > h2::kWindowMost; };
  if (frame_.id == 0) {
    if (by == 0) return fail(H2Error::kProtocol);
    if (overflows(may_send_)) return fail(H2Error::kFlowControl);
    const bool opens = may_send_ <= 0;
    may_send_ += by;
    if (opens) events_.onWindows();
    return true;
  }
  if (isIdle(frame_.id)) return fail(H2Error::kProtocol);
  H2Account* const account = accounts_.find(frame_.id);
  if (!account) return true;  // closed lately
  if (by == 0 || overflows(account->may_send)) {
    failStream(*account, by == 0 ? H2Error::kProtocol : H2Error::kFlowControl);
    return true;
  }
  const bool opens = account->may_send <= 0;
  account->may_send += by;
  if (opens && account->may_send > 0) events_.onWindow(*account);
  return true;
}

}  // namespace remora::http
