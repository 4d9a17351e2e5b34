#include "proxy/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/grpc_status.h"
#include "http/grpc.h"
#include "http/h2_validate.h"
#include "http/validate.h"
#include "proxy/attempt.h"
#include "proxy/fault.h"
#include "proxy/rate_limit.h"
#include "proxy/refuse_overload.h"
#include "proxy/relay.h"
#include "proxy/reply.h"
#include "proxy/retry.h"
#include "proxy/shared_limit.h"
#include "proxy/tunnel.h"

namespace remora::proxy {

using observe::Outcome;

namespace {

// Who the certificate is of, in one name.
std::string_view nameOf(const tls::PeerIdentity& peer) {
  if (!peer.spiffeId().empty()) return peer.spiffeId();
  for (const auto* names : {&peer.uris, &peer.dns_names, &peer.ips}) {
    if (!names->empty()) return names->front();
  }
  return peer.subject;
}

// What callers say of the time that they have; nonsense is as if they said nothing.
std::optional<Duration> parseMillis(std::string_view text) {
  constexpr uint64_t kMost = 365ULL * 24 * 3'600'000;
  const std::optional<uint64_t> millis = ascii::parseDecimal(text);
  if (!millis) return std::nullopt;
  return Milliseconds(std::min(*millis, kMost));
}

}  // namespace

loop::Task<void> proxyExchange(Core& core, Exchange& exchange) {
  co_await exchange.checkRequest();
  co_await exchange.chooseRoute();
  co_await heedOverload(exchange);
  co_await heedRateLimit(exchange);
  if (exchange.plan.route().shared_limit) co_await heedSharedLimit(exchange);
  if (exchange.plan.action != Plan::Action::kForward) {
    co_await answerHere(exchange);
    co_return loop::done;
  }
  if (exchange.plan.route().fault) co_await injectFault(exchange);
  co_await tryUpstreams(core, exchange);
  if (exchange.switches_protocol) {
    exchange.verdict.end({});  // a tunnel's end is nobody's fault
    co_await tunnel(exchange);
  } else {
    const Result<void> relayed = co_await loop::asResult(relayResponse(exchange));
    exchange.verdict.end(relayed);
    co_await relayed;
  }
  co_return loop::done;
}

Exchange::Exchange(Core& owner) : core(owner), response_parser({}), uploads(owner.loop()), parser_({}) {}

Exchange::~Exchange() {
  uploads.cancel();
}

void Exchange::attach(Downstream& from) {
  downstream = &from;
  snapshot = core.snapshot();
  const model::Listener& source = *from.connection().planIn(**snapshot).source;
  limits_ = source.limits;
  timeouts_ = source.timeouts;
  const http::HeadLimits head{static_cast<size_t>(limits_.head.count), limits_.header_count,
                              static_cast<size_t>(limits_.target.count)};
  parser_.setLimits(head);
  response_parser.setLimits(head);
  filled_ = head_length_ = next_at_ = 0;
  may_be_preface_ = false;
}

Result<Exchange::HeadRead> Exchange::readHead() {
  for (;;) {
    if (may_be_preface_ && filled_ && isPreface()) return HeadRead::kHttp2Preface;
    if (filled_ && !may_be_preface_) {
      const Result<size_t> length = parser_.feed({buffer_.get(), filled_});
      if (!length) return std::unexpected(length.error());
      head_length_ = *length;
      if (head_length_) return HeadRead::kHead;
    }
    if (filled_ == capacity_) {
      const Result<void> room = heedOverloadInHead(*this, std::max(kBufferBytes, capacity_ * 2));
      if (!room && !beginsHttp2()) return std::unexpected(room.error());
    }
    const net::IoResult read = downstream->stream().read(freeSpace());
    filled_ += read.bytes;
    is_fresh_ = false;
    if (read.bytes == 0) return read.isBlocked() ? HeadRead::kWait : HeadRead::kNothing;
  }
}

// HTTP/2's preface (RFC 9113 section 3.4) begins like a request line of HTTP/1; nothing is parsed while it may be
// either.
bool Exchange::isPreface() {
  using http::h2::kPreface;
  const std::string_view begun = std::string_view(buffer_.get(), filled_).substr(0, kPreface.size());
  may_be_preface_ = kPreface.starts_with(begun);
  return begun == kPreface;
}

// Who speaks HTTP/2 isn't refused in HTTP/1's words, but each of its streams for itself.
bool Exchange::beginsHttp2() {
  std::array<char, 3> first;
  if (!may_be_preface_ || filled_) return may_be_preface_;
  const net::IoResult peeked = downstream->stream().peek(first);
  return peeked.bytes && http::h2::kPreface.starts_with({first.data(), peeked.bytes});
}

loop::Task<Exchange::HeadRead> Exchange::awaitHead() {
  const Deadline until = Deadline::after(core.now(), timeouts_.header);
  for (;;) {
    // Without a byte of a request this is an idle connection; only a head that has begun is late.
    const Result<void> more =
        co_await loop::asResult(net::ReadWait(downstream->stream(), until, Failure{Reason::kHeaderTimeout}));
    if (!more && !parser_.hasBegun()) co_return HeadRead::kNothing;
    co_await more;
    const HeadRead read = co_await readHead();
    if (read != HeadRead::kWait) co_return read;
  }
}

std::span<char> Exchange::freeSpace() {
  if (filled_ == capacity_) grow(std::max(kBufferBytes, capacity_ * 2));
  return {buffer_.get() + filled_, capacity_ - filled_};
}

void Exchange::grow(size_t capacity) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (filled_) std::memcpy(larger.get(), buffer_.get(), filled_);
  buffer_ = std::move(larger);
  capacity_ = capacity;
}

void Exchange::begin(uint64_t earlier_requests) {
  is_fresh_ = false;
  if (!snapshot || snapshot.get() != core.snapshot().get()) snapshot = core.snapshot();
  listener = &downstream->connection().planIn(**snapshot);
  series = &snapshot->series(*listener, nullptr, 0);
  record = {};
  downstream->connection().beginRecord(record, **snapshot, *listener, core.loop().readClock(), remote_text_);
  record.scheme = downstream->connection().tls() ? "https" : "http";
  describeTls();
  record.decide(Outcome::kReceived, listener->rule, observe::trailNumber(static_cast<int64_t>(earlier_requests)),
                record.start);
  const http::RawRequest& raw = rawRequest();
  record.method = raw.method;
  record.target = raw.target;
  record.http_major = raw.major;
  record.http_minor = raw.minor;
}

const http::RawRequest& Exchange::rawRequest() const {
  return downstream->h2() ? downstream->h2()->request() : parser_.request();
}

Result<void> Exchange::checkRequest() {
  const http::RawRequest& raw = rawRequest();
  request.method = http::methodOf(raw.method);  // also a refusal of HEAD has no body
  record.user_agent = raw.headers.valueOf(http::HeaderId::kUserAgent);
  record.referer = raw.headers.valueOf(http::HeaderId::kReferer);
  record.host = raw.headers.valueOf(http::HeaderId::kHost);
  record.request_id = raw.headers.valueOf(http::HeaderId::kXRequestId);
  if (storage_.size() < raw.target.size() + record.host.size()) storage_.resize(raw.target.size() + record.host.size());
  if (const Failure* const failure = downstream->h2() ? downstream->h2()->headFailure() : nullptr) {
    return refuse(*failure);
  }
  const Result<http::Request> checked = raw.major == 2
                                            ? http::validateH2Request(raw, listener->request_policy, storage_)
                                            : http::validateRequest(raw, listener->request_policy, storage_);
  if (!checked) return refuse(checked.error());
  request = *checked;
  // The transport's: what an absolute-form target or :scheme says is only the client's word.
  request.scheme = record.scheme;
  is_grpc = http::grpc::isGrpc(*request.headers);
  record.host = request.host;
  record.path = request.path;
  record.request_id = requestIdToSend();
  if (listener->http.trace_context) traceparentToSend();
  describeClient();
  http::H2Stream* const h2 = downstream->h2();
  request_body.emplace(request.body, bodyLimits(), downstream->stream(), core.bodyScratch(),
                       http::MessageBody::Names{.malformed = Reason::kBadChunk,
                                                .closed = Reason::kClientGone,
                                                .reset = Reason::kClientReset,
                                                .trailer = Reason::kBadTrailer},
                       h2 ? &h2->trailers() : nullptr);
  const Result<size_t> used = request_body->begin({buffer_.get() + head_length_, filled_ - head_length_});
  if (!used) return refuse(used.error());
  next_at_ = head_length_ + *used;
  is_checked_ = true;
  return {};
}

std::unexpected<Failure> Exchange::refuse(Failure failure) {
  record.decide(Outcome::kRefused, {}, static_cast<uint16_t>(failure.reason), core.now());
  return std::unexpected(failure);
}

http::BodyLimits Exchange::bodyLimits() const {
  return {static_cast<size_t>(limits_.chunk_extensions.count), static_cast<size_t>(limits_.trailers.count),
          limits_.header_count};
}

Result<void> Exchange::chooseRoute() {
  Result<Plan> chosen = decide(**snapshot, *listener, request, facts(), record);
  if (!chosen) return std::unexpected(chosen.error());
  plan = *chosen;
  series = &snapshot->series(*listener, plan.choice.route, plan.member);
  deadline = Deadline::after(record.start, plan.timeout);
  return is_grpc || !listener->http.deadline_header.empty() ? heedCallersDeadline() : Result<void>();
}

// The strictest of the route's and the caller's; what is sent on is what is left of it.
Result<void> Exchange::heedCallersDeadline() {
  const http::Field* const grpc = is_grpc ? request.headers->find(http::HeaderId::kGrpcTimeout) : nullptr;
  const std::string& name = listener->http.deadline_header;
  const http::Field* const header = name.empty() ? nullptr : request.headers->find(name);
  for (const std::optional<Duration> timeout : {grpc ? http::grpc::parseTimeout(grpc->value) : std::nullopt,
                                                header ? parseMillis(header->value) : std::nullopt}) {
    if (timeout) deadline = deadline.sooner(Deadline::at(record.start + *timeout));
  }
  return refuseExpired();
}

Result<void> Exchange::refuseExpired() {
  if (!deadline.hasPassed(core.now())) return {};
  core.metrics().deadlines_expired.add();
  return fail(Reason::kDeadlineExpired, Reached::kNo);
}

void Exchange::describeTls() {
  const tls::Facts* const facts = downstream->connection().tls();
  if (!facts) return;
  record.tls_version = facts->version;
  record.tls_cipher = facts->cipher;
  record.tls_group = facts->group;
  record.server_name = facts->server_name;
  if (facts->peer) record.peer = nameOf(*facts->peer);
}

void Exchange::describeUpstreamTls(const tls::Facts* facts) {
  upstream_peer_ = facts && facts->peer ? nameOf(*facts->peer) : std::string_view();
  record.upstream_tls_version = facts ? facts->version : std::string_view();
  record.upstream_peer = upstream_peer_;
}

void Exchange::describeClient() {
  client = believedClient(*request.headers, downstream->connection().peer(), listener->http.trusted_hops);
  if (client == downstream->connection().peer()) return;
  record.client = {client_text_.data(), net::printPeer(client, client_text_)};
}

std::string_view Exchange::requestIdToSend() {
  constexpr size_t kLongest = 128;  // longer ones would only fill logs
  if (!listener->http.request_id) return record.request_id;
  const bool is_trusted = is_copy || (!listener->http.edge && record.request_id.size() <= kLongest);
  if (is_trusted && !record.request_id.empty()) {
    return record.request_id;
  }
  request_id_ = core.ids().newRequestId();
  return request_id_.view();
}

void Exchange::ensureRequestId() {
  if (!record.request_id.empty()) return;
  request_id_ = core.ids().newRequestId();
  record.request_id = request_id_.view();
}

std::string_view Exchange::traceparentToSend() {
  if (!listener->http.trace_context) return {};
  if (!record.trace_id.empty()) return traceparent_.view();
  const http::Field* const received = request.headers->find(http::HeaderId::kTraceparent);
  const bool several = request.headers->isRepeated(http::HeaderId::kTraceparent);
  const auto parent = received && !several ? observe::parseTraceparent(received->value) : std::nullopt;
  trace_continues_ = parent.has_value();
  traceparent_.assign(parent ? core.ids().continueTrace(*parent) : core.ids().newTrace());
  record.trace_id = traceparent_.traceId();
  record.span_id = traceparent_.spanId();
  return traceparent_.view();
}

Facts Exchange::facts() {
  const tls::Facts* const tls = downstream->connection().tls();
  return {
      .client = client, .random = core.ids().next(), .now = core.now(), .identity = tls ? tls->peer.get() : nullptr};
}

bool Exchange::cancelsOnFin() const {
  if (!is_checked_ || is_tunnel || !isRequestRead()) return false;  // whoever reads will see the end
  return listener->http.client_fin == model::ClientFin::kCancel && request.keep_alive && request.minor >= 1;
}

bool Exchange::mayKeepConnection() const {
  if (!is_checked_ || !request.keep_alive || core.isDraining() || downstream->connection().listener().is_removed)
    return false;
  if (request.expects_continue && !continue_sent && !isRequestRead()) return false;  // will its body come or not?
  if (core.overload().stage() != OverloadStage::kNone) return false;
  return limits_.requests_per_connection == 0 || downstream->connection().requests() < limits_.requests_per_connection;
}

net::Patience Exchange::patience(Duration stall, Failure stalled) const {
  return {stall, stalled, deadline, Failure{Reason::kExchangeTimeout, Reached::kMaybe, 0}};
}

net::Patience Exchange::tryPatience(Duration stall, Failure stalled) const {
  net::Patience patience = this->patience(stall, stalled);
  if (try_deadline >= deadline) return patience;
  patience.overall = try_deadline;
  patience.overdue = Failure{Reason::kTryTimeout, Reached::kMaybe, 0};
  return patience;
}

std::span<char> Exchange::targetMemory(size_t bytes) {
  if (target_memory_.size() < bytes) target_memory_.resize(bytes);
  return target_memory_;
}

void Exchange::promiseMemory(int64_t bytes) {
  promised_ += bytes;
  core.overload().promise(bytes);
}

std::string_view Exchange::schemeTowardsEndpoint() const {
  return snapshot->cluster(plan.cluster)->tls() ? "https" : "http";
}

HeadWriter Exchange::headTowardsClient() {
  // The head of an HTTP/1 response lies in memory that its body will overwrite.
  return headTowards(downstream->h2(), lease && lease.h2() ? HeadWriter::Texts::kListed : HeadWriter::Texts::kCopied);
}

HeadWriter Exchange::headTowardsEndpoint() {
  return headTowards(lease.h2(), HeadWriter::Texts::kListed);
}

HeadWriter Exchange::headTowards(const http::H2Stream* h2, HeadWriter::Texts texts) {
  return h2 ? HeadWriter(core.headSpace(), core.headFields(), texts) : HeadWriter(core.headSpace());
}

void Exchange::beginAnswer(const HeadWriter& head, http::Framing framing) {
  answer.emplace(downstream->stream(), downstream->h2(), framing, Failure{Reason::kClientReset});
  begin(*answer, head);
}

void Exchange::beginUpload(const HeadWriter& head, http::Framing framing) {
  upload_writer.emplace(lease.stream(), lease.h2(), framing, Failure{Reason::kUpstreamReset, Reached::kMaybe, 0});
  if (is_grpc) upload_writer->endApart();
  begin(*upload_writer, head);
}

void Exchange::begin(http::MessageWriter& message, const HeadWriter& head) {
  if (head.isHttp2()) {
    message.begin(core.headFields());
  } else {
    message.begin(head.text(), head.room());
  }
}

std::string Exchange::takePipelined() {
  std::string bytes(buffer_.get() + next_at_, filled_ - next_at_);
  bytes += std::exchange(request_body->surplus(), {});
  next_at_ = filled_;
  return bytes;
}

void Exchange::releaseSnapshot() {
  std::string_view* const texts[] = {&record.route, &record.service};
  names_.clear();
  for (const std::string_view* text : texts) names_.append(*text);
  size_t at = 0;
  for (std::string_view* text : texts) {
    *text = std::string_view(names_).substr(at, text->size());
    at += text->size();
  }
  plan.choice = {};
  listener = nullptr;
  snapshot = Ref<CoreSnapshot>();
}

loop::Task<bool> Exchange::drainRequest() {
  constexpr uint64_t kMost = 64 << 10;
  constexpr Duration kLongest = std::chrono::seconds(1);
  const uint64_t from = request_body->received();
  net::Patience patience{.stall = kLongest, .stalled = Failure{Reason::kRequestStalled}};
  patience.overall = Deadline::after(core.now(), kLongest);
  while (request_body->received() - from <= kMost && request_body->remaining() <= kMost) {
    const Result<http::Pull> pull = request_body->pull();
    if (!pull) co_return false;
    if (pull->state == http::Pull::State::kLast) co_return true;
    if (pull->state != http::Pull::State::kWait) continue;
    const Result<void> more = co_await loop::asResult(request_body->arrival(patience));
    if (!more) break;
  }
  needs_linger = true;
  co_return false;
}

void Exchange::end() {
  permit = {};
  verdict.abandon();
  if (!keeps_connection && !downstream->h2() && core.overload().stage() != OverloadStage::kNone) {
    core.metrics().overload_closed.add();
  }
  probe = {};
  const Instant now = core.now();  // read when the response came, or when this turn of the loop began
  record.duration = now - record.start;
  if (request_body) record.bytes_received = request_body->received();
  uint64_t wire_sent = record.bytes_sent;
  if (is_tunnel) {
    record.bytes_received += tunnel_received;
  } else if (answer) {
    record.bytes_sent = answer->payloadBytes();
    wire_sent = answer->sentBytes();
  }
  core.metrics().downstream_bytes_received.add(head_length_ + record.bytes_received);
  core.metrics().downstream_bytes_sent.add(wire_sent);
  if (parser_.hadEmptyLine()) core.metrics().glitches_downstream.add();
  record.decide(Outcome::kCompleted, {}, record.status, now);
  core.record(record, *series);
  record.start = Instant{0};  // recorded: what happens to the connection from here on isn't this exchange any more
}

void Exchange::noteGrpcStatus(const http::Headers& fields) {
  const http::Field* const status = fields.find(http::HeaderId::kGrpcStatus);
  if (!status) return;
  const std::optional<uint32_t> code = http::grpc::parseStatus(status->value);
  noteGrpcStatus(code.value_or(2), fields.valueOf(http::HeaderId::kGrpcMessage));  // 2: UNKNOWN, as clients take it
}

void Exchange::noteGrpcStatus(uint32_t code, std::string_view message) {
  grpc_message_.assign(message);
  record.grpc_code = static_cast<int8_t>(code);
  record.grpc_status = grpcStatusName(code);
  record.grpc_message = grpc_message_;
}

void Exchange::endUnanswered(Reason reason) {
  uploads.cancel();
  record.reason = reason;
  record.decide(Outcome::kFailed, {}, static_cast<uint16_t>(reason), core.now());
  if (record.start.nanos) end();
}

bool Exchange::nextRequest() {
  if (is_fresh_) return false;
  uploads.cancel();
  verdict.forget();
  lease = {};
  permit = {};
  probe = {};
  endpoint = {};
  request = {};
  std::string surplus;
  if (request_body) surplus.swap(request_body->surplus());
  const size_t left = filled_ - next_at_;
  if (left && next_at_) std::memmove(buffer_.get(), buffer_.get() + next_at_, left);
  filled_ = left;
  if (!surplus.empty()) {
    if (capacity_ < filled_ + surplus.size()) grow(filled_ + surplus.size());
    std::memcpy(buffer_.get() + filled_, surplus.data(), surplus.size());
    filled_ += surplus.size();
  }
  parser_.reset();
  response_parser.reset();
  response_bytes.clear();
  response_rest = {};
  request_body.reset();
  upload_writer.reset();
  response_body.reset();
  answer.reset();
  upload = Upload::kNone;
  deadline = try_deadline = Deadline::never();
  set_cookie.clear();
  series = nullptr;
  record.start = Instant{0};
  overload_use = {};
  was_low = false;
  promiseMemory(-promised_);
  response_begun = continue_sent = head_sent = is_tunnel = keeps_connection = needs_linger = is_checked_ = is_grpc =
      is_copy = keeps_response = holds_interims = false;
  trace_continues_ = false;
  tunnel_received = 0;
  head_length_ = next_at_ = 0;
  is_fresh_ = filled_ == 0;
  return filled_ > 0;
}

void Exchange::clear() {
  next_at_ = filled_;
  if (request_body) request_body->surplus().clear();
  nextRequest();
  promiseMemory(-promised_);
  downstream = nullptr;
  listener = nullptr;
  snapshot = Ref<CoreSnapshot>();
  if (capacity_ > kBufferBytes) {
    buffer_.reset();
    capacity_ = 0;
  }
}

}  // namespace remora::proxy
