#include "http/h2_session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace remora::http {
namespace {

// RFC 9113 section 6.5.3 leaves the time open.
constexpr Duration kSettingsAckTimeout = std::chrono::seconds(10);

// After so many the loop looks after everybody else.
constexpr int kReadsPerTurn = 4;

// Kept between turns while streams run.
constexpr size_t kOutKept = 16 << 10;

// A peer may ask for credit, or measure its bandwidth by PING, about once for each frame it is sent.
constexpr uint32_t kForgivenPerFrame = 3;

uint32_t windowOf(Bytes bytes) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(bytes.count, 1, h2::kWindowMost));
}

H2Codec::Settings settingsOf(const H2Bounds& bounds) {
  return {.streams = bounds.http2.streams,
          .stream_window = windowOf(bounds.http2.stream_window),
          .connection_window = windowOf(bounds.http2.connection_window),
          .header_list_bytes = static_cast<uint32_t>(std::min<size_t>(bounds.head.bytes, UINT32_MAX)),
          .continuations = bounds.http2.continuations};
}

}  // namespace

H2Bounds H2Bounds::of(const model::Http2Options& http2, const model::Limits& limits, const model::Timeouts& timeouts) {
  return {.http2 = http2,
          .head = {limits.head.count, limits.header_count, limits.target.count},
          .trailers = {limits.trailers.count, limits.header_count, 0},
          .write_stall = timeouts.write_stall,
          .head_time = timeouts.header};
}

std::string_view tokenOf(H2End end) {
  static constexpr std::array<std::string_view, 11> kTokens{
      "open",  "done",         "asked",        "peer_closed",      "peer_reset",  "bad_peer",
      "flood", "peer_stalled", "ping_timeout", "settings_timeout", "head_timeout"};
  return kTokens[static_cast<size_t>(end)];
}

H2Session::H2Session(Role role, net::Stream& transport, std::span<char> scratch, const H2Bounds& bounds, Owner& owner)
    : transport_(transport),
      scratch_(scratch),
      bounds_(bounds),
      owner_(owner),
      role_(role),
      codec_(role, settingsOf(bounds), *this, out_),
      last_frame_(transport.loop().now()),
      resets_(bounds.http2.resets),
      control_frames_(bounds.http2.control_frames) {}

H2Session::~H2Session() {
  transport_.setWatcher(nullptr);
  undelivered_.clear();
  if (end_ == H2End::kNot) end_ = H2End::kAsked;
  streams_.forEach([](H2Stream& stream) {
    stream.breakDown(H2Error::kNone);
    stream.session_ = nullptr;
  });
}

void H2Session::start(std::string_view first) {
  transport_.setWatcher(this);
  loop().arm(settings_timer_, kSettingsAckTimeout);
  loop().arm(ping_timer_, bounds_.http2.ping);
  if (!first.empty()) feed(first);
  schedule();
}

// --- the turn --------------------------------------------------------------------------------------------------------

// Input and output take turns, so that what the input set going is written with what answers it: the woken streams run
// between the two.
void H2Session::run() {
  if (room_.isEnded()) {
    room_.destroy();
    output_due_ = true;
    if (has_stalled_) die(H2End::kPeerStalled);
  }
  if (!isEnded()) {
    if (output_due_ || !mayTakeInput()) {
      output_due_ = false;
      sendOut();
      deliver();
    } else {
      takeInput();
      deliver();
      output_due_ = true;
    }
  }
  noteEnd();
  if (isEnded()) {
    undelivered_.clear();
  } else if (output_due_ || mayTakeInput()) {
    loop().post(*this);
  }
  if (std::exchange(changed_, false)) owner_.onSessionChange();  // who may destroy this
}

// Bodies fill no more than the bound, so what is beyond it are answers to what was read. Were bodies to stop the
// reading, two of these sessions that send each other much would wait for each other for ever.
bool H2Session::mayTakeInput() const {
  return !rests_ && transport_.mayRead() && unsent() < 2 * bounds_.http2.unsent.count;
}

void H2Session::takeInput() {
  for (int i = 0; i < kReadsPerTurn && !isEnded() && mayTakeInput(); ++i) {
    const net::IoResult read = transport_.read(scratch_);
    if (read.isBlocked()) return;
    if (read.error) return die(H2End::kPeerReset);
    if (read.isEnd()) return die(H2End::kPeerClosed);
    feed({scratch_.data(), read.bytes});
  }
  if (isEnded() || !transport_.mayRead()) return;
  rests_ = true;
  loop().timers().arm(rest_timer_, Deadline::at(loop().now()));  // until the next turn
}

void H2Session::onRested() {
  rests_ = false;
  loop().post(*this);
}

void H2Session::feed(std::string_view bytes) {
  const H2Codec::Fed fed = codec_.feed(bytes);
  if (fed == H2Codec::Fed::kWell) return;
  if (fed == H2Codec::Fed::kFlood) calmDown();
  if (fed == H2Codec::Fed::kBadPeer) ++counts_.glitches;
  sendOut();
  die(is_flood_ ? H2End::kFlood : H2End::kBadPeer);
}

void H2Session::deliver() {
  size_t kept = 0;
  for (size_t i = 0; i < undelivered_.size(); ++i) {
    std::unique_ptr<H2Stream> stream = std::move(undelivered_[i]);
    if (stream->is_failed_) continue;  // nobody need know of it
    if (!stream->has_final_head_) {
      undelivered_[kept++] = std::move(stream);
    } else if (!isEnded()) {
      owner_.onRequest(std::move(stream));
    }
  }
  undelivered_.resize(kept);
  if (kept == 0) {
    loop().timers().disarm(head_timer_);
  } else if (!head_timer_.isArmed() && !isEnded()) {
    loop().arm(head_timer_, bounds_.head_time);
  }
}

void H2Session::flush() {
  if (!isEnded()) sendOut();
}

void H2Session::sendOut() {
  if (is_unheard_) out_at_ = out_.size();
  while (out_at_ < out_.size() && !isEnded()) {
    const iovec piece{out_.data() + out_at_, out_.size() - out_at_};
    const net::IoResult sent = transport_.write({&piece, 1});
    out_at_ += sent.bytes;
    if (sent.isBlocked()) {
      if (room_ || out_at_ == out_.size()) break;
      room_ = awaitRoom();
      room_.start(*this);
      break;
    }
    if (sent.error) {
      // What has arrived is read still: a server may have answered and closed.
      if (!transport_.mayRead()) return die(H2End::kPeerReset);
      is_unheard_ = true;
      out_at_ = out_.size();
    }
  }
  if (out_at_ == out_.size()) {
    if (out_.capacity() > kOutKept || isIdle()) out_ = {};
    if (isIdle()) codec_.rest();
    out_.clear();
    out_at_ = 0;
  } else if (out_at_ > kOutKept) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  letWrite();
}

loop::Task<void> H2Session::awaitRoom() {
  const net::Patience patience{.stall = bounds_.write_stall, .stalled = {}, .overdue = {}};
  const Result<void> waited = co_await loop::asResult(net::WriteWait(transport_, patience));
  has_stalled_ = !waited;
  co_return loop::done;
}

// Streams go on at half the bound, so that they don't wake for each frame that leaves.
void H2Session::letWrite() {
  if (wanting_room_ == 0 || !codec_.maySend() || unsent() > bounds_.http2.unsent.count / 2) return;
  streams_.forEach([this](H2Stream& stream) {
    if (stream.wants_room_ && stream.may_send > 0) letWrite(stream);
  });
}

void H2Session::noteEnd() {
  if (isEnded() || !codec_.isFinished() || unsent() > 0) return;
  const bool is_clean = !is_flood_ && codec_.terminatedWith() == H2Error::kNone;
  if (is_clean && !isIdle()) return;  // streams that are read to their end still
  die(is_flood_ ? H2End::kFlood : is_clean ? H2End::kDone : H2End::kBadPeer);
}

void H2Session::schedule() {
  output_due_ = true;
  loop().post(*this);
}

void H2Session::change() {
  changed_ = true;
  loop().post(*this);
}

// --- for its owner
// ----------------------------------------------------------------------------------------------------

std::unique_ptr<H2Stream> H2Session::openStream() {
  if (!mayOpen()) return nullptr;
  std::unique_ptr<H2Stream> stream(new H2Stream(*this));
  streams_.add(*stream);
  return stream;
}

bool H2Session::mayOpen() const {
  return role_ == Role::kClient && !isEnded() && !isDraining() && !codec_.isTerminated() &&
         streams_.size() < streamsMost() && codec_.hasStreamIds() && unsent() < bounds_.http2.unsent.count;
}

size_t H2Session::streamsMost() const {
  return role_ == Role::kClient ? std::min(bounds_.http2.streams, codec_.peerStreamsMost()) : bounds_.http2.streams;
}

Failure H2Session::endFailure() const {
  const bool is_server = role_ == Role::kServer;
  const auto detail = static_cast<int32_t>(codec_.terminatedWith());
  switch (end_) {
    case H2End::kPeerReset:
      return {is_server ? Reason::kClientReset : Reason::kUpstreamReset, Reached::kMaybe, detail};
    case H2End::kPeerStalled:
      return {is_server ? Reason::kClientStalled : Reason::kUpstreamStalled, Reached::kMaybe, detail};
    case H2End::kBadPeer:
    case H2End::kFlood:
    case H2End::kSettingsTimeout:
    case H2End::kHeadTimeout:
      return {is_server ? Reason::kBadFraming : Reason::kBadResponse, Reached::kMaybe, detail};
    default:
      return {is_server ? Reason::kClientGone : Reason::kUpstreamClosed, Reached::kMaybe, detail};
  }
}

void H2Session::goAway() {
  if (isEnded() || goaway_ == GoAway::kSent) return;
  if (role_ == Role::kServer && goaway_ == GoAway::kNone) {
    goaway_ = GoAway::kAnnounced;
    codec_.announceGoAway();
    goaway_ping_ = ++pings_sent_;
  } else {
    goaway_ = GoAway::kSent;
    codec_.sendGoAway();
  }
  schedule();
}

void H2Session::end(H2Error error) {
  if (isEnded()) return;
  codec_.terminate(error);
  sendOut();
  die(H2End::kAsked);
}

void H2Session::die(H2End end) {
  if (isEnded()) return;
  end_ = end;
  loop().timers().disarm(settings_timer_);
  loop().timers().disarm(ping_timer_);
  loop().timers().disarm(head_timer_);
  streams_.forEach([](H2Stream& stream) { stream.breakDown(H2Error::kNone); });
  change();
}

// --- for streams
// ------------------------------------------------------------------------------------------------------

bool H2Session::sendHead(H2Stream& stream, std::span<const HeadField> fields, End end) {
  const bool opens = stream.id() == 0;
  if (isEnded() || (opens && isDraining())) return false;
  if (!codec_.sendHead(stream, fields, end)) {
    // Too large: the other side would wait for it for ever.
    if (!opens) reset(stream, H2Error::kInternal);
    return false;
  }
  if (opens) {
    ++counts_.streams;
    stream.asked_for_head_ = !fields.empty() && fields.front().value == "HEAD";
  }
  noteSent();
  return true;
}

void H2Session::reset(H2Stream& stream, H2Error code) {
  codec_.reset(stream, code);
  stream.breakDown(code);
  schedule();
}

bool H2Session::sendTrailers(H2Stream& stream, std::span<const HeadField> fields) {
  if (isEnded() || !codec_.sendTrailers(stream, fields)) return false;
  noteSent();
  return true;
}

size_t H2Session::sendData(H2Stream& stream, std::span<const iovec> pieces, End end) {
  if (isEnded()) return 0;
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  const size_t taken = codec_.sendData(stream, pieces, unsentRoom(), end);
  if (taken < wanted) {
    awaitTurn(stream);
    if (taken == 0) return 0;
  }
  noteSent();
  return taken;
}

size_t H2Session::unsentRoom() const {
  return bounds_.http2.unsent.count - std::min<size_t>(bounds_.http2.unsent.count, unsent());
}

size_t H2Session::roomFor(const H2Stream& stream) const {
  return std::min(unsentRoom(), codec_.windowOf(stream));
}

// Behind all others, so that none of them gets every window.
void H2Session::awaitTurn(H2Stream& stream) {
  wanting_room_ += !std::exchange(stream.wants_room_, true);
  streams_.remove(stream);
  streams_.add(stream);
}

void H2Session::letWrite(H2Stream& stream) {
  stream.wants_room_ = false;
  --wanting_room_;
  stream.letWrite();
}

// What a peer may say for each message that it is sent is forgiven.
void H2Session::noteSent() {
  control_frames_.forgive(loop().now(), kForgivenPerFrame);
  schedule();
}

void H2Session::consume(H2Stream& stream, size_t bytes) {
  if (isEnded() || bytes == 0) return;
  codec_.consume(stream, bytes);
  if (unsent() > 0) schedule();
}

void H2Session::forget(H2Stream& stream) {
  const bool was_full = streams_.size() >= streamsMost();
  streams_.remove(stream);
  wanting_room_ -= stream.wants_room_;
  head_bytes_ -= stream.head_bytes_;
  if (isEnded()) return codec_.reset(stream, H2Error::kCancel);
  codec_.consume(stream, stream.inbox_.size() - stream.inbox_at_);
  const bool is_answered = role_ == Role::kServer && stream.has_sent_end;
  codec_.reset(stream, is_answered ? H2Error::kNone : stream.closes_with_);
  schedule();
  if (isIdle() || (role_ == Role::kClient && was_full)) changed_ = true;
}

const H2Head::Bounds& H2Session::boundsOf(H2Head::Kind kind) const {
  return kind == H2Head::Kind::kTrailers ? bounds_.trailers : bounds_.head;
}

}  // namespace remora::http
