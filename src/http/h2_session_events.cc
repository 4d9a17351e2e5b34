// What the codec tells a session, and what of it is too much.
#include <algorithm>

#include "http/h2_session.h"

namespace remora::http {
namespace {

// A peer may ask for credit, or measure its bandwidth by PING, about once for each frame it is sent.
constexpr uint32_t kForgivenPerFrame = 3;

// Control frames that go with each stream that runs.
constexpr uint32_t kControlPerStream = 10;

// Streams that are closed for the peer live until their exchanges have ended; so many times the announced number may.
constexpr size_t kStreamsInDying = 2;

}  // namespace

void H2Session::onFrame(H2Frame type, size_t length) {
  ++counts_.frames;
  last_frame_ = loop().now();
  if (type == H2Frame::kData || type == H2Frame::kHeaders) return;  // bounded by flow control and by streams
  control_frames_.add(last_frame_);
  const auto extra = static_cast<uint32_t>(std::min<size_t>(streams_.size(), UINT16_MAX)) * kControlPerStream;
  if (control_frames_.isOver(last_frame_, extra)) calmDown();
}

H2Stream* H2Session::onRequestBegin(int32_t id) {
  ++counts_.streams;
  if (is_flood_ || streams_.size() >= kStreamsInDying * std::max<size_t>(bounds_.http2.streams, 1)) return nullptr;
  std::unique_ptr<H2Stream> stream(new H2Stream(*this));
  H2Stream* const made = stream.get();
  made->id_ = id;
  streams_.add(*made);
  made->beginHead();
  undelivered_.push_back(std::move(stream));
  return made;
}

void H2Session::onHeadBegin(H2Stream& stream) {
  stream.beginHead();
}

bool H2Session::onField(H2Stream& stream, std::string_view name, std::string_view value) {
  if (!stream.arriving_) return false;
  if (stream.arriving_->add(name, value)) return true;
  calmDown();
  return false;
}

void H2Session::onHeadEnd(H2Stream& stream, End end) {
  if (!stream.arriving_ || stream.endHead(end)) return;
  ++counts_.glitches;
  codec_.reset(stream.id_, H2Error::kEnhanceYourCalm);
}

void H2Session::onData(H2Stream* stream, int32_t id, std::string_view data) {
  if (stream && !stream->is_failed_) {
    stream->keep(data);
  } else {
    codec_.consume(id, data.size());
  }
}

void H2Session::onDataFrame(H2Stream* stream, size_t payload, End end) {
  if (payload == 0 && end == End::kMore) {
    ++counts_.glitches;
    control_frames_.add(last_frame_);
    if (control_frames_.isOver(last_frame_)) calmDown();
  }
  if (stream && end == End::kLast) stream->endReading();
}

void H2Session::onReset(H2Stream* stream) {
  ++counts_.resets_received;
  if (stream) stream->was_reset_ = true;
  // A client sets the pace itself: each reset is of a request that it chose to send.
  if (role_ == Role::kServer) countReset();
}

void H2Session::onClosed(H2Stream* stream, uint32_t code) {
  if (!stream) return;
  stream->is_closed_ = true;
  if (stream->remote_ended_ && stream->local_ended_ && !stream->was_reset_ && code == 0) {
    resets_.forgive(loop().now());
    return;
  }
  stream->breakDown(code);
}

void H2Session::onSettings() {
  settings_heard_ = true;
  if (role_ == Role::kClient) change();
}

void H2Session::onSettingsAnswer() {
  loop().timers().disarm(settings_timer_);
}

void H2Session::onPingAnswer() {
  ++pings_answered_;
  awaits_ping_ = false;
  if (goaway_ != GoAway::kAnnounced || pings_answered_ < goaway_ping_) return;
  goaway_ = GoAway::kSent;
  codec_.sendGoAway();
}

void H2Session::onGoAway() {
  goaway_heard_ = true;
  change();
}

void H2Session::onSent(H2Frame type, int32_t id, size_t length, uint32_t code) {
  if (type == H2Frame::kGoAway) last_error_sent_ = code;
  if (type == H2Frame::kReset && id != own_reset_) {
    ++counts_.resets_forced;
    ++counts_.glitches;
    countReset();
  }
  const bool is_message = type == H2Frame::kHeaders || (type == H2Frame::kData && length > 0);
  if (is_message) control_frames_.forgive(loop().now(), kForgivenPerFrame);
}

void H2Session::countReset() {
  resets_.add(loop().now());
  if (resets_.isOver(loop().now())) calmDown();
}

// May be called from inside the codec: what follows is read from the run queue.
void H2Session::calmDown() {
  if (is_flood_) return;
  is_flood_ = true;
  ++counts_.glitches;
  codec_.terminate(H2Error::kEnhanceYourCalm);
  schedule();
}

H2Codec::Grant H2Session::takeData(H2Stream* stream, size_t most) {
  if (!stream) return {true, 0, End::kLast};  // its owner went after shutdownWrite()
  return stream->grant(most, bounds_.http2.unsent.count - std::min(bounds_.http2.unsent.count, unsent()));
}

void H2Session::putData(H2Stream* stream, int32_t id, std::string_view frame_head, size_t bytes) {
  out_ += frame_head;
  if (stream) return stream->takePieces(out_, bytes);
  if (!codec_.hasPeerEnded(id)) codec_.reset(own_reset_ = id, H2Error::kNone);  // what it sends still is for nobody
}

void H2Session::onHeadNotSent(H2Stream* stream) {
  if (stream && !stream->is_closed_ && stream->id_) codec_.reset(own_reset_ = stream->id_, H2Error::kInternal);
}

// --- time
// -------------------------------------------------------------------------------------------------------------

void H2Session::onSettingsLate() {
  if (isEnded()) return;
  end(H2Error::kSettingsTimeout);
  end_ = H2End::kSettingsTimeout;
}

void H2Session::onHeadLate() {
  end(H2Error::kEnhanceYourCalm);
  end_ = H2End::kHeadTimeout;
}

void H2Session::onPingTime() {
  const Instant now = loop().now();
  if (awaits_ping_ && last_frame_ <= ping_sent_) {
    end(H2Error::kNone);
    end_ = H2End::kPingTimeout;
    return;
  }
  awaits_ping_ = false;
  const Deadline due = Deadline::after(last_frame_, bounds_.http2.ping);
  if (!due.hasPassed(now)) {
    loop().timers().arm(ping_timer_, due);
    return;
  }
  awaits_ping_ = true;
  ping_sent_ = now;
  ++pings_sent_;
  codec_.ping();
  schedule();
  loop().arm(ping_timer_, std::max<Duration>(bounds_.http2.ping_timeout, std::chrono::milliseconds(1)));
}

}  // namespace remora::http
