// Whole exchanges between HTTP/1 and HTTP/2 through a Core in virtual time. The first byte chooses who speaks what; the
// rest is records: an operation of a peer or of the world, a length, and that many bytes. Judged by bridge_judge.h:
//   what an application receives is what a client sent, head, body, trailers and all, and nothing of a connection;
//   what a client receives is what an application said to that very request, or remora's own failure;
//   what is told to be complete is, every exchange ends, neither version's rules are broken, and nothing leaks.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge_judge.h"
#include "bridge_peers.h"
#include "http/h2_session.h"
#include "proxy/test_support.h"

namespace {

using namespace remora;
using fuzz::Args;
using fuzz::Call;
using fuzz::Fields;
using fuzz::H2Peer;
using fuzz::Service;
using fuzz::TextPeer;
using http::End;
using http::H2Session;
using proxy::test::PipeEnd;
using proxy::test::ScriptedConnector;
using proxy::test::World;

constexpr size_t kClientsMost = 4;
constexpr size_t kCallsMost = 64;

enum class Pair : uint8_t { kHttp2ToHttp1, kHttp1ToHttp2, kHttp2ToHttp2 };

struct Setup {
  explicit Setup(uint8_t byte)
      : pair(static_cast<Pair>(byte % 3)),
        has_small_windows(byte / 3 & 1),
        has_small_pipes(byte / 3 & 2),
        reads_at_once(byte / 3 & 4),
        answers_after_fin(byte / 3 & 8),
        is_small(byte / 3 & 16) {}
  bool isHttp2Client() const { return pair != Pair::kHttp1ToHttp2; }
  bool isHttp2App() const { return pair != Pair::kHttp2ToHttp1; }
  size_t capacity() const { return has_small_pipes ? 700 : 64 << 10; }

  Pair pair;
  bool has_small_windows;  // of the peers
  bool has_small_pipes;
  bool reads_at_once;
  bool answers_after_fin;
  bool is_small;  // remora
};

model::Config configFor(const Setup& setup) {
  return World::changed([&](model::Config& config) {
    config.telemetry.recent = 4;
    proxy::test::routeOf(config).timeout = std::chrono::minutes(1);
    model::HttpOptions& http = proxy::test::httpOf(config);
    if (setup.answers_after_fin) http.client_fin = model::ClientFin::kAnswer;
    // An HTTP/1 client that begins with HTTP/2's preface is another target's.
    if (!setup.isHttp2Client()) config.listeners[0].default_chain.protocol = model::Protocol::kHttp1;
    model::Cluster& app = config.clusters[0];
    app.pool.max_idle = 2;
    if (setup.isHttp2App()) app.protocol = model::Protocol::kHttp2;
    if (!setup.is_small) return;
    for (model::Http2Options* http2 : {&http.http2, &app.http2}) {
      http2->streams = 3;
      http2->stream_window = Bytes{600};
      http2->unsent = Bytes{2000};
    }
    config.listeners[0].limits.head = Bytes{1000};
    config.listeners[0].limits.trailers = Bytes{100};
  });
}

// One run of the input.
class Play {
 public:
  explicit Play(uint8_t setup) : setup_(setup), world_(configFor(setup_)) {
    world_.connector.capacity = setup_.capacity();
    newClient();
  }

  void run(std::string_view script) {
    while (script.size() >= 2) {
      const auto operation = static_cast<uint8_t>(script[0]);
      const std::string_view bytes = script.substr(2, static_cast<uint8_t>(script[1]));
      step(operation, Args(bytes));
      script.remove_prefix(2 + bytes.size());
      if (operation & 0x80) continue;  // the next step comes before this one is noticed
      settle();
    }
    finish();
  }
  fuzz::Talks& talks() { return talks_; }
  World& world() { return world_; }
  void judgeSessions();

 private:
  struct Client {
    std::unique_ptr<PipeEnd> end;
    std::unique_ptr<H2Peer> http2;
  };

  void step(uint8_t operation, Args args);
  void stepOfClient(uint8_t operation, Args args);
  void stepOfApp(uint8_t operation, Args args);
  void stepOfWorld(uint8_t operation, Args args);

  void newClient();
  void call(Args args);
  void ask(Args args);
  void closeClient(uint8_t which, uint8_t how);
  void answer(Service& service, Args args);
  void answerInText(uint8_t which, Args args);
  void sendInterim(uint8_t which, Args args);
  void answerWhole(uint8_t which, Args args);
  void closeApp(uint8_t which, uint8_t how);

  Call* pickCall(uint8_t which);
  Service* pickService(uint8_t which);
  size_t appAt(uint8_t which) const { return which % world_.connector.apps.size(); }

  void settle();
  size_t move();
  size_t readAll();
  void finish();

  const Setup setup_;
  World world_;
  std::vector<Client> clients_;
  std::vector<std::unique_ptr<H2Peer>> app_sessions_;  // of each of the connector's pipes
  fuzz::Talks talks_;
  size_t messages_ = 0;  // over HTTP/1
};

void Play::step(uint8_t operation, Args args) {
  const uint8_t kind = operation % 32;
  if (kind < 10) return stepOfClient(kind, args);
  if (kind < 22) return stepOfApp(kind, args);
  stepOfWorld(kind, args);
}

// --- clients ---------------------------------------------------------------------------------------------------------

void Play::newClient() {
  if (clients_.size() == kClientsMost) return;
  Client client{.end = world_.client("in", setup_.capacity()), .http2 = nullptr};
  if (setup_.isHttp2Client()) {
    client.http2 =
        std::make_unique<H2Peer>(H2Session::Role::kClient, *client.end, fuzz::peerBounds(setup_.has_small_windows));
  } else {
    talks_.clients.emplace_back();
  }
  clients_.push_back(std::move(client));
}

void Play::stepOfClient(uint8_t operation, Args args) {
  const uint8_t which = args.next();
  Client& client = clients_[which % clients_.size()];
  if (operation == 8) return newClient();
  if (operation == 7) return closeClient(which, args.next());
  if (!client.end) return;
  if (operation == 6 && client.http2) return client.http2->session().goAway();
  if (operation == 6) {
    talks_.clients[which % clients_.size()].was_cut = true;
    return client.end->shutdownWrite();
  }
  if (operation == 9) {
    client.end->inbox_most = 1 + args.next();
    client.end->other() ? void(client.end->other()->read_most = 1 + args.next()) : void();
    return;
  }
  if (operation == 0) return setup_.isHttp2Client() ? call(args) : ask(args);
  if (!setup_.isHttp2Client()) {
    TextPeer& text = talks_.clients[which % clients_.size()];
    if (operation == 1) return text.writePiece(size_t{args.next()} * 37);
    if (operation == 2 || operation == 3) return text.endMessage(operation == 2 ? Args("") : args);
    return text.queue(args.rest());
  }
  Call* const call = pickCall(which);
  if (!call) return;
  switch (operation) {
    case 1:
    case 2:
      return fuzz::writeBody(*call->stream, fuzz::kRequestBody, static_cast<size_t>(call - talks_.calls.data()),
                             size_t{args.next()} * 37, operation == 1 ? End::kMore : End::kLast, call->said.body,
                             call->said.is_complete);
    case 3:
      return fuzz::sendTrailers(*call->stream, args, call->said.trailers, call->said.is_complete);
    case 4:
      call->stream.reset();
      return;
    default:
      fuzz::readCall(*call, 1 + size_t{args.next()} * 16);
  }
}

Call* Play::pickCall(uint8_t which) {
  if (talks_.calls.empty()) return nullptr;
  Call& call = talks_.calls[which % talks_.calls.size()];
  return call.stream ? &call : nullptr;
}

std::string methodFor(uint8_t choice) {
  static constexpr std::array<const char*, 8> kMethods = {"GET",     "POST", "HEAD",    "PUT",
                                                          "OPTIONS", "BREW", "CONNECT", "G T"};
  return kMethods[choice % kMethods.size()];
}

// A byte of flags, the rest of the path as a line, and fields.
void Play::call(Args args) {
  const uint8_t flags = args.next();
  std::vector<Client*> open;
  for (Client& client : clients_) {
    if (client.http2) open.push_back(&client);
  }
  if (open.empty() || talks_.calls.size() == kCallsMost) return;
  std::unique_ptr<http::H2Stream> stream = open[flags / 64 % open.size()]->http2->session().openStream();
  if (!stream) return;
  const size_t number = talks_.calls.size();
  Call call;
  call.said.method = methodFor(flags);
  call.said.target = "/" + std::to_string(number) + std::string(args.line());
  Fields fields = {{":method", call.said.method}, {":scheme", "http"}};
  if (!(flags & 32)) fields.emplace_back(":authority", "shop");
  fields.emplace_back(":path", call.said.target);
  fields.emplace_back("x-tag", std::to_string(number));
  for (auto& field : fuzz::fieldsOf(args)) fields.push_back(std::move(field));
  for (const auto& [name, value] : fields) {
    if (name == ":authority") call.said.fields.emplace_back("host", value);
    if (!name.starts_with(':')) call.said.fields.emplace_back(name, value);
  }
  const End end = flags & 8 ? End::kMore : End::kLast;
  if (!stream->sendHead(fuzz::viewsOf(fields), end)) return;
  call.said.is_complete = end == End::kLast;
  call.stream = std::move(stream);
  talks_.calls.push_back(std::move(call));
}

void Play::ask(Args args) {
  const uint8_t flags = args.next();
  TextPeer& text = talks_.clients[flags / 64 % talks_.clients.size()];
  std::string head = methodFor(flags) + " /" + std::to_string(++messages_) + std::string(args.line());
  head += flags & 32 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  if (!(flags & 16)) head += "Host: shop\r\n";
  text.beginMessage(head, args, fuzz::kRequestBody, messages_);
  if (!(flags & 8)) text.endMessage(Args(""));
}

void Play::closeClient(uint8_t which, uint8_t how) {
  const size_t index = which % clients_.size();
  Client& client = clients_[index];
  if (!client.end) return;
  client.http2.reset();
  if (!setup_.isHttp2Client()) talks_.clients[index].heard += client.end->take();
  if (how % 3 == 1) client.end->resetOnClose();
  if (how % 3 == 2) return PipeEnd::closeUnnoticed(client.end);
  client.end.reset();
}

// --- applications ----------------------------------------------------------------------------------------------------

void Play::stepOfApp(uint8_t operation, Args args) {
  if (world_.connector.apps.empty()) return;
  const uint8_t which = args.next();
  if (operation == 18) return closeApp(which, args.next());
  PipeEnd* const end = world_.connector.apps[appAt(which)].get();
  if (operation == 19) {
    if (!end) return;
    end->inbox_most = 1 + args.next();
    if (end->other()) end->other()->read_most = 1 + args.next();
    return;
  }
  if (operation == 14) return sendInterim(which, args);
  if (operation == 20 || operation == 21) return answerWhole(which, args);
  if (operation == 17) {
    if (!end) return;
    if (H2Peer* const peer = app_sessions_[appAt(which)].get()) return peer->session().goAway();
    if (!setup_.isHttp2App()) talks_.apps[appAt(which)].has_ended = true;
    return end->shutdownWrite();
  }
  if (!setup_.isHttp2App()) {
    TextPeer& text = talks_.apps[appAt(which)];
    if (operation == 10) return answerInText(which, args);
    if (operation == 11) return text.writePiece(size_t{args.next()} * 37);
    if (operation == 12 || operation == 13) return text.endMessage(operation == 12 ? Args("") : args);
    return text.queue(args.rest());
  }
  Service* const service = pickService(which);
  if (!service) return;
  switch (operation) {
    case 10:
      return answer(*service, args);
    case 11:
    case 12:
      return fuzz::writeBody(*service->stream, fuzz::kAnswerBody, static_cast<size_t>(service - talks_.services.data()),
                             size_t{args.next()} * 37, operation == 11 ? End::kMore : End::kLast, service->said.body,
                             service->said.is_complete);
    case 13:
      return fuzz::sendTrailers(*service->stream, args, service->said.trailers, service->said.is_complete);
    case 15:
      if (const uint8_t code = args.next(); code) service->stream->resetOnClose(static_cast<http::H2Error>(code % 14));
      service->stream.reset();
      return;
    default:
      fuzz::readBody(*service->stream, 1 + size_t{args.next()} * 16, service->heard.body, service->heard.trailers,
                     service->heard.is_complete);
  }
}

Service* Play::pickService(uint8_t which) {
  if (talks_.services.empty()) return nullptr;
  Service& service = talks_.services[which % talks_.services.size()];
  return service.stream ? &service : nullptr;
}

// A status, how it is framed, and fields.
void Play::answer(Service& service, Args args) {
  if (service.said.status != 0) return;
  const int status = fuzz::statusFor(args.next());
  const bool is_last = args.next() % 4 == 3;
  const std::string number = std::to_string(&service - talks_.services.data());
  Fields fields = {{":status", std::to_string(status)}, {"x-answer", number}};
  for (auto& field : fuzz::fieldsOf(args)) fields.push_back(std::move(field));
  if (!service.stream->sendHead(fuzz::viewsOf(fields), is_last ? End::kLast : End::kMore)) return;
  service.said.status = status;
  service.said.fields = fields;
  service.said.is_complete = is_last;
}

void Play::answerInText(uint8_t which, Args args) {
  TextPeer& text = talks_.apps[appAt(which)];
  const int status = fuzz::statusFor(args.next());
  text.beginMessage("HTTP/1.1 " + std::to_string(status) + " Said\r\n", args, fuzz::kAnswerBody, ++messages_);
}

void Play::sendInterim(uint8_t which, Args args) {
  const int status = 100 + args.next() % 5;
  if (!setup_.isHttp2App()) {
    std::string head = "HTTP/1.1 " + std::to_string(status) + " Wait\r\n";
    for (const auto& [name, value] : fuzz::fieldsOf(args)) head += name + ": " + value + "\r\n";
    return talks_.apps[appAt(which)].queue(head + "\r\n");
  }
  Service* const service = pickService(which);
  if (!service || service->said.status) return;
  Fields fields = {{":status", std::to_string(status)}};
  for (auto& field : fuzz::fieldsOf(args)) fields.push_back(std::move(field));
  if (service->stream->sendHead(fuzz::viewsOf(fields), End::kMore)) service->said.interims.push_back(status);
}

// The oldest request that waits, or whatever this connection's is, answered well.
void Play::answerWhole(uint8_t which, Args args) {
  const size_t bytes = size_t{args.next()} * 64;
  if (!setup_.isHttp2App()) {
    TextPeer& text = talks_.apps[appAt(which)];
    text.beginMessage("HTTP/1.1 200 OK\r\n", args, fuzz::kAnswerBody, ++messages_);
    text.writePiece(bytes);
    return text.endMessage(Args("x-sum: 1"));
  }
  for (Service& service : talks_.services) {
    if (!service.stream || service.said.status) continue;
    answer(service, Args(std::string_view("\0\0", 2)));
    const auto number = static_cast<size_t>(&service - talks_.services.data());
    return fuzz::writeBody(*service.stream, fuzz::kAnswerBody, number, bytes, End::kLast, service.said.body,
                           service.said.is_complete);
  }
}

void Play::closeApp(uint8_t which, uint8_t how) {
  const size_t index = appAt(which);
  std::unique_ptr<PipeEnd>& end = world_.connector.apps[index];
  if (!end) return;
  app_sessions_[index].reset();
  if (!setup_.isHttp2App()) {
    talks_.apps[index].heard += end->take();
    talks_.apps[index].has_ended = true;
  }
  if (how % 3 == 0) end->resetOnClose();
  if (how % 3 == 1) return PipeEnd::closeUnnoticed(end);
  end.reset();
}

// --- the world -------------------------------------------------------------------------------------------------------

void Play::stepOfWorld(uint8_t operation, Args args) {
  const uint8_t number = args.next();
  switch (operation) {
    case 22:
      return world_.advance(Milliseconds(number * 40));
    case 23:
      return world_.advance(std::chrono::seconds(number % 70));
    case 24:
      if (number % 4 == 0) world_.endpoints({"10.0.0.1"});
      if (number % 4 == 1) world_.endpoints({"10.0.0.2", "10.0.0.3"});
      if (number % 4 == 2) world_.adopt(configFor(setup_));
      if (number % 4 == 3) world_.core().startDraining();
      return;
    case 25:
      world_.connector.script.push_back(static_cast<ScriptedConnector::Way>(number % 6));
      return;
    case 26:
      world_.connector.capacity = 1 + number * 4;
      return;
    default:
      readAll();
  }
}

void Play::settle() {
  do {
    world_.settle();
    if (setup_.reads_at_once) readAll();
  } while (move() > 0);
}

// Text and new connections. Returns how much of it there was.
size_t Play::move() {
  size_t moved = 0;
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].end && !clients_[i].http2) moved += talks_.clients[i].move(*clients_[i].end);
  }
  std::vector<std::unique_ptr<PipeEnd>>& apps = world_.connector.apps;
  for (; app_sessions_.size() < apps.size(); ++moved) {
    PipeEnd& end = *apps[app_sessions_.size()];
    const http::H2Bounds bounds = fuzz::peerBounds(setup_.has_small_windows);
    app_sessions_.push_back(setup_.isHttp2App() ? std::make_unique<H2Peer>(H2Session::Role::kServer, end, bounds)
                                                : nullptr);
    if (!setup_.isHttp2App()) talks_.apps.emplace_back();
  }
  for (size_t i = 0; i < apps.size(); ++i) {
    if (apps[i] && !setup_.isHttp2App()) moved += talks_.apps[i].move(*apps[i]);
    if (!app_sessions_[i]) continue;
    for (std::unique_ptr<http::H2Stream>& stream : app_sessions_[i]->takeRequests()) {
      ++moved;
      if (stream->headFailure()) fuzz::Judge::complain("a head past its bounds", stream->request().target);
      const http::RawRequest& raw = stream->request();
      Service service;
      service.heard.method = raw.method;
      service.heard.target = raw.target;
      service.heard.fields = fuzz::fieldsOf(raw.headers);
      service.stream = std::move(stream);
      talks_.services.push_back(std::move(service));
    }
  }
  return moved;
}

size_t Play::readAll() {
  size_t got = 0;
  for (Call& call : talks_.calls) got += fuzz::readCall(call, 4096);
  for (Service& service : talks_.services) {
    if (!service.stream) continue;
    got += fuzz::readBody(*service.stream, 4096, service.heard.body, service.heard.trailers, service.heard.is_complete);
  }
  return got;
}

// Everything is read, and every time passes.
void Play::finish() {
  for (int i = 0; i < 12; ++i) {
    do {
      settle();
    } while (readAll() > 0);
    world_.advance(std::chrono::seconds(i < 8 ? 10 : 120));
  }
  settle();
  readAll();
  talks_.replays = world_.metrics.replays.value();
}

// Neither side ever finds fault with what remora says.
void Play::judgeSessions() {
  const auto judge = [](H2Peer* peer) {
    if (!peer) return;
    const http::H2End end = peer->session().endReason();
    if (end == http::H2End::kBadPeer || end == http::H2End::kFlood)
      fuzz::Judge::complain("remora ends it", tokenOf(end));
    if (peer->session().counts().resets_forced) fuzz::Judge::complain("a stream at fault", "");
  };
  for (const Client& client : clients_) judge(client.http2.get());
  for (const auto& peer : app_sessions_) judge(peer.get());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 4096) return 0;
  Play play(data[0]);
  play.run({reinterpret_cast<const char*>(data) + 1, size - 1});
  play.judgeSessions();
  fuzz::Judge(play.talks()).judge();
  play.world().core().closeAll();
  if (play.world().metrics.upstream_active.value() != 0) fuzz::Judge::complain("leases are left", "");
  if (play.world().metrics.downstream_active.value() != 0) fuzz::Judge::complain("connections are left", "");
  return 0;
}
