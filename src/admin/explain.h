// What would happen to a request, and why: the same parser, validation and decide() as the data path, on a snapshot and
// a request that nobody sends. For the admin page and for `remora explain`. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/reasons.h"
#include "snapshot/snapshot.h"

namespace remora::admin {

struct HypotheticalRequest {
  std::string method = "GET";
  std::string url;  // "http://orders/v2/x?y=1", or "/path" for whichever host the listener stands for
  std::vector<std::pair<std::string, std::string>> headers;  // a Host among them takes the place of the URL's
  std::string source;                                        // the client's IP address; empty: 127.0.0.1
  std::string listener;                                      // name; empty: chosen by the URL
  std::optional<model::Direction> direction;                 // narrows that choice
};

// The endpoints of a service as a running process knows them, DNS names resolved.
struct LiveService {
  std::string name;
  std::vector<std::string> endpoints;
  std::vector<model::Labels> labels;  // as endpoints; may be shorter, where the last have none
  bool has_dns_failed = false;
};

struct Explanation {
  enum class Verdict : uint8_t {
    kNoQuestion,  // the question can't be answered; `problem` says why
    kRefused,     // remora answers by itself: `reason` and `status`
    kForwarded,
    kRedirected,
    kAnswered,  // by the route, directly
  };
  struct Considered {
    enum class Kind : uint8_t { kMatched, kShadowed, kMissed };
    Kind kind = Kind::kMissed;
    std::string route;
    std::string where;  // the exact place of what was missed
    std::string sentence;
    uint32_t held = 0;  // predicates that fitted before that: the higher, the nearer
  };
  struct Service {
    std::string name;
    std::string where;
    double share = 1;  // of the requests that take this route
    bool is_known = true;
    std::string balance;
    std::string labels;  // that the route asks for: "version=v2"; empty: none
    std::vector<std::string> endpoints;
    bool is_live = false;       // the endpoints are those of a running process
    std::string problem;        // why it would fail; empty when nothing is known against it
    bool lacks_labels = false;  // that is why
  };
  struct Setting {
    std::string name;
    std::string value;
    std::string where;  // "default", or who set it
  };

  Verdict verdict = Verdict::kNoQuestion;
  std::string problem;
  Reason reason = Reason::kOk;
  uint16_t status = 0;  // 0 when the application decides
  uint32_t generation = 0;

  std::string method;
  std::string url;
  std::string client;
  std::string listener;
  std::string listener_address;
  std::string listener_where;
  std::string listener_why;  // it was chosen
  model::Direction direction = model::Direction::kInbound;

  // Once validated.
  std::string host;
  std::string path;  // normalised, as rules see it
  std::string query;

  // Once a host matched.
  std::string host_rule;  // name of the virtual host
  std::string host_kind;
  std::string host_where;
  std::vector<Considered> considered;  // in order of precedence
  std::string route;                   // empty: none
  std::string route_where;

  std::vector<Service> services;  // of kForwarded, and of a refusal for want of one
  std::string upstream_head;      // the request head as the application gets it; <...>: made for each request
  std::string location;           // of kRedirected
  std::string answer;             // body of kAnswered
  std::vector<std::string> request_changes;  // as the route asks: "set x-a: b"
  std::vector<std::string> response_changes;
  std::vector<Setting> settings;       // timeouts
  std::vector<std::string> policies;   // what holds requests back, and when they are sent again
  std::vector<std::string> decisions;  // as /recent would show them
  std::vector<std::string> notes;      // what the reader should know about this answer
};

// `live` is empty when nothing runs: then endpoints are as configured.
Explanation explain(const snapshot::Snapshot& snapshot, const HypotheticalRequest& asked,
                    std::span<const LiveService> live = {});

// One sentence: "forwarded to service orders", "refused with 404 (no_route): ...".
std::string verdictSentence(const Explanation& explanation);

std::string printExplanationText(const Explanation& explanation);
std::string printExplanationJson(const Explanation& explanation);

}  // namespace remora::admin
