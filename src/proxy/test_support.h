// A whole Core for tests, in virtual time and without a descriptor: the test is the clients and the applications. The
// network can be slow, small, refusing or gone, and can prove what TCP proves. Only for tests.
//   World world;
//   auto client = world.client();
//   client->put("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
//   world.settle();
//   world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
#pragma once

#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "loop/test_loop.h"
#include "net/log_sink.h"
#include "proxy/core.h"
#include "proxy/pipe_end.h"
#include "snapshot/compiler.h"

namespace remora::proxy::test {

// One listener "in", one route "all" to one service "app" with one endpoint 10.0.0.1:80.
inline model::Config basicConfig() {
  model::Config config;
  model::Listener listener;
  listener.name = "in";
  listener.address = {model::SocketAddress::Kind::kIp, "127.0.0.1", 8080};
  listener.default_chain.http = model::HttpOptions{.route_table = "main"};
  config.listeners.push_back(std::move(listener));
  model::Route route;
  route.name = "all";
  route.action = model::Forward{{{"app", 1, {}}}};
  config.route_tables.push_back({{}, "main", {{{}, "any", {"*"}, {std::move(route)}}}});
  config.clusters.emplace_back().name = "app";
  return config;
}
inline model::HttpOptions& httpOf(model::Config& config) {
  return *config.listeners[0].default_chain.http;
}
inline model::Route& routeOf(model::Config& config, size_t i = 0) {
  return config.route_tables[0].hosts[0].routes[i];
}

// Connects to applications as it is told; whoever isn't told anything is accepted at once.
class ScriptedConnector final : public net::Connector {
 public:
  enum class Way : uint8_t { kAccept, kRefuseAtOnce, kRefuseLater, kBreakLater, kHang, kNoDescriptors };

  explicit ScriptedConnector(loop::Loop& loop) : loop_(loop) {}

  Result<std::unique_ptr<net::Stream>> connect(const net::Address& address) override {
    dialled.push_back(address.text());
    const Way way = script.empty() ? otherwise : script.front();
    if (!script.empty()) script.pop_front();
    if (way == Way::kRefuseAtOnce) return fail(Reason::kConnectRefused, Reached::kNo, ECONNREFUSED);
    if (way == Way::kNoDescriptors) return fail(Reason::kNoDescriptors, Reached::kNo, EMFILE);
    auto [ours, theirs] = PipeEnd::pair(loop_, capacity);
    if (way != Way::kAccept) ours->startConnecting();
    if (way == Way::kRefuseLater) ours->settleConnect(ECONNREFUSED);
    if (way == Way::kBreakLater) ours->settleConnect(EHOSTUNREACH);
    if (on_connect) on_connect(*ours, *theirs);
    apps.push_back(std::move(theirs));
    return std::unique_ptr<net::Stream>(std::move(ours));
  }

  std::deque<Way> script;
  Way otherwise = Way::kAccept;
  size_t capacity = 64 << 10;
  std::function<void(PipeEnd& ours, PipeEnd& theirs)> on_connect;
  std::vector<std::string> dialled;
  std::vector<std::unique_ptr<PipeEnd>> apps;  // the applications' ends, in order of connecting

 private:
  loop::Loop& loop_;
};

class World {
 public:
  explicit World(const std::function<void(model::Config&)>& change = {}) : World(changed(change)) {}
  explicit World(model::Config config, Overload* overload = nullptr) {
    core_ = std::make_unique<Core>(Core::Parts{
        .loop = loop_, .connector = connector, .metrics = metrics, .seed = {1, 2, 3, 4}, .overload = overload});
    adopt(std::move(config));
    endpoints({"10.0.0.1"});
  }
  // Connections that are still there end with the core; applications may outlive it.
  ~World() { core_.reset(); }

  static model::Config changed(const std::function<void(model::Config&)>& change) {
    model::Config config = basicConfig();
    if (change) change(config);
    return config;
  }
  void adopt(model::Config config, std::shared_ptr<net::LogSink> sink = nullptr) {
    auto snapshot = snapshot::compile(std::move(config), ++generation_, rules_);
    check(snapshot.has_value(), "a test's configuration compiles");
    core_->adoptSnapshot(*snapshot, std::move(sink));
  }
  void endpoints(const std::vector<std::string>& hosts, const std::string& cluster = "app") {
    auto set = std::make_shared<upstream::EndpointSet>();
    set->version = ++version_;
    for (const std::string& host : hosts) {
      const model::SocketAddress address{model::SocketAddress::Kind::kIp, host, 80};
      set->endpoints.push_back({.address = *net::Address::of(address), .text = model::toText(address)});
    }
    std::vector<upstream::HashRing::Member> members;
    for (const upstream::Endpoint& endpoint : set->endpoints) members.push_back({endpoint.text, 1});
    set->ring =
        upstream::HashRing::make(upstream::HashRing::Kind::kMaglev, members);  // used where one balances by hash
    core_->adoptEndpoints(cluster, std::move(set));
  }

  // A client's end of a fresh connection.
  std::unique_ptr<PipeEnd> client(const std::string& listener = "in", size_t capacity = 64 << 10) {
    auto [theirs, ours] = PipeEnd::pair(loop_, capacity);
    ours_ = ours.get();
    core_->serve(std::move(ours), *net::parsePeer("192.0.2.7:4711"), listener);
    return std::move(theirs);
  }
  PipeEnd& lastServed() { return *ours_; }  // remora's end of the last client(), while it lives

  void settle() { loop_.settle(); }
  void advance(Duration span) { loop_.advance(span); }
  // The application's end of remora's i-th connection to it; one that leads nowhere when there is none.
  PipeEnd& app(size_t i = 0) {
    if (i < connector.apps.size()) return *connector.apps[i];
    if (!spare_) spare_ = PipeEnd::pair(loop_, 1 << 20);
    return *spare_->first;
  }
  // What came to it since the last look.
  std::string toApp(size_t i = 0) {
    settle();
    return i < connector.apps.size() ? connector.apps[i]->take() : std::string("(not connected)");
  }
  size_t appConnections() const { return connector.apps.size(); }

  // The usual: one request on `client`, answered by application `i`; returns what the client got.
  std::string exchange(PipeEnd& client, std::string_view request, std::string_view response, size_t i = 0) {
    client.put(request);
    settle();
    (void)toApp(i);
    app(i).put(response);
    settle();
    return client.take();
  }
  RecentExchange last() const {
    const auto all = core_->recent().copy();
    return all.empty() ? RecentExchange{.reason = Reason::kCount} : all.front();
  }
  size_t recorded() const { return core_->recent().copy().size(); }

  Core& core() { return *core_; }
  loop::TestLoop& loop() { return loop_; }

 private:
  loop::TestLoop loop_;

 public:
  ScriptedConnector connector{loop_};
  observe::CoreMetrics metrics;

 private:
  std::shared_ptr<snapshot::RuleBook> rules_ = std::make_shared<snapshot::RuleBook>();
  std::optional<std::pair<std::unique_ptr<PipeEnd>, std::unique_ptr<PipeEnd>>> spare_;
  std::unique_ptr<Core> core_;
  PipeEnd* ours_ = nullptr;
  uint32_t generation_ = 0;
  uint64_t version_ = 0;
};

inline const std::string kGet = "GET /a HTTP/1.1\r\nHost: shop\r\n\r\n";
inline const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

// "HTTP/1.1 200 OK..." -> 200; 0 for anything else.
inline int statusOf(std::string_view response) {
  if (!response.starts_with("HTTP/1.1 ") || response.size() < 12) return 0;
  return std::atoi(std::string(response.substr(9, 3)).c_str());
}
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
inline size_t countOf(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace remora::proxy::test
