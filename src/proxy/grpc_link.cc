#include "proxy/grpc_link.h"

#include <utility>

#include "proxy/core.h"
#include "upstream/grpc_call.h"

namespace remora::proxy {

using observe::LimitResult;

namespace {

constexpr std::string_view kUserAgent = "remora";
constexpr size_t kAnswerHeadMost = 16 << 10;

http::H2Bounds boundsOf(const upstream::ClusterState& cluster) {
  return {.http2 = cluster.http2(), .head = {.bytes = kAnswerHeadMost}, .write_stall = cluster.pool().write_stall};
}

}  // namespace

struct GrpcLink::Waiting {
  explicit Waiting(GrpcLink& asked) : link(asked) { ++link.waiting_; }
  ~Waiting() { --link.waiting_; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  GrpcLink& link;
};

GrpcLink::GrpcLink(Core& core, const model::RateLimitService& service)
    : LimitLink(core, service, {}), pool_(core.loop(), core.metrics(), no_queue_) {}

GrpcLink::~GrpcLink() {
  stop();  // it connects for the pool, which goes first
}

loop::Task<GrpcLink::Answer> GrpcLink::ask(std::string_view question, Deadline until) {
  const Ref<LimitLink> kept(this);
  if (isStalled()) failed();
  if (!mayAsk()) co_return Answer{.result = LimitResult::kAway, .told = {}};
  if (waiting_ >= service().pending) co_return Answer{.result = LimitResult::kFull, .told = {}};
  const Waiting waiting(*this);
  const Deadline end = Deadline::after(core().now(), service().timeout).sooner(until);
  const Result<Answer> answer = co_await loop::asResult(askTwice(question, end));
  if (answer) co_return *answer;
  if (answer.error().reason != Reason::kResponseTimeout) co_return Answer{.result = LimitResult::kAway, .told = {}};
  if (isStalled()) failed();
  co_return Answer{.result = LimitResult::kLate, .told = {}};
}

// Once more where the first provably wasn't handled: the connection was about to end (GOAWAY).
loop::Task<GrpcLink::Answer> GrpcLink::askTwice(std::string_view question, Deadline until) {
  for (bool is_again = false;; is_again = true) {
    const Call asked = co_await open(until);
    const Result<Answer> answer = co_await loop::asResult(talk(*asked.stream, question, until));
    if (answer || answer.error().reason == Reason::kResponseTimeout) co_return answer;
    const bool is_ours = asked.connection == connection_;
    const bool is_lost = !is_ours || !isUsable();
    if (!is_again && is_lost && asked.stream->wasRefused()) continue;
    if (!is_lost) co_return Answer{.result = LimitResult::kFailed, .told = {}};  // only the stream was reset
    if (is_ours && !isAway()) failed();
    co_return answer;
  }
}

// A stream, once the connection is there and has room.
loop::Task<GrpcLink::Call> GrpcLink::open(Deadline until) {
  const net::Patience patience{.overall = until, .overdue = Failure{Reason::kResponseTimeout, Reached::kNo}};
  while (mayAsk()) {
    if (isUsable() && connection_->mayOpen()) {
      std::unique_ptr<http::H2Stream> stream = connection_->open();
      if (stream) co_return Call{connection_, std::move(stream)};
    }
    co_await upstream::ConnectingWait(pool_, patience);
  }
  co_return fail(Reason::kUpstreamClosed, Reached::kNo);
}

loop::Task<GrpcLink::Answer> GrpcLink::talk(http::H2Stream& stream, std::string_view question, Deadline until) {
  noteAsked();
  const std::string authority = authority_;
  const upstream::GrpcCall call{.path = http::grpc::kRateLimitPath,
                                .authority = authority,
                                .scheme = cluster() && cluster()->tls() ? "https" : "http",
                                .user_agent = kUserAgent,
                                .question = question,
                                .answer_most = http::grpc::kRateLimitAnswerBytesMost,
                                .until = until,
                                .scratch = core().scratch()};
  Result<upstream::GrpcReply> reply = co_await loop::asResult(upstream::callGrpc(stream, call));
  Answer answer{.result = LimitResult::kFailed, .told = {}};
  if (!reply && reply.error().reason != Reason::kBadResponse) co_return std::unexpected(reply.error());
  unheard_since_.reset();
  if (!reply || reply->status != 200 || !reply->is_grpc || reply->grpc_status != 0u) co_return answer;
  const Result<http::grpc::RateLimitAnswer> told = http::grpc::parseRateLimitAnswer(reply->body);
  if (!told) co_return answer;
  answer.result = told->is_allowed ? LimitResult::kAllowed : LimitResult::kLimited;
  answer.told = *told;
  co_return answer;
}

// Connects where that is due. Nobody waits for a service that is away: what its timeout allows is for one that answers.
bool GrpcLink::mayAsk() {
  if (connection_ && !isAtItsEndpoint()) {
    connection_ = nullptr;
    pool_.closeAll();  // who waits is answered first
  }
  const bool is_usable = isUsable();
  if (is_usable && connection_->session().hasSettings()) noteBack();
  if (!is_usable && !pool_.isConnecting() && mayConnect()) start(connect());
  return !isAway() && (isUsable() || pool_.isConnecting());
}

bool GrpcLink::isUsable() {
  if (connection_ && !pool_.holds(*connection_)) connection_ = nullptr;
  return connection_ && !connection_->isSpent();
}

bool GrpcLink::isStalled() {
  if (!isUsable()) return false;
  const http::H2Session& session = connection_->session();
  if (!session.hasSettings()) return core().now() - session.lastFrame() >= service().stall;
  return unheard_since_ && session.lastFrame() <= *unheard_since_ && core().now() - *unheard_since_ >= service().stall;
}

void GrpcLink::noteAsked() {
  if (!unheard_since_ || connection_->session().lastFrame() > *unheard_since_) unheard_since_ = core().now();
}

void GrpcLink::failed() {
  noteAway();
  unheard_since_.reset();
  if (isUsable()) connection_->session().end(http::H2Error::kNone);  // all that wait hear of it
  connection_ = nullptr;
}

loop::Task<void> GrpcLink::connect() {
  const upstream::H2Pool::Connecting connecting(pool_);
  upstream::Permits::Permit slot;
  Result<Connected> connected = co_await loop::asResult(dial(tls::Carries::kHttp, slot));
  if (!connected || !connected->is_http2 || !cluster()) {
    failed();
    co_return loop::done;
  }
  pool_.setOptions(cluster()->pool());
  authority_ = upstream::authorityOf(endpoint()->endpoint);
  unheard_since_.reset();
  connection_ =
      &pool_.add(std::move(connected->stream), connected->tls, core().scratch(), boundsOf(*cluster()), std::move(slot));
  co_return loop::done;
}

}  // namespace remora::proxy
