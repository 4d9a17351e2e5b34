// Every message that a person can meet, word for word: the texts are what this front end is judged by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/yaml_config.h"
#include "control/yaml_tree.h"

namespace remora::control {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> errorsOf(std::string_view text, const std::vector<std::string_view>& fields = {}) {
  std::vector<std::string> out;
  for (const ConfigError& error : loadYaml(text, "f").errors) out.push_back(describe(error));
  if (!fields.empty()) {
    out.clear();
    for (const ConfigError& error : loadYaml(text, "f", fields).errors) out.push_back(describe(error));
  }
  return out;
}

std::string onlyError(std::string_view text) {
  const std::vector<std::string> errors = errorsOf(text);
  EXPECT_EQ(errors.size(), 1u) << text << "\n" << testing::PrintToString(errors);
  return errors.empty() ? "" : errors[0];
}

std::string onlyWarning(std::string_view text) {
  const LoadedConfig loaded = loadYaml(text, "f");
  EXPECT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  EXPECT_EQ(loaded.warnings.size(), 1u) << text;
  return loaded.warnings.empty() ? "" : describe(loaded.warnings[0]);
}

// A listener with one more entry.
std::string listener(std::string_view entry) {
  return "inbound:\n  - listen: 8080\n    app: 3000\n    " + std::string(entry) + "\n";
}
// A route, on line 3, with a service to forward to.
std::string route(std::string_view entries) {
  return "inbound:\n  - listen: 1\n    routes: [{ " + std::string(entries) + " }]\nservices: { orders: 10.0.0.1:80 }\n";
}
std::string match(std::string_view entries) {
  return route("to: orders, match: { " + std::string(entries) + " }");
}
std::string service(std::string_view value) {
  return "inbound: [{ listen: 1, app: 3000 }]\nservices: { orders: " + std::string(value) + " }\n";
}
std::string top(std::string_view entry) {
  return "inbound: [{ listen: 1, app: 3000 }]\n" + std::string(entry) + "\n";
}

TEST(ConfigErrors, UnknownKeys) {
  EXPECT_EQ(onlyError(route("mach: { path: /a }, to: orders")),
            "f:3:16: inbound[0].routes[0].mach: unknown key 'mach'; expected one of name, match, to, split, split_by, "
            "redirect, answer, rewrite, request_headers, response_headers, timeout, idle_timeout, mirror, rate_limit, "
            "priority, fault, hedge, retry; did you mean 'match'?");
  EXPECT_THAT(onlyError(top("telemetri: {}")), HasSubstr("unknown key 'telemetri'"));
  EXPECT_THAT(onlyError(top("telemetri: {}")), HasSubstr("did you mean 'telemetry'?"));
}

TEST(ConfigErrors, ARightKeyInTheWrongPlace) {
  EXPECT_THAT(onlyError(top("access_log: stdout")), HasSubstr("'access_log' belongs to telemetry"));
  EXPECT_THAT(onlyError(listener("admin: 9901")), HasSubstr("'admin' belongs to the top level"));
  EXPECT_THAT(onlyError("outbound: [{ listen: 1, app: 3000, routes: [{ answer: 200 }] }]"),
              HasSubstr("'app' belongs to inbound"));
  EXPECT_THAT(onlyError(listener("timeout: { idle: 1s }")), HasSubstr("did you mean 'timeouts'?"))
      << "a slip is likelier";
}

TEST(ConfigErrors, RepeatedKeys) {
  EXPECT_EQ(onlyError(listener("app: 3001")),
            "f:4:5: inbound[0].app: key 'app' is given twice; expected each key once; the first is in line 3");
  EXPECT_THAT(onlyError(top("services: { a: 1, a: 2 }")), HasSubstr("services.a: key 'a' is given twice"));
  EXPECT_THAT(onlyError(match("headers: { x-a: b, X-A: c }")), HasSubstr("header 'x-a' is given twice"));
  EXPECT_THAT(onlyError(top("services: { a: 1, A: 2 }")), HasSubstr("differs from another only in case"));
}

TEST(ConfigErrors, MissingAndEmpty) {
  EXPECT_EQ(onlyError(""),
            "f: the file is empty; expected at least one listener; add for example inbound: [{ listen: "
            "8080, app: 3000 }]");
  EXPECT_THAT(onlyError("# only a comment\n"), HasSubstr("the file is empty"));
  EXPECT_THAT(onlyError("cores: 1"), HasSubstr("there is no listener"));
  EXPECT_THAT(onlyError("inbound: []"), HasSubstr("an empty list"));
  EXPECT_THAT(onlyError("inbound:\n  - app: 3000"), HasSubstr("f:2:5: inbound[0]: 'listen' is missing"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1 }]"),
              HasSubstr("this listener leads nowhere; expected 'app' or 'routes'"));
  EXPECT_THAT(onlyError("outbound: [{ listen: 1 }]"), HasSubstr("this listener leads nowhere"));
  EXPECT_EQ(onlyError(top("drain:")),
            "f:2:1: drain: 'drain' has no value; expected a mapping (key: value); give it one, or remove the key");
  EXPECT_THAT(onlyError("inbound: {listen: 1, app: 2}"),
              HasSubstr("found a mapping; expected a list; begin each item"));
  EXPECT_THAT(onlyError("hello"), HasSubstr("found 'hello'; expected a mapping with the keys inbound, outbound"));
  EXPECT_THAT(onlyError(service("{ balance: random }")), HasSubstr("'endpoints' is missing"));
}

TEST(ConfigErrors, NotYaml) {
  EXPECT_EQ(onlyError("inbound:\n\t- listen: 1"), "f:2:1: a tab in the indentation; expected spaces");
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, app: 3000 }"), StartsWith("f:1:"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, app: 3000 }"),
              HasSubstr("look for a brace or bracket that is never closed"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, app: 3000 }\ncores: 1\n"), HasSubstr("or on the line before"));
  EXPECT_THAT(onlyError("inbound: ]"), HasSubstr("not valid YAML"));
  EXPECT_THAT(onlyError(match("host: *.example.com")), HasSubstr("write for example \"*.example.com\""));
  EXPECT_THAT(onlyError(match("path: /users/{id}")), HasSubstr("\"/users/{id}\""));
  EXPECT_THAT(onlyError("inbound: [{ listen: [::]:8080, app: 3000 }]"), HasSubstr("\"[::]:8080\""));
  EXPECT_EQ(onlyError("a: \xff"), "f:1:4: not UTF-8: byte 0xFF; expected UTF-8 text");
  EXPECT_EQ(onlyError(std::string_view("a: \0", 4)), "f:1:4: control character 0x00; expected UTF-8 text");
  EXPECT_THAT(onlyError("inbound: 1\n---\ninbound: 2\n"), HasSubstr("a second document begins here"));
  EXPECT_THAT(onlyError("inbound: !!str x"), HasSubstr("tags such as"));
  EXPECT_THAT(onlyError("? [a]\n: b"), HasSubstr("a key that isn't a plain word"));
}

TEST(ConfigErrors, BoundsOnTheFile) {
  EXPECT_EQ(onlyError(std::string(kLargestFile + 1, ' ')),
            "f: the file has 4194305 bytes; expected at most 4194304 (4MiB)");
  EXPECT_THAT(onlyError(std::string(100, '[')), HasSubstr("nested deeper than 32 levels"));
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += (i == 0 ? "*" : ",*") + std::string(1, static_cast<char>(c - 1));
    bomb += "]\n";
  }
  EXPECT_THAT(onlyError(bomb), HasSubstr("counting each use of an alias"));
  EXPECT_THAT(onlyError("a: &a [*a]"), HasSubstr("an alias inside the value that it stands for"));
}

TEST(ConfigErrors, BoundsOnCounts) {
  std::string listeners = "inbound:\n";
  for (int i = 0; i < 1001; ++i) listeners += "  - { listen: " + std::to_string(i + 1) + ", app: 1 }\n";
  EXPECT_THAT(onlyError(listeners), HasSubstr("1001 listeners; expected at most 1000"));
  std::string hosts = "a";
  for (int i = 0; i < 1000; ++i) hosts += ", h" + std::to_string(i);
  EXPECT_THAT(onlyError(match("host: [" + hosts + "]")), HasSubstr("1001 hosts in one route"));
}

TEST(ConfigErrors, ThousandsOfMistakesAreCutShort) {
  std::string text = top("");
  for (int i = 0; i < 1000; ++i) text += "zzzzzzzzzz" + std::to_string(i) + ": 1\n";
  const std::vector<std::string> errors = errorsOf(text);
  EXPECT_EQ(errors.size(), 101u);
  EXPECT_EQ(errors.back(), "f: there is more, but this is enough");
}

TEST(ConfigErrors, AllErrorsInTheOrderOfTheFile) {
  const std::vector<std::string> errors = errorsOf(R"(admin: 0.0.0.0:9901
cores: many
inbound:
  - listen: 70000
    app: nowhere
    routes:
      - match: { path: a }
        to: ordrs
services:
  orders: { endpoints: ["10.0.0.1"], balance: fair }
)");
  ASSERT_EQ(errors.size(), 8u) << testing::PrintToString(errors);
  for (size_t i = 0; i < 2; ++i) EXPECT_THAT(errors[i], StartsWith("f:" + std::to_string(i + 1) + ":"));
  EXPECT_THAT(errors[2], StartsWith("f:4:"));
  EXPECT_THAT(errors[3], StartsWith("f:5:"));
  EXPECT_THAT(errors[4], StartsWith("f:7:"));
  EXPECT_EQ(errors[5],
            "f:8:13: inbound[0].routes[0].to: there is no service 'ordrs'; expected one of orders; did you "
            "mean 'orders'?");
  EXPECT_THAT(errors[6], HasSubstr("did you mean '10.0.0.1:8080'?"));
  EXPECT_EQ(errors[7],
            "f:10:47: services.orders.balance: unknown value 'fair'; expected one of round_robin, "
            "least_request, random, peak_ewma, ring_hash or maglev");
}

TEST(ConfigErrors, ScalarsOfTheWrongKind) {
  EXPECT_EQ(onlyError(listener("edge: yes")),
            "f:4:11: inbound[0].edge: 'yes' is neither true nor false; expected true or false, without quotes; did you "
            "mean 'true'?");
  EXPECT_THAT(onlyError(listener("edge: \"true\"")), HasSubstr("the text 'true' is neither true nor false"));
  EXPECT_EQ(onlyError(listener("trusted_hops: -1")),
            "f:4:19: inbound[0].trusted_hops: '-1' is not a whole number; expected a whole number from 0 to 100");
  EXPECT_THAT(onlyError(listener("trusted_hops: 101")), HasSubstr("101 is too large"));
  EXPECT_THAT(onlyError(listener("backlog: 0")), HasSubstr("0 is too small; expected a whole number from 1 to 65535"));
  EXPECT_THAT(onlyError(listener("backlog: 99999999999999999999999")), HasSubstr("is not a whole number"));
  EXPECT_THAT(onlyError(listener("backlog: [1]")), HasSubstr("found a list"));
  EXPECT_EQ(onlyError(listener("timeouts: { idle: 30 }")),
            "f:4:23: inbound[0].timeouts.idle: the number '30' has no unit; expected a time such as 250ms, 2s, 1m or "
            "1h; write 30s or 30ms");
  EXPECT_THAT(onlyError(listener("timeouts: { idle: 0 }")), HasSubstr("this time must not be 0"));
  EXPECT_THAT(onlyError(listener("limits: { head: 100 }")), HasSubstr("has no unit"));
  EXPECT_THAT(onlyError(listener("limits: { head: 100B }")),
              HasSubstr("100B is too small; expected a size from 1KiB to 16MiB"));
  EXPECT_THAT(onlyError(listener("limits: { target: 1MiB }")), HasSubstr("could be larger than the whole head"));
  EXPECT_THAT(onlyError(listener("client_fin: cancle")), HasSubstr("did you mean 'cancel'?"));
  EXPECT_THAT(onlyError(listener("unix_mode: 0888")), HasSubstr("is not a file's permissions"));
  EXPECT_THAT(onlyError(listener("via: a b")), HasSubstr("is not a pseudonym"));
  EXPECT_THAT(onlyError(listener("name: a b")), HasSubstr("can't be a metric label"));
}

TEST(ConfigErrors, Addresses) {
  EXPECT_EQ(
      onlyError("inbound: [{ listen: localhost:80, app: 3000 }]"),
      "f:1:21: inbound[0].listen: 'localhost:80' is not an address to listen on; expected a port such as 8080, an "
      "address such as 0.0.0.0:8080 or \"[::]:8080\", or unix:/path; did you mean '127.0.0.1:80'?");
  EXPECT_THAT(onlyError("inbound: [{ listen: 80, app: 3000 }, { listen: 127.0.0.1:80, app: 3000 }]"),
              HasSubstr("127.0.0.1:80 is taken by the listener in line 1 (inbound[0].listen)"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 80, name: a, app: 1 }, { listen: 81, name: a, app: 1 }]"),
              HasSubstr("the name 'a' is taken"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 8080, app: 8080 }]"), HasSubstr("requests would go round in a circle"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 9901, app: 1 }]\nadmin: 127.0.0.1:9901"),
              HasSubstr("is taken by the listener"));
  EXPECT_THAT(onlyError(top("admin: 0.0.0.0:9901")),
              HasSubstr("whoever reaches '0.0.0.0:9901' could read the configuration and recent requests, and drain"));
  EXPECT_THAT(onlyError(top("admin: { public: true }")), HasSubstr("'listen' is missing"));
  EXPECT_THAT(onlyWarning("outbound: [{ listen: 4140 }]\nservices: { a: 4140 }"),
              HasSubstr("may go round in a circle"));
}

TEST(ConfigErrors, Matches) {
  EXPECT_THAT(onlyError(match("path: v2")), HasSubstr("did you mean '/v2'?"));
  EXPECT_THAT(onlyError(match("path: \"/a?b=c\"")), HasSubstr("match a query with the key 'query'"));
  EXPECT_THAT(onlyError(match("path: /a//b")), HasSubstr("did you mean '/a/b'?"));
  EXPECT_THAT(onlyError(match("path: /a/../b")), HasSubstr("contains the segment '..'"));
  EXPECT_THAT(onlyError(match("path: /%7Ea")), HasSubstr("did you mean '/~a'?"));
  EXPECT_THAT(onlyError(match("path: /a%2fb")), HasSubstr("did you mean '/a%2Fb'?"));
  EXPECT_THAT(onlyError(match("path: /a/*/b")), HasSubstr("use a template"));
  EXPECT_THAT(onlyError(match("path: /a/**")), HasSubstr("did you mean '/a/*'?"));
  EXPECT_THAT(onlyError(match("path: /ü")), HasSubstr("percent-encoded"));
  EXPECT_THAT(onlyError(match("path: \"~ (\"")), HasSubstr("bad regular expression '('"));
  EXPECT_THAT(onlyError(match("path: \"~ (?=a)\"")), HasSubstr("RE2 has no look-ahead"));
  EXPECT_THAT(onlyError(match("path: \"~ ((a{1,100}){1,10}){1,10}\"")),
              testing::AnyOf(HasSubstr("instructions"), HasSubstr("bad regular")));
  EXPECT_THAT(onlyError(match("path: \"/a{id}\"")), HasSubstr("a whole segment {name}"));
  EXPECT_THAT(onlyError(match("path: \"/{a}/{a}\"")), HasSubstr("'a' twice"));
  EXPECT_THAT(onlyError(match("path: \"/{r=**}/x\"")), HasSubstr("before its end"));
  EXPECT_THAT(onlyError(match("path: { exact: /a, prefix: /b }")),
              HasSubstr("'exact' and 'prefix' exclude each other"));
  EXPECT_THAT(onlyError(match("host: \"example.com:80\"")), HasSubstr("did you mean 'example.com'?"));
  EXPECT_THAT(onlyError(match("host: \"a.*.b\"")), HasSubstr("has a star in it"));
  EXPECT_THAT(onlyError(match("method: get")), HasSubstr("did you mean 'GET'?"));
  EXPECT_THAT(onlyError(match("method: \"G T\"")), HasSubstr("is not a method"));
  EXPECT_THAT(onlyError(match("method: GET, methods: [PUT]")), HasSubstr("are the same key"));
  EXPECT_THAT(onlyError(match("headers: { \"a b\": c }")), HasSubstr("is not a header's name"));
  EXPECT_THAT(onlyError(match("headers: { host: c }")), HasSubstr("matched with the key 'host'"));
  EXPECT_THAT(onlyError(match("headers: { a: { present: false } }")), HasSubstr("write absent: true"));
  EXPECT_THAT(onlyError(match("headers: { a: { regex: \"[\" } }")), HasSubstr("bad regular expression"));
  EXPECT_THAT(onlyError(match("headers: { a: { perfix: b } }")), HasSubstr("did you mean 'prefix'?"));
  EXPECT_THAT(onlyError(match("source: 10.0.0.0/40")), HasSubstr("wrong prefix length"));
  EXPECT_THAT(onlyWarning(match("source: 10.1.0.0/8")), HasSubstr("it means 10.0.0.0/8"));
  EXPECT_THAT(onlyWarning(match("host: [a.example.com, \"*.example.com\"]")),
              HasSubstr("is covered by '*.example.com'"));
  EXPECT_THAT(onlyWarning(match("method: GTE")), HasSubstr("unusual method 'GTE'; did you mean 'GET'?"));
}

TEST(ConfigErrors, Actions) {
  EXPECT_EQ(onlyError(route("match: { path: /a }")),
            "f:3:14: inbound[0].routes[0]: a choice is missing; expected exactly one of to, split, redirect, "
            "answer");
  EXPECT_THAT(onlyError(route("to: orders, answer: 200")), HasSubstr("'to' and 'answer' exclude each other"));
  EXPECT_THAT(onlyError(route("split: [{ to: orders, weight: 0 }]")), HasSubstr("every weight is 0"));
  EXPECT_THAT(onlyError(route("split: [{ weight: 1 }]")), HasSubstr("'to' is missing"));
  EXPECT_THAT(onlyError(route("redirect: { status: 304, host: a }")), HasSubstr("304 is not a redirect"));
  EXPECT_THAT(onlyError(route("redirect: { status: 301 }")), HasSubstr("the redirect changes nothing"));
  EXPECT_THAT(onlyError(route("redirect: { port: 0 }")), HasSubstr("0 is too small"));
  EXPECT_THAT(onlyError(route("redirect: { path: /a, path_prefix: /b }, match: { path: /c/* }")),
              HasSubstr("exclude each other"));
  EXPECT_THAT(onlyError(route("answer: 100")), HasSubstr("100 is too small"));
  EXPECT_THAT(onlyError(route("answer: { status: 204, body: x }")), HasSubstr("has no body"));
  EXPECT_THAT(onlyError(route("answer: 200, timeout: 1s")), HasSubstr("'timeout' has no effect"));
  EXPECT_THAT(onlyError(route("to: orders, rewrite: { path_prefix: /b }")), HasSubstr("there is no prefix to replace"));
  EXPECT_THAT(onlyError(route("to: orders, rewrite: { path: \"/{ib}\" }, match: { path: \"/u/{id}\" }")),
              HasSubstr("no variable 'ib' in the route's path; expected one of id; did you mean 'id'?"));
  EXPECT_THAT(onlyError(route("to: orders, rewrite: { host: \"a b\" }")), HasSubstr("is not a host name"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, routes: [{ to: x }] }]"),
              HasSubstr("'services', which is empty or missing"));
}

TEST(ConfigErrors, HeaderChanges) {
  const auto change = [](std::string_view text) {
    return onlyError(route("to: orders, request_headers: { " + std::string(text) + " }"));
  };
  EXPECT_THAT(change("set: { Content-Length: 1 }"),
              HasSubstr("the field 'content-length' belongs to a connection or frames"));
  EXPECT_THAT(change("add: { transfer-encoding: chunked }"), HasSubstr("'transfer-encoding'"));
  EXPECT_THAT(change("remove: [connection]"), HasSubstr("'connection'"));
  EXPECT_THAT(change("set: { host: x }"), HasSubstr("write rewrite: { host: name }"));
  EXPECT_THAT(change("set: { \"a:b\": x }"), HasSubstr("is not a header's name"));
  EXPECT_THAT(change("set: { a: \"x\\r\\nb: c\" }"), HasSubstr("'x\\x0d\\x0ab: c' contains a control character"));
  EXPECT_THAT(change("set: { a: \"x\\0\" }"), HasSubstr("contains a control character"));
  EXPECT_THAT(change("set: { a: \" x\" }"), HasSubstr("begins or ends with a blank"));
  EXPECT_TRUE(errorsOf(route("answer: 200, response_headers: { set: { host: x } }")).empty());
}

TEST(ConfigErrors, Services) {
  EXPECT_THAT(onlyError(service("{ endpoints: [\"10.0.0.1:80\", \"10.0.0.1:80\"] }")), HasSubstr("is given twice"));
  EXPECT_THAT(onlyError(service("{ endpoints: [{ address: \"10.0.0.1:80\", weight: 0 }] }")),
              HasSubstr("0 is too small"));
  EXPECT_THAT(onlyError(service("{ endpoints: [{ weight: 1 }] }")), HasSubstr("exactly one of address, srv"));
  EXPECT_THAT(onlyError(service("{ endpoints: [] }")), HasSubstr("an empty list"));
  EXPECT_THAT(onlyError(service("{ endpoints: 1, timeouts: { connect: 0s } }")), HasSubstr("must not be 0"));
  EXPECT_THAT(onlyError(service("{ endpoint: 10.0.0.1:80 }")), HasSubstr("did you mean 'endpoints'?"));
  EXPECT_THAT(onlyError(top("services: { \"a b\": 1 }")), HasSubstr("can't be a host name"));
}

TEST(ConfigErrors, Telemetry) {
  const auto log = [](std::string_view text) {
    return onlyError(top("telemetry: { access_log: " + std::string(text) + " }"));
  };
  EXPECT_THAT(log("stdot"), HasSubstr("did you mean 'stdout'?"));
  EXPECT_THAT(log("access.log"), HasSubstr("did you mean './access.log'?"));
  EXPECT_THAT(log("\"syslog:udp:host:514\""), HasSubstr("names no IP address and port"));
  EXPECT_THAT(log("{ format: json }"), HasSubstr("the access log has no destination"));
  EXPECT_THAT(log("{ to: stdout, format: text }"), HasSubstr("format: text needs a template"));
  EXPECT_THAT(log("{ to: stdout, format: json, template: x }"), HasSubstr("has no effect on JSON lines"));
  EXPECT_THAT(log("{ to: stdout, template: \"%{a} %s\" }"), HasSubstr("begins no field"));
  EXPECT_THAT(log("{ to: stdout, template: \"a\\nb\" }"), HasSubstr("line break"));
  EXPECT_THAT(log("{ to: stdout, queue: 4KiB }"), HasSubstr("the queue is smaller than one buffer"));
  EXPECT_THAT(log("{ to: stdout, fields: [a, a] }"), HasSubstr("is given twice"));
}

TEST(ConfigErrors, AccessLogFieldsAreThoseThatTheCallerKnows) {
  const auto text = top("telemetry: { access_log: { to: stdout, fields: [methot] } }");
  EXPECT_TRUE(errorsOf(text).empty());
  const auto errors = errorsOf(text, {"method", "status"});
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr("unknown field 'methot'; expected one of method, status; did you mean 'method'?"));
  EXPECT_THAT(
      errorsOf(top("telemetry: { access_log: { to: stdout, template: \"%{stats}\" } }"), {"method", "status"}).at(0),
      HasSubstr("did you mean 'status'?"));
}

TEST(ConfigErrors, TextsCantUpsetATerminal) {
  for (const std::string& error : errorsOf("inbound: [{ \"\\e[2J\\n\": 1, listen: \"\\e]0;x\\a\" }]")) {
    for (const char c : error) EXPECT_GE(static_cast<unsigned char>(c), 0x20u) << error;
  }
  const std::string error = onlyError(match("host: \"a b\\nc:80\""));
  EXPECT_THAT(error, HasSubstr("'a b\\x0ac:80' has a port"));
  EXPECT_THAT(error, testing::Not(HasSubstr("did you mean")));
}

TEST(ConfigErrors, NeverThrowsOnPrefixesOfAFile) {
  const std::string whole =
      route("to: orders, match: { path: \"/u/{id}\", headers: { a: { prefix: b } } }, timeout: 2s") +
      "telemetry: { access_log: { to: stdout, template: '%{a}' } }\n";
  for (size_t size = 0; size <= whole.size(); ++size) loadYaml(whole.substr(0, size), "f");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>("[]{}:,\"*&!|>%@`#\t\n-"[i % 19]);
    loadYaml(broken, "f");
  }
}

TEST(ConfigErrors, OfHealthChecks) {
  const auto check = [](const std::string& text, const std::string& more = "") {
    return "inbound: [{ listen: 1, app: 2 }]\nservices: { a: { endpoints: [10.0.0.1:80], health_check: " + text + more +
           " } }\n";
  };
  for (const char* path : {"healthz", "true", "\"/a b\"", "\"/a\\r\\nX: y\"", "\"/a#b\""}) {
    EXPECT_THAT(onlyError(check(path)), HasSubstr("is no path to ask for")) << path;
  }
  EXPECT_THAT(onlyError(check("{ interval: 2s }")), HasSubstr("exactly one of http, grpc, tcp"));
  EXPECT_THAT(onlyError(check("{ http: /a, tcp: true }")), HasSubstr("exactly one of http, grpc, tcp"));
  EXPECT_THAT(onlyError(check("{ tcp: false }")), HasSubstr("'tcp' can only be true"));
  EXPECT_THAT(onlyError(check("{ grpc: true }")), HasSubstr("a gRPC check needs HTTP/2"));
  EXPECT_THAT(onlyError(check("{ grpc: false }", ", protocol: http2")), HasSubstr("'grpc' can't be false"));
  EXPECT_THAT(onlyError(check("{ grpc: " + std::string(256, 'x') + " }", ", protocol: http2")), HasSubstr("too long"));
  for (const char* statuses : {"20x", "99", "300..200", "200..", "200-299", "[200, 700]", "..300"}) {
    EXPECT_THAT(onlyError(check("{ http: /a, statuses: " + std::string(statuses) + " }")), HasSubstr("statuses"))
        << statuses;
  }
  EXPECT_THAT(onlyError(check("{ tcp: true, statuses: 200 }")), HasSubstr("'statuses' has no effect"));
  EXPECT_THAT(onlyError(check("{ tcp: true, method: GET }")), HasSubstr("'method' has no effect"));
  EXPECT_THAT(onlyError(check("{ http: /a, method: POST }")), HasSubstr("a check can't ask by 'POST'"));
  EXPECT_THAT(onlyError(check("{ http: /a, method: get }")), HasSubstr("did you mean 'GET'?"));
  EXPECT_THAT(onlyError(check("{ http: /a, host: \"a\\r\\nb\" }")), HasSubstr("is no host"));
  EXPECT_THAT(onlyError(check("{ http: /a, interval: 0s }")), HasSubstr("interval"));
  EXPECT_THAT(onlyError(check("{ http: /a, unhealthy_threshold: 0 }")), HasSubstr("unhealthy_threshold"));
}

TEST(ConfigErrors, OfRetriesAndOutliers) {
  const auto service = [](const std::string& text) {
    return "inbound: [{ listen: 1, app: 2 }]\nservices: { a: { endpoints: [10.0.0.1:80], " + text + " } }\n";
  };
  EXPECT_THAT(onlyError(route("to: orders, retry: { on: [gateway-eror] }")),
              HasSubstr("there is no condition 'gateway-eror'"));
  EXPECT_THAT(onlyError(route("to: orders, retry: { on: [gateway-eror] }")),
              HasSubstr("did you mean 'gateway-error'?"));
  EXPECT_THAT(onlyError(route("to: orders, retry: { on: timeout }")), HasSubstr("'on: timeout' has no effect"));
  EXPECT_THAT(onlyError(route("answer: 200, retry: 2")), HasSubstr("'retry' has no effect"));
  for (const char* rate : {"500", "0/s", "1/d", "x/s", "-1/s"}) {
    EXPECT_THAT(onlyError(route("to: orders, rate_limit: " + std::string(rate))), HasSubstr("is no rate")) << rate;
  }
  EXPECT_THAT(onlyError(route("to: orders, rate_limit: { burst: 5 }")), HasSubstr("requests"));
  EXPECT_THAT(onlyError(service("balance: maglev")), HasSubstr("balance by hash needs to know of what"));
  EXPECT_THAT(onlyError(service("hash_by: { source: true }")), HasSubstr("'hash_by' has no effect"));
  EXPECT_THAT(onlyError(service("balance: maglev, hash_by: { header: x, ttl: 1h }")), HasSubstr("'ttl' has no effect"));
  EXPECT_THAT(onlyError(service("sticky: { cookie: \"a b\" }")), HasSubstr("can't be the name of a cookie"));
  EXPECT_THAT(onlyError(service("sticky: { cookie: a, path: x }")), HasSubstr("can't be a cookie's path"));
  EXPECT_THAT(onlyError(service("balance: maglev, hash_by: { cookie: a, ttl: 1h }, sticky: b")),
              HasSubstr("exclude each other"));
  EXPECT_THAT(onlyError(route("to: orders, fault: { delay_percent: 5 }")), HasSubstr("the fault does nothing"));
  EXPECT_THAT(onlyError(route("to: orders, fault: { abort: 503, header: \"a b\" }")), HasSubstr("name of a header"));
  EXPECT_THAT(onlyError(route("to: orders, split_by: { source: true }")), HasSubstr("'split_by' has no effect"));
  EXPECT_THAT(onlyError(route("to: orders, mirror: order")), HasSubstr("did you mean 'orders'?"));
  EXPECT_THAT(onlyError(route("answer: 200, mirror: orders")), HasSubstr("'mirror' has no effect"));
  EXPECT_THAT(onlyError(route("to: orders, hedge: soon")), HasSubstr("a time such as"));
  for (const char* name : {"host", "content-length", "expect", "a b"}) {
    EXPECT_THAT(onlyError("inbound: [{ listen: 8080, app: 3000, deadline_header: \"" + std::string(name) + "\" }]"),
                HasSubstr("can't be the header of a deadline"));
  }
  EXPECT_THAT(onlyError(service("balance: maglev, hash_by: { header: x, query: y }")), HasSubstr("hash_by"));
  EXPECT_THAT(onlyError(service("adaptive_concurrency: { min: 20, max: 10 }")), HasSubstr("'min' is more than 'max'"));
  EXPECT_THAT(onlyError(service("circuit_breaker: { open: 10m }")), HasSubstr("longer than 'open_most'"));
  EXPECT_THAT(onlyError(service("admission_control: { threshold: 101 }")), HasSubstr("from 1 to 100"));
  EXPECT_THAT(onlyError(route("to: orders, priority: hihg")), HasSubstr("high"));
  EXPECT_THAT(onlyError(route("to: orders, priority: { raise: true }")), HasSubstr("no effect without a header"));
  EXPECT_THAT(onlyError(route("to: orders, priority: { header: \"x priority\" }")),
              HasSubstr("'x priority' can't be the name of a header; expected a name such as x-priority"));
  const auto identity = [&](const std::string& text) {
    return onlyError(route("to: orders, priority: { identities: [{ " + text + " }] }"));
  };
  EXPECT_THAT(identity("is: low"), HasSubstr("this is for nobody; expected 'sans' or 'trust_domains'"));
  EXPECT_THAT(identity("sans: a.example"), HasSubstr("'is' is missing"));
  for (const std::string san : {"spiffe://*", "spiffe://a*", "spiffe://a/*/b", "spiffe://a/b*", "spiffe:///*"}) {
    EXPECT_THAT(identity("is: low, sans: \"" + san + "\""),
                HasSubstr("has its star in the wrong place; expected a star only at the end, behind a '/'"))
        << san;
  }
  std::string many = "[a.example";
  for (int i = 0; i < 32; ++i) many += ", b.example";
  EXPECT_THAT(identity("is: low, sans: " + many + "]"), HasSubstr("33 names; expected at most 32"));
  many = "{ trust_domains: a, is: low }";
  for (int i = 0; i < 32; ++i) many += ", { trust_domains: a, is: low }";
  EXPECT_THAT(onlyError(route("to: orders, priority: { identities: [" + many + "] }")),
              HasSubstr("33 of them; expected at most 32"));
  EXPECT_THAT(onlyError(route("answer: 200, priority: low")), HasSubstr("'priority' has no effect"));
  EXPECT_THAT(onlyError(service("outlier: { eject: 10m }")), HasSubstr("longer than 'eject_most'"));
}

}  // namespace
}  // namespace remora::control
