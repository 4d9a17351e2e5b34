// What the codec tells a session, and what of it is too much.
#include <algorithm>
#include <utility>

#include "http/h2_session.h"

namespace remora::http {
namespace {

// Control frames that go with each stream that runs.
constexpr uint32_t kControlPerStream = 10;

// A few bytes of HPACK may be a head as large as it may be, again for each stream: so many of those may be alive.
constexpr size_t kLargestHeads = 16;

// Streams that are closed for the peer live until their exchanges have ended; so many times the announced number may.
constexpr size_t kStreamsInDying = 2;

}  // namespace

void H2Session::onFrame(H2Frame type) {
  ++counts_.frames;
  last_frame_ = loop().now();
  if (type == H2Frame::kData || type == H2Frame::kHeaders) return;  // bounded by flow control and by streams
  control_frames_.add(last_frame_);
  const auto extra = static_cast<uint32_t>(std::min<size_t>(streams_.size(), UINT16_MAX)) * kControlPerStream;
  if (control_frames_.isOver(last_frame_, extra)) calmDown();
}

H2Account* H2Session::onRequestBegin() {
  ++counts_.streams;
  if (is_flood_ || head_bytes_ > kLargestHeads * bounds_.head.bytes) return nullptr;
  if (streams_.size() >= kStreamsInDying * std::max<size_t>(bounds_.http2.streams, 1)) return nullptr;
  if (!owner_.mayTakeRequest()) {
    refused_for_owner_ = true;
    return nullptr;
  }
  std::unique_ptr<H2Stream> stream(new H2Stream(*this));
  H2Stream* const made = stream.get();
  streams_.add(*made);
  made->beginHead();
  undelivered_.push_back(std::move(stream));
  return made;
}

void H2Session::onHeadBegin(H2Account& account) {
  streamOf(account).beginHead();
}

bool H2Session::onField(H2Account& account, const HpackField& field) {
  H2Stream& stream = streamOf(account);
  switch (stream.arriving_->add(field)) {
    case H2Head::Added::kWell:
      return true;
    case H2Head::Added::kMalformed:
      codec_.failStream(account, H2Error::kProtocol);
      return false;
    case H2Head::Added::kTooMuch:
      calmDown();
      return false;
  }
  return false;
}

void H2Session::onHeadEnd(H2Account& account, End end) {
  H2Stream& stream = streamOf(account);
  judge(account, stream.endHead(end));
  if (role_ == Role::kClient || !stream.head_ || stream.head_bytes_) return;
  head_bytes_ += stream.head_bytes_ = stream.head_->bytes();
}

void H2Session::onData(H2Account& account, std::string_view data) {
  const H2Error error = streamOf(account).keep(data);
  if (error == H2Error::kNone) return;
  codec_.consume(account, data.size());
  judge(account, error);
}

void H2Session::onDataFrame(H2Account* account, size_t bytes, End end) {
  if (bytes == 0 && end == End::kMore) {
    ++counts_.glitches;
    control_frames_.add(last_frame_);
    if (control_frames_.isOver(last_frame_)) calmDown();
  }
  if (account && end == End::kLast) judge(*account, streamOf(*account).endReading());
}

void H2Session::judge(H2Account& account, H2Error error) {
  if (error != H2Error::kNone) codec_.failStream(account, error);
}

void H2Session::onReset(H2Account* account) {
  ++counts_.resets_received;
  if (account) streamOf(*account).was_reset_ = true;
  // A client sets the pace itself: each reset is of a request that it chose to send.
  if (role_ == Role::kServer) countReset();
}

void H2Session::onClosed(H2Account& account, H2Error code) {
  H2Stream& stream = streamOf(account);
  const bool ended_well = stream.remote_ended_ && stream.has_sent_end && !stream.was_reset_;
  if (ended_well && code == H2Error::kNone) return resets_.forgive(loop().now());
  stream.breakDown(code);
}

void H2Session::onFault() {
  if (std::exchange(refused_for_owner_, false)) return;  // it is none of the peer's
  ++counts_.resets_forced;
  ++counts_.glitches;
  countReset();
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

void H2Session::onWindow(H2Account& account) {
  H2Stream& stream = streamOf(account);
  if (stream.wants_room_ && codec_.maySend() && unsent() <= bounds_.http2.unsent.count / 2) letWrite(stream);
}

void H2Session::onWindows() {
  letWrite();
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
