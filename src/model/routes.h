// Routes as plain data. Order is law: within the best matching host the first route that matches wins. Only the YAML
// front end sorts, the way the Gateway API does; the compiler and the route table keep the order they are given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/deadline.h"
#include "model/hash_key.h"
#include "model/labels.h"
#include "model/origin.h"
#include "model/priority.h"

namespace remora::model {

struct PathMatch {
  enum class Kind : uint8_t {
    kAny,
    kExact,     // "/a/b"
    kPrefix,    // "/a/b" matches "/a/b" and "/a/b/c", not "/a/bc" (whole segments)
    kRegex,     // RE2, the whole path
    kTemplate,  // "/users/{id}/orders/{rest=**}": {x} one segment, {x=**} the rest; last only
  };
  Kind kind = Kind::kAny;
  std::string text;

  bool operator==(const PathMatch&) const = default;
};

// How a header, query parameter or cookie must look.
struct ValueMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kRegex, kPresent, kAbsent };
  std::string name;  // header names in lower case
  Kind kind = Kind::kPresent;
  std::string text;
  Origin origin;

  bool operator==(const ValueMatch&) const = default;
};

struct RouteMatch {
  PathMatch path;
  Origin path_origin;
  std::vector<std::string> methods;  // empty: any; exact, case-sensitive
  Origin methods_origin;
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query;
  std::vector<ValueMatch> cookies;
  std::vector<std::string> sources;  // CIDRs; empty: any
  Origin sources_origin;

  bool operator==(const RouteMatch&) const = default;
};

struct WeightedCluster {
  std::string cluster;
  uint32_t weight = 1;
  Origin origin;
  Subset subset;

  bool operator==(const WeightedCluster&) const = default;
};

struct Forward {
  std::vector<WeightedCluster> clusters;  // never empty; weights sum to at least 1
  std::vector<HashKey> split_by;          // the first that a request has keeps it at one of them; else by chance

  bool operator==(const Forward&) const = default;
};

struct Redirect {
  uint16_t status = 302;  // 301, 302, 303, 307 or 308
  std::optional<std::string> scheme;
  std::optional<std::string> host;
  std::optional<uint16_t> port;
  std::optional<std::string> path;         // replaces the whole path
  std::optional<std::string> path_prefix;  // replaces the matched prefix

  bool operator==(const Redirect&) const = default;
};

struct DirectAnswer {
  uint16_t status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";

  bool operator==(const DirectAnswer&) const = default;
};

struct Rewrite {
  std::optional<std::string> path;         // replaces the whole path; {name} inserts a template's variable
  std::optional<std::string> path_prefix;  // replaces the matched prefix
  std::optional<std::string> host;

  bool operator==(const Rewrite&) const = default;
};

struct HeaderChanges {
  std::vector<std::pair<std::string, std::string>> set;  // replaces every field of that name
  std::vector<std::pair<std::string, std::string>> add;  // appends one
  std::vector<std::string> remove;                       // lower case

  bool isEmpty() const { return set.empty() && add.empty() && remove.empty(); }
  bool operator==(const HeaderChanges&) const = default;
};

// When a request is sent again, besides where it provably never reached the application. Each wait is between half of
// and the whole of `backoff`, twice that for the next, and so on up to the most.
struct Retry {
  enum On : uint32_t {  // bits
    kConnectFailure = 1 << 0,
    kRefusedStream = 1 << 1,
    kReset = 1 << 2,         // no byte of an answer came
    kTimeout = 1 << 3,       // of one try
    kGatewayError = 1 << 4,  // 502, 503, 504
    k5xx = 1 << 5,           // and all that gives no answer
    kRetriable4xx = 1 << 6,  // 409
    kGrpcCancelled = 1 << 7,
    kGrpcDeadlineExceeded = 1 << 8,
    kGrpcInternal = 1 << 9,
    kGrpcResourceExhausted = 1 << 10,
    kGrpcUnavailable = 1 << 11,
  };
  // Their names for users, in the order of the bits.
  static constexpr std::array<std::string_view, 12> kConditions{
      "connect-failure", "refused-stream",     "reset",
      "timeout",         "gateway-error",      "5xx",
      "retriable-4xx",   "cancelled",          "deadline-exceeded",
      "internal",        "resource-exhausted", "unavailable"};
  uint32_t attempts = 2;  // after the first
  uint32_t on = kConnectFailure | kRefusedStream;
  std::vector<uint16_t> statuses;
  bool non_idempotent = false;  // also where it may have been executed already
  Milliseconds try_timeout{0};  // of each; 0: none
  Milliseconds backoff{25};
  Milliseconds backoff_most{250};
  Milliseconds retry_after_most{1000};  // an answer that asks for a longer wait is passed on
  Bytes body{64 << 10};                 // a longer one isn't kept, and not sent again

  bool operator==(const Retry&) const = default;
};

// A second attempt beside one that takes long, at another endpoint; idempotent requests only.
struct Hedge {
  Milliseconds after{0};  // 0: after what 95 in 100 of the route's requests take
  uint32_t percent = 10;  // of the requests may have one
  uint32_t floor = 5;     // and so many a second besides

  bool operator==(const Hedge&) const = default;
};

// How often requests may come.
struct RateLimit {
  uint32_t requests = 0;  // in each `per`
  Milliseconds per{1000};
  uint32_t burst = 0;              // at once, at least 1
  std::vector<HashKey> key;        // counted for each value by itself; empty: for all together
  uint32_t keys_most = 64 * 1024;  // that are remembered
  bool shadow = false;             // only told of, in metrics and trail

  bool operator==(const RateLimit&) const = default;
};

// A copy of a request goes there as well, and its answer nowhere.
struct Mirror {
  WeightedCluster to;  // its weight doesn't count
  uint32_t percent = 100;

  bool operator==(const Mirror&) const = default;
};

// What goes wrong on purpose, to see whether callers bear it.
struct Fault {
  Milliseconds delay{0};         // before the request goes on
  uint32_t delay_percent = 100;  // of the requests
  uint16_t abort = 0;            // the status that is answered instead; 0: none
  uint32_t abort_percent = 100;
  std::string header;  // only requests that have it, in lower case; empty: all

  bool operator==(const Fault&) const = default;
};

// Of a descriptor. A longer value of a request is sent as its digest.
inline constexpr size_t kDescriptorEntriesMost = 16;
inline constexpr size_t kDescriptorsMost = 8;  // of a request
inline constexpr size_t kLongestEntryKey = 128;
inline constexpr size_t kLongestEntryValue = 256;

// What of a request a service counts by: a key with a value that is always the same, or the request's.
struct DescriptorEntry {
  std::string key;
  std::string value;
  std::optional<HashKey> from;  // in its place

  bool operator==(const DescriptorEntry&) const = default;
};

using Descriptor = std::vector<DescriptorEntry>;  // never empty

// The same, counted by a service for several remoras together.
struct SharedLimit {
  Origin origin;        // of `service`
  std::string service;  // one of Config::rate_limit_services
  std::string name;     // who has the same name is counted together
  // Of a Redis, without a bound on its keys: they end by themselves. Of gRPC only whether it is a shadow.
  RateLimit rate;
  std::vector<Descriptor> descriptors;  // of gRPC; empty: for a Redis

  bool operator==(const SharedLimit&) const = default;
};

struct Route {
  Origin origin;
  std::string name;  // metric label and log field; "routes[3]" when the user gave none
  RouteMatch match;
  std::variant<Forward, Redirect, DirectAnswer> action;
  std::optional<Rewrite> rewrite;
  HeaderChanges request_headers;
  HeaderChanges response_headers;
  Milliseconds timeout{0};       // whole exchange; 0: none
  Milliseconds idle_timeout{0};  // no byte from the upstream; 0: none
  std::optional<Retry> retry;
  std::optional<Hedge> hedge;
  std::optional<RateLimit> rate_limit;
  RoutePriority priority;
  std::optional<Fault> fault;
  std::vector<Mirror> mirrors;
  std::optional<SharedLimit> shared_limit;  // in its place
};

struct VirtualHost {
  Origin origin;
  std::string name;
  std::vector<std::string> hosts;  // lower case without port: exact, "*.suffix" or "*"
  std::vector<Route> routes;       // in order of precedence
};

struct RouteTable {
  Origin origin;
  std::string name;
  std::vector<VirtualHost> hosts;
};

}  // namespace remora::model
