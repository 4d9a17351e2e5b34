// Whole exchanges through a Core in virtual time: any bytes from the client and from the application, cut anywhere,
// with closes, resets, time, full buffers and reloads between. Judged by another reader (strict_http.h):
//   what the application receives is a sequence of valid requests, each of which the client did send, body and all;
//   what the client receives is a sequence of valid responses, no more than it may expect;
//   nothing leaks, and in the end nothing is left.
// The input is records: an operation, a length, and that many bytes.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/test_support.h"
#include "strict_http.h"

namespace {

using namespace remora;
using proxy::test::PipeEnd;
using proxy::test::ScriptedConnector;
using proxy::test::World;

struct Talk {
  std::string from_client;
  std::string to_client;
  std::vector<std::string> to_apps;  // by connection
  std::vector<std::string> from_apps;
  bool client_was_cut = false;
};

[[noreturn]] void complain(const char* what, std::string_view text) {
  std::fprintf(stderr, "%s:\n%.*s\n", what, static_cast<int>(text.size()), text.data());
  std::abort();
}

// One run of the input.
class Play {
 public:
  Play()
      : world_([](model::Config& config) {
          config.telemetry.recent = 4;
          proxy::test::httpOf(config).via = "remora";
          proxy::test::routeOf(config).timeout = std::chrono::minutes(1);
          config.clusters[0].pool.max_idle = 2;
        }) {
    client_ = world_.client();
  }

  void run(std::string_view script) {
    while (script.size() >= 2) {
      const auto operation = static_cast<uint8_t>(script[0]);
      const std::string_view bytes = script.substr(2, static_cast<uint8_t>(script[1]));
      step(operation, bytes, static_cast<uint8_t>(script[1]));
      const bool has_text = operation % 16 < 6;
      script.remove_prefix(has_text ? 2 + bytes.size() : 2);
    }
    world_.advance(std::chrono::minutes(10));
    collect();
    if (client_) talk_.client_was_cut |= client_->isReset();
  }
  Talk& talk() { return talk_; }
  World& world() { return world_; }

 private:
  void step(uint8_t operation, std::string_view bytes, uint8_t number) {
    switch (operation % 16) {
      case 0:
      case 1:
      case 2:
        sendAsClient(bytes);
        break;
      case 3:
      case 4:
      case 5:
        sendAsApp(bytes);
        break;
      case 6:
        world_.advance(Milliseconds(number * 40));
        break;
      case 7:
        if (client_) client_->shutdownWrite();
        break;
      case 8:
        closeClient(number);
        break;
      case 9:
        closeApp(number);
        break;
      case 10:
        if (PipeEnd* app = lastApp()) app->shutdownWrite();
        break;
      case 11:
        if (client_) client_->inbox_most = 1 + number;  // reads little at a time
        break;
      case 12:
        world_.connector.capacity = 1 + number;
        break;
      case 13:
        change(number);
        break;
      case 14:
        world_.connector.script.push_back(static_cast<ScriptedConnector::Way>(number % 6));
        break;
      default:
        world_.advance(std::chrono::seconds(number));
    }
    if (operation & 0x40) return;  // the next step comes before this one is noticed
    world_.settle();
    collect();
  }

  void sendAsClient(std::string_view bytes) {
    if (!client_) return;
    talk_.from_client += bytes;
    client_->put(bytes);
  }
  void sendAsApp(std::string_view bytes) {
    PipeEnd* const app = lastApp();
    if (!app) return;
    talk_.from_apps.resize(world_.connector.apps.size());
    talk_.from_apps.back() += bytes;
    app->put(bytes);
  }
  PipeEnd* lastApp() { return world_.connector.apps.empty() ? nullptr : world_.connector.apps.back().get(); }
  void closeClient(uint8_t number) {
    if (!client_) return;
    collect();
    if (number % 2) client_->resetOnClose();
    talk_.client_was_cut = true;
    client_.reset();
  }
  void closeApp(uint8_t number) {
    if (!lastApp()) return;
    collect();
    if (number % 3 == 0) lastApp()->resetOnClose();
    if (number % 3 == 1) return PipeEnd::closeUnnoticed(world_.connector.apps.back());
    world_.connector.apps.back().reset();
  }
  void change(uint8_t number) {
    switch (number % 4) {
      case 0:
        world_.endpoints({"10.0.0.1"});
        break;
      case 1:
        world_.endpoints({"10.0.0.2", "10.0.0.3"});
        break;
      case 2:
        world_.adopt(proxy::test::basicConfig());
        break;
      default:
        world_.core().startDraining();
    }
  }
  void collect() {
    if (client_) talk_.to_client += client_->take();
    talk_.to_apps.resize(world_.connector.apps.size());
    for (size_t i = 0; i < world_.connector.apps.size(); ++i) {
      if (world_.connector.apps[i]) talk_.to_apps[i] += world_.connector.apps[i]->take();
    }
  }

  World world_;
  std::unique_ptr<PipeEnd> client_;
  Talk talk_;
};

std::vector<strict::Message> requestsOf(std::string_view bytes) {
  std::vector<strict::Message> requests;
  for (;;) {
    strict::Message message;
    if (strict::readRequest(bytes, strict::Rules::kReceived, message) == strict::Verdict::kMessage) {
      requests.push_back(message);
      if (message.is_complete) continue;
      return requests;
    }
    // A broken body still had a head, which remora may have passed on before it saw the rest.
    if (!message.start.empty() && message.count("host")) requests.push_back(message);
    return requests;
  }
}

bool isOfClient(const strict::Message& request, const std::vector<strict::Message>& sent) {
  return std::any_of(sent.begin(), sent.end(), [&](const strict::Message& s) {
    if (s.method() != request.method()) return false;
    return request.is_complete ? s.is_complete && s.body == request.body : s.body.starts_with(request.body);
  });
}

void checkApps(const Talk& talk, const std::vector<strict::Message>& sent, uint64_t replays) {
  size_t received = 0;
  for (size_t i = 0; i < talk.to_apps.size(); ++i) {
    std::string_view bytes = talk.to_apps[i];
    const bool may_tunnel = i < talk.from_apps.size() && talk.from_apps[i].find(" 101") != std::string::npos;
    while (!bytes.empty()) {
      strict::Message request;
      const strict::Verdict verdict = strict::readRequest(bytes, strict::Rules::kSent, request);
      if (verdict == strict::Verdict::kBroken) complain("the application got this", talk.to_apps[i]);
      if (verdict == strict::Verdict::kNothing) break;  // cut in its head: the connection ended
      ++received;
      if (!isOfClient(request, sent)) complain("the client never sent this", talk.to_apps[i]);
      if (request.count("connection") && request.value("connection") != "Upgrade")
        complain("hop by hop", talk.to_apps[i]);
      if (may_tunnel && request.count("upgrade")) break;
      if (!request.is_complete) break;
    }
  }
  if (received > sent.size() + replays) complain("more requests than were sent", talk.from_client);
}

void checkClient(const Talk& talk, const std::vector<strict::Message>& sent) {
  std::string_view bytes = talk.to_client;
  size_t finals = 0;
  while (!bytes.empty()) {
    strict::Message response;
    const std::string method = finals < sent.size() ? sent[finals].method() : std::string("GET");
    const strict::Verdict verdict = strict::readResponse(bytes, method, response);
    if (verdict == strict::Verdict::kBroken) complain("the client got this", talk.to_client);
    if (verdict == strict::Verdict::kNothing) return;
    if (response.status() == 101) return;
    if (response.status() < 200) continue;
    ++finals;
    if (response.ends_with_close && response.value("connection") != "close") complain("no end", talk.to_client);
    if (!response.is_complete) {
      if (!bytes.empty()) complain("bytes behind an incomplete response", talk.to_client);
      return;
    }
  }
  if (finals > sent.size() + 1) complain("more responses than requests", talk.to_client);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Play play;
  play.run({reinterpret_cast<const char*>(data), size});
  const std::vector<strict::Message> sent = requestsOf(play.talk().from_client);
  checkApps(play.talk(), sent, play.world().metrics.replays.value());
  checkClient(play.talk(), sent);
  play.world().core().closeAll();
  if (play.world().metrics.upstream_active.value() != 0) complain("leases are left", "");
  if (play.world().metrics.downstream_active.value() != 0) complain("connections are left", "");
  return 0;
}
