#include "http/h2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/h2_callbacks.h"

namespace remora::http {
namespace {

// As much as a turn reads before others have theirs.
constexpr int kReadsATurn = 4;
// What a session that has nothing to send keeps of its buffer.
constexpr size_t kOutputKept = 16 << 10;

nghttp2_session* makeSession(H2Session::Role role, const H2Session::Bounds& bounds, H2Session* self) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);  // what nobody read yet isn't asked for again
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_peer_max_concurrent_streams(option, bounds.options.streams);
  nghttp2_option_set_max_send_header_block_length(option, std::max<size_t>(bounds.limits.head.count * 2, 256 << 10));
  nghttp2_session_callbacks* const callbacks = H2Callbacks::make();
  nghttp2_session* session = nullptr;
  if (role == H2Session::Role::kServer) {
    nghttp2_session_server_new2(&session, callbacks, self, option);
  } else {
    nghttp2_session_client_new2(&session, callbacks, self, option);
  }
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  check(session != nullptr, "memory for an HTTP/2 session");
  return session;
}

uint32_t windowOf(Bytes bytes) {
  return static_cast<uint32_t>(std::min<uint64_t>(bytes.count, INT32_MAX));
}

}  // namespace

H2Session::H2Session(Role role, net::Stream& transport, std::span<char> scratch, const Bounds& bounds, Owner& owner)
    : role_(role),
      transport_(transport),
      scratch_(scratch),
      options_(bounds.options),
      limits_(bounds.limits),
      owner_(owner),
      session_(makeSession(role, bounds, this)),
      budget_(bounds.options),
      fields_(std::make_unique<FieldList>()),
      last_input_(transport.loop().now()) {}

H2Session::~H2Session() {
  transport_.setWatcher(nullptr);
  if (!ended_) fail(NGHTTP2_CANCEL);
  nghttp2_session_del(session_);
}

void H2Session::start(std::string_view first) {
  transport_.setWatcher(this, net::Stream::Watch::kWritable);
  submitSettings();
  armPing();
  if (!first.empty() && !feed(first)) return;
  flushSoon();
}

void H2Session::submitSettings() {
  std::array<nghttp2_settings_entry, 4> settings;
  size_t count = 0;
  settings[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, windowOf(options_.stream_window)};
  settings[count++] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, windowOf(limits_.head)};
  if (role_ == Role::kServer) {
    settings[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams};
    settings[count++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  } else {
    settings[count++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(windowOf(options_.connection_window)));
}

std::unique_ptr<H2Stream> H2Session::openStream() {
  if (!mayOpen()) return nullptr;
  auto stream = std::unique_ptr<H2Stream>(new H2Stream(*this, transport_.loop()));
  ++active_;
  link(*stream);
  return stream;
}

bool H2Session::mayOpen() const {
  if (role_ != Role::kClient || ended_ || leaving_ != Leaving::kNo || peer_leaves_) return false;
  const uint32_t theirs = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return active_ < std::min(options_.streams, theirs) && nghttp2_session_check_request_allowed(session_);
}

bool H2Session::peerAllowsExtendedConnect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

// --- what comes in ---------------------------------------------------------------------------------------------------

void H2Session::run() {
  if (!ended_) {
    readInput();
    if (!ended_) {
      collectOutput();
      sendOutput();
    }
    if (!ended_ && isFinished()) fail(NGHTTP2_NO_ERROR);
  }
  if (std::exchange(has_changed_, false)) owner_.onSessionChange();
}

void H2Session::readInput() {
  for (int reads = 0; transport_.mayRead() && !isFull(); ++reads) {
    if (reads == kReadsATurn) return flushSoon();
    const net::IoResult read = transport_.read(scratch_);
    if (read.isBlocked()) return;
    if (read.error || read.isEnd()) return fail(NGHTTP2_CANCEL);
    if (!feed({scratch_.data(), read.bytes})) return;
  }
}

bool H2Session::feed(std::string_view bytes) {
  last_input_ = transport_.loop().now();
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0 || is_doomed_) {
    sayGoodbye();
    return false;
  }
  deliverRequests();
  return !ended_;
}

void H2Session::deliverRequests() {
  std::vector<std::unique_ptr<H2Stream>> requests;
  requests.swap(delivered_);
  for (std::unique_ptr<H2Stream>& request : requests) {
    if (!request->hasError()) owner_.onRequest(std::move(request));
  }
}

int H2Session::calmDown() {
  is_doomed_ = true;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

// The peer is told, if it listens, why this ends.
void H2Session::sayGoodbye() {
  if (is_doomed_) nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  is_doomed_ = false;
  delivered_.clear();
  collectOutput();
  if (!ended_) sendOutput();
  if (!ended_) fail(NGHTTP2_PROTOCOL_ERROR);
}

// --- what goes out ---------------------------------------------------------------------------------------------------

void H2Session::collectOutput() {
  for (;;) {
    const uint8_t* data = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(session_, &data);
    if (bytes < 0) return fail(NGHTTP2_INTERNAL_ERROR);
    if (bytes == 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(bytes));
  }
  if (is_doomed_) flushSoon();
}

void H2Session::sendOutput() {
  if (is_doomed_) return sayGoodbye();
  const bool was_crowded = dataRoom() == 0;
  while (unsent() > 0 && transport_.mayWrite()) {
    const iovec piece{output_.data() + output_at_, unsent()};
    const net::IoResult written = transport_.write({&piece, 1});
    output_at_ += written.bytes;
    if (written.error && !written.isBlocked()) return fail(NGHTTP2_CANCEL);
    if (written.bytes == 0) break;
  }
  if (unsent() == 0) {
    output_.clear();
    output_at_ = 0;
    if (active_ == 0 && output_.capacity() > kOutputKept) output_.shrink_to_fit();
  } else if (output_at_ > options_.unsent.count) {
    output_.erase(0, std::exchange(output_at_, 0));
  }
  if (was_crowded && dataRoom() > 0) {
    wakeWriters();
    if (transport_.mayRead()) flushSoon();  // reading had stopped as well
  }
}

// Half of the bound is for data. The other half is for answers to what the peer sends, so that two that send to each
// other at full speed always read on.
size_t H2Session::dataRoom() const {
  const size_t most = options_.unsent.count / 2;
  return most - std::min(most, unsent());
}

void H2Session::wakeWriters() {
  for (H2Stream* const stream : streams_) {
    if (!stream->mayWrite()) stream->noteWritable();
  }
}

H2Session::FieldList& H2Session::fieldsOf(std::span<const HeadField> fields) {
  fields_->list.clear();
  for (const HeadField& field : fields) {
    uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    if (field.is_secret) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    fields_->list.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                             reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())), field.name.size(),
                             field.value.size(), flags});
  }
  return *fields_;
}

Result<void> H2Session::submitHead(H2Stream& stream, std::span<const HeadField> fields, End end) {
  const std::vector<nghttp2_nv>& list = fieldsOf(fields).list;
  nghttp2_data_provider provider{};
  provider.read_callback = readOutgoing;
  const nghttp2_data_provider* const data = end == End::kMore ? &provider : nullptr;
  int outcome = 0;
  if (role_ == Role::kClient) {
    stream.id_ = outcome = nghttp2_submit_request(session_, nullptr, list.data(), list.size(), data, &stream);
    if (outcome < 0) stream.id_ = 0;
  } else if (!fields.empty() && fields[0].value.starts_with('1')) {  // :status of an interim response
    outcome =
        nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, list.data(), list.size(), nullptr);
    end = End::kMore;
  } else {
    outcome = nghttp2_submit_response(session_, stream.id_, list.data(), list.size(), data);
  }
  if (outcome < 0) return fail_(outcome);
  stream.has_sent_end_ = end == End::kLast;
  collectOutput();
  flushSoon();
  return {};
}

Result<void> H2Session::submitTrailers(H2Stream& stream, std::span<const HeadField> fields) {
  stream.outgoing_trailers_ = fields;
  stream.has_sent_end_ = true;
  nghttp2_session_resume_data(session_, stream.id_);
  collectOutput();
  flushSoon();
  return {};
}

net::IoResult H2Session::send(H2Stream& stream, std::span<const iovec> pieces, End end) {
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  const size_t room = std::min(wanted, dataRoom());
  stream.outgoing_ = pieces;
  stream.outgoing_at_ = 0;
  stream.outgoing_bytes_ = room;
  stream.ends_after_outgoing_ = end == End::kLast && room == wanted;
  if (room > 0 || stream.ends_after_outgoing_) {
    nghttp2_session_resume_data(session_, stream.id_);
    collectOutput();
    flushSoon();
  }
  const size_t taken = room - std::exchange(stream.outgoing_bytes_, 0);
  stream.outgoing_ = {};
  if (stream.hasError()) return {taken, ECONNRESET};
  if (taken == wanted) return {taken, 0};
  stream.ends_after_outgoing_ = false;
  stream.may_write_ = false;
  return {taken, EAGAIN};
}

void H2Session::giveBack(const H2Stream& stream, size_t bytes) {
  nghttp2_session_consume(session_, stream.id_, bytes);
  if (nghttp2_session_want_write(session_)) flushSoon();
}

// --- streams ---------------------------------------------------------------------------------------------------------

void H2Session::link(H2Stream& stream) {
  stream.position_ = streams_.size();
  streams_.push_back(&stream);
}

// It is being destroyed.
void H2Session::forget(H2Stream& stream) {
  streams_[stream.position_] = streams_.back();
  streams_[stream.position_]->position_ = stream.position_;
  streams_.pop_back();
  if (stream.id_ == 0) {
    --active_;
    return;
  }
  nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  if (const size_t unread = stream.inbox_.size() - stream.inbox_at_) {
    nghttp2_session_consume_connection(session_, unread);
  }
  if (!stream.is_closed_) {
    const bool is_answered = role_ == Role::kServer && stream.has_sent_end_;
    const uint32_t code = stream.resets_on_close_ ? NGHTTP2_INTERNAL_ERROR
                          : is_answered           ? NGHTTP2_NO_ERROR
                                                  : NGHTTP2_CANCEL;
    if (!is_answered || !stream.has_ended_) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
  }
  flushSoon();
}

void H2Session::fail(uint32_t code) {
  if (std::exchange(ended_, true)) return;
  loop::Timer& timer = *this;
  transport_.loop().timers().disarm(timer);
  for (H2Stream* const stream : streams_) {
    stream->session_ = nullptr;
    if (!stream->is_closed_ || !stream->has_ended_) stream->noteReset(code);
  }
  streams_.clear();
  incoming_.clear();
  delivered_.clear();
  active_ = 0;
  has_changed_ = true;
  flushSoon();
}

std::unexpected<Failure> H2Session::fail_(int error) {
  return remora::fail(Reason::kInternal, Reached::kNo, error);
}

// --- the end ---------------------------------------------------------------------------------------------------------

void H2Session::goAway() {
  if (ended_ || leaving_ == Leaving::kFinal) return;
  if (role_ == Role::kServer && leaving_ == Leaving::kNo) {
    nghttp2_submit_shutdown_notice(session_);
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    leaving_ = Leaving::kNoticed;
  } else {
    leaving_ = Leaving::kFinal;
    const int32_t last = role_ == Role::kServer ? nghttp2_session_get_last_proc_stream_id(session_) : 0;
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  }
  flushSoon();
}

// The answer to the PING behind the first GOAWAY: what the client sent before it knew has come.
void H2Session::onPong() {
  awaits_pong_ = false;
  if (leaving_ == Leaving::kNoticed) goAway();
}

bool H2Session::isFinished() const {
  if (unsent() > 0) return false;
  if (leaving_ == Leaving::kFinal && active_ == 0) return true;
  return !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
}

void H2Session::end(uint32_t error_code) {
  if (ended_) return;
  nghttp2_session_terminate_session(session_, error_code);
  collectOutput();
  if (!ended_) sendOutput();
  if (!ended_) fail(error_code);
}

void H2Session::armPing() {
  if (options_.ping.count()) transport_.loop().arm(*this, options_.ping);
}

void H2Session::onTime() {
  if (ended_) return;
  if (std::exchange(awaits_pong_, false)) {
    fail(NGHTTP2_CANCEL);
    return;
  }
  const Deadline due = Deadline::after(last_input_, options_.ping);
  if (!due.hasPassed(transport_.loop().now())) return transport_.loop().timers().arm(*this, due);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  awaits_pong_ = true;
  transport_.loop().arm(*this, options_.ping_timeout);
  flushSoon();
}

}  // namespace remora::http
