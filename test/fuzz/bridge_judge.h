// Judges what bridge_fuzz.cc's peers heard by what they said. Heads and bodies over HTTP/1 are read by strict_http.h;
// over HTTP/2 the peers' sessions have read the frames, and what they gave is looked at again here.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bridge_peers.h"
#include "strict_http.h"

namespace remora::fuzz {

// Everything that one run said and heard. One of the two sides' vectors of each pair is empty.
struct Talks {
  std::vector<Call> calls;        // of clients over HTTP/2
  std::vector<TextPeer> clients;  // over HTTP/1
  std::vector<Service> services;  // of applications over HTTP/2
  std::vector<TextPeer> apps;     // over HTTP/1
  uint64_t replays = 0;
};

class Judge {
 public:
  explicit Judge(const Talks& talks) : talks_(talks) {
    for (const TextPeer& client : talks.clients) sent_.push_back(requestsOf(client.said));
    for (const TextPeer& app : talks.apps) {
      received_.push_back(requestsToApp(app.heard));
      answers_.push_back(answersOf(app, received_.back()));
    }
  }

  void judge() {
    for (const std::vector<Request>& requests : received_) {
      for (const Request& request : requests) judgeRequest(request);
    }
    for (const Service& service : talks_.services) {
      judgeHttp2Fields(service.heard.fields);
      judgeHttp2Fields(service.heard.trailers);
      judgeRequest(service.heard);
    }
    size_t most = talks_.calls.size() + talks_.replays;
    for (const auto& requests : sent_) most += requests.size();
    if (requests_ > most) complain("more requests than were sent", "");
    for (const Call& call : talks_.calls) judgeCall(call);
    for (size_t i = 0; i < talks_.clients.size(); ++i) judgeClient(talks_.clients[i], sent_[i]);
  }

  [[noreturn]] static void complain(const char* what, std::string_view text) {
    std::fprintf(stderr, "%s:\n%.*s\n", what, static_cast<int>(text.size()), text.data());
    std::abort();
  }

 private:
  // The answers on one connection, in the order of its requests.
  struct Answers {
    std::vector<Answer> answers;
    std::vector<bool> ends_with_close;
    bool is_followed = true;  // false: what is behind these can't be read strictly
  };

  // --- reading HTTP/1 ---
  static Request requestOf(const strict::Message& message) {
    Request request;
    request.method = message.method();
    const size_t from = message.start.find(' ') + 1;
    request.target = message.start.substr(from, message.start.rfind(' ') - from);
    request.fields = message.fields;
    request.body = message.body;
    request.trailers = message.trailers;
    request.is_complete = message.is_complete;
    request.has_length = message.count("content-length");
    request.is_old = message.start.ends_with("/1.0");
    return request;
  }
  static std::vector<Request> requestsOf(std::string_view bytes) {
    std::vector<Request> requests;
    for (;;) {
      strict::Message message;
      const strict::Verdict verdict = strict::readRequest(bytes, strict::Rules::kReceived, message);
      const bool is_message = verdict == strict::Verdict::kMessage;
      // A broken body still had a head, which remora may have passed on before it saw the rest.
      if (!is_message && (message.start.empty() || !message.count("host"))) return requests;
      if (!is_message) message.is_complete = false;
      requests.push_back(requestOf(message));
      if (!message.is_complete) return requests;
    }
  }
  static std::vector<Request> requestsToApp(std::string_view bytes) {
    const std::string_view all = bytes;
    std::vector<Request> requests;
    while (!bytes.empty()) {
      strict::Message message;
      const strict::Verdict verdict = strict::readRequest(bytes, strict::Rules::kSent, message);
      if (verdict == strict::Verdict::kBroken) complain("the application got this", all);
      if (verdict == strict::Verdict::kNothing) break;  // cut in its head: the connection ended
      if (message.count("connection") || message.count("te")) complain("hop by hop", all);
      requests.push_back(requestOf(message));
      if (!message.is_complete) break;
    }
    return requests;
  }
  static Answers answersOf(const TextPeer& app, const std::vector<Request>& requests) {
    Answers read;
    std::string_view bytes = app.said;
    for (const Request& request : requests) {
      Answer answer;
      strict::Message message;
      do {
        message = {};
        const strict::Verdict verdict = strict::readResponse(bytes, request.method, message, strict::Rules::kReceived);
        read.is_followed = verdict != strict::Verdict::kBroken;
        if (verdict != strict::Verdict::kMessage) break;
        if (message.status() < 200 && message.status() != 101) answer.interims.push_back(message.status());
      } while (message.status() < 200 && message.status() != 101);
      const bool is_final = read.is_followed && message.status() >= 200;
      if (is_final) {
        answer.status = message.status();
        answer.fields = message.fields;
        answer.body = message.body;
        answer.trailers = message.trailers;
        answer.is_complete = message.is_complete || (message.ends_with_close && app.has_ended);
      }
      if (!is_final && !read.is_followed) return read;
      read.answers.push_back(answer);
      read.ends_with_close.push_back(message.ends_with_close);
      if (message.status() == 101) read.is_followed = false;
      if (!is_final || !message.is_complete) return read;
    }
    return read;
  }

  // --- fields ---
  static std::vector<std::string> valuesOf(const Fields& fields, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& field : fields) {
      if (lowered(field.first) == name) values.push_back(field.second);
    }
    return values;
  }
  static std::string valueOf(const Fields& fields, std::string_view name) {
    const std::vector<std::string> values = valuesOf(fields, name);
    return values.empty() ? std::string() : values.front();
  }
  static bool has(const Fields& fields, std::string_view name) { return !valuesOf(fields, name).empty(); }
  static std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
  }
  // The first of `heard` that isn't among `said`, other than those of which remora has its own; null when all are.
  static const std::string* foreign(const Fields& heard, const Fields& said, std::span<const std::string_view> own) {
    for (const auto& [name, value] : heard) {
      if (std::ranges::find(own, lowered(name)) != own.end()) continue;
      const bool was_said = std::ranges::any_of(said, [&](const auto& field) {
        return lowered(field.first) == lowered(name) && trimmed(field.second) == trimmed(value);
      });
      if (!was_said) return &name;
    }
    return nullptr;
  }
  static void judgeHttp2Fields(const Fields& fields) {
    static constexpr std::array<std::string_view, 6> kOfConnection = {
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"};
    for (const auto& [name, value] : fields) {
      if (!strict::isToken(name) || name != lowered(name)) complain("a name in HTTP/2", name);
      if (std::ranges::find(kOfConnection, name) != kOfConnection.end()) complain("of a connection", name);
      if (name == "te" && value != "trailers") complain("te", value);
      if (value != trimmed(value)) complain("blanks", value);
      for (const char c : value) {
        if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f) complain("a value in HTTP/2", value);
      }
    }
  }

  // --- requests ---
  void judgeRequest(const Request& heard) {
    ++requests_;
    if (valuesOf(heard.fields, "host").size() != 1) complain("not one host", heard.target);
    const std::string length = valueOf(heard.fields, "content-length");
    if (heard.is_complete && !length.empty() && length != std::to_string(heard.body.size())) complain("length", length);
    if (!talks_.calls.empty()) {
      const Call* const call = callOf(heard);
      if (!call) complain("nobody sent this", heard.target);
      if (const char* const difference = differenceOf(heard, call->said)) complain(difference, heard.target);
      return;
    }
    const char* difference = "nobody sent this";
    for (const std::vector<Request>& requests : sent_) {
      for (const Request& said : requests) {
        const char* const here = differenceOf(heard, said);
        if (!here) return;
        if (said.target == heard.target) difference = here;
      }
    }
    complain(difference, heard.target);
  }
  const Call* callOf(const Request& heard) const {
    const std::vector<std::string> tags = valuesOf(heard.fields, "x-tag");
    if (tags.size() != 1) return nullptr;
    const size_t number = std::strtoull(tags[0].c_str(), nullptr, 10);
    return number < talks_.calls.size() ? &talks_.calls[number] : nullptr;
  }
  // Null when `heard` is what was said, or its beginning.
  static const char* differenceOf(const Request& heard, const Request& said) {
    static constexpr std::array<std::string_view, 11> kOwn = {"host",
                                                              "content-length",
                                                              "transfer-encoding",
                                                              "x-forwarded-for",
                                                              "x-forwarded-proto",
                                                              "x-forwarded-host",
                                                              "x-request-id",
                                                              "traceparent",
                                                              "grpc-timeout",
                                                              "cookie",
                                                              "te"};
    if (heard.method != said.method) return "another method";
    if (!isTargetOf(heard.target, said.target)) return "another target";
    if (foreign(heard.fields, said.fields, kOwn)) return "a field that was not sent";
    if (foreign(heard.trailers, said.trailers, {})) return "a trailer that was not sent";
    if (!said.body.starts_with(heard.body)) return "another body";
    // Over HTTP/1 a length ends the body, whatever becomes of the client's stream.
    const bool is_counted =
        heard.has_length && has(said.fields, "content-length") &&
        std::strtoull(valueOf(said.fields, "content-length").c_str(), nullptr, 10) == heard.body.size();
    const bool is_whole = said.is_complete && said.body == heard.body;
    if (heard.is_complete && !is_whole && !is_counted) return "the body of a cut request";
    const std::vector<std::string> hosts = valuesOf(said.fields, "host");
    const bool names_host = hosts.size() == 1 && !hosts[0].empty() && said.target.starts_with('/');
    if (names_host && valueOf(heard.fields, "host") != trimmed(hosts[0])) return "another host";
    return nullptr;
  }
  // Paths with dots, escapes and the like are written anew: of those only the query is compared.
  static bool isTargetOf(std::string_view heard, std::string_view said) {
    const size_t scheme = said.find("://");
    if (!said.starts_with('/') && scheme != std::string_view::npos) {
      said.remove_prefix(std::min(said.size(), said.find_first_of("/?", scheme + 3)));
    }
    const std::string_view path = said.substr(0, said.find('?'));
    const bool is_plain = path.starts_with('/') && path.find_first_of("%\\") == std::string_view::npos &&
                          path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos;
    if (is_plain) return heard == said;
    const std::string_view query = said.substr(path.size());
    return path.empty() || path == "*" || heard.ends_with(query);
  }

  // --- answers ---
  static bool hasNoBody(const Request& request, int status) {
    return request.method == "HEAD" || status == 204 || status == 304;
  }
  static bool isOwn(const Request& request, int status, const Fields& fields) {
    const bool is_grpc = valueOf(request.fields, "content-type").starts_with("application/grpc");
    return valueOf(fields, "proxy-status").starts_with("remora; error=") &&
           (status >= 400 || (is_grpc && status == 200));
  }
  // Null when `heard` is what was said in answer to `request`, or its beginning. An answer over HTTP/2 has a mark among
  // its fields.
  static const char* differenceOf(const Answer& heard, const Answer& said, const Request& request) {
    static constexpr std::array<std::string_view, 5> kOwn = {"content-length", "transfer-encoding", "connection",
                                                             "keep-alive", "cookie"};
    if (heard.status != said.status) return "another status";
    if (foreign(heard.fields, said.fields, kOwn)) return "a field that the application did not send";
    if (foreign(heard.trailers, said.trailers, {})) return "a trailer that the application did not send";
    if (hasNoBody(request, heard.status)) return heard.body.empty() ? nullptr : "a body where there is none";
    if (!said.body.starts_with(heard.body)) return "another answer's body";
    if (heard.is_complete && !(said.is_complete && said.body == heard.body)) return "a cut body that ends well";
    return nullptr;
  }

  void judgeCall(const Call& call) {
    const Answer& heard = call.heard;
    judgeHttp2Fields(heard.fields);
    judgeHttp2Fields(heard.trailers);
    const std::string length = valueOf(heard.fields, "content-length");
    const bool has_body = !hasNoBody(call.said, heard.status);
    if (has_body && heard.is_complete && !length.empty() && length != std::to_string(heard.body.size())) {
      complain("an answer's length", length);
    }
    if (call.stream && !call.has_failed && !call.stream->isReceived()) complain("it hangs", call.said.target);
    const std::vector<Answer> possible = answersTo(call);
    for (const int status : heard.interims) {
      const bool was_said = std::ranges::any_of(possible, [&](const Answer& answer) {
        return std::ranges::find(answer.interims, status) != answer.interims.end();
      });
      if (!was_said && !is_unknown_) complain("an interim head that nobody sent", call.said.target);
    }
    if (heard.status == 0) return;
    if (isOwn(call.said, heard.status, heard.fields)) return;
    const char* difference = "an answer that nobody sent";
    for (const Answer& said : possible) {
      difference = differenceOf(heard, said, call.said);
      if (!difference) break;
    }
    if (difference && !is_unknown_) complain(difference, call.said.target + " got:\n" + heard.body);
  }
  // What applications said to this request; is_unknown_: they said something else too.
  std::vector<Answer> answersTo(const Call& call) {
    std::vector<Answer> possible;
    is_unknown_ = false;
    for (const Service& service : talks_.services) {
      if (callOf(service.heard) == &call) possible.push_back(service.said);
    }
    for (size_t i = 0; i < received_.size(); ++i) {
      for (size_t k = 0; k < received_[i].size(); ++k) {
        if (callOf(received_[i][k]) != &call) continue;
        if (k < answers_[i].answers.size()) {
          possible.push_back(answers_[i].answers[k]);
        } else {
          is_unknown_ |= !answers_[i].is_followed;
        }
      }
    }
    return possible;
  }
  void judgeClient(const TextPeer& client, const std::vector<Request>& sent) {
    std::string_view bytes = client.heard;
    size_t finals = 0;
    while (!bytes.empty()) {
      strict::Message message;
      const Request request = finals < sent.size() ? sent[finals] : Request{.method = "GET"};
      const strict::Verdict verdict = strict::readResponse(bytes, request.method, message);
      if (verdict == strict::Verdict::kBroken) complain("the client got this", client.heard);
      if (verdict == strict::Verdict::kNothing) return;
      if (message.status() == 101) complain("a switch that nobody asked for", client.heard);
      if (message.status() < 200) {
        if (request.is_old) complain("an interim head for HTTP/1.0", client.heard);
        continue;
      }
      ++finals;
      if (message.ends_with_close && message.value("connection") != "close") complain("no end", client.heard);
      judgeAnswer(message, request, finals <= sent.size(), client.heard);
      if (message.is_complete) continue;
      if (!bytes.empty()) complain("bytes behind an incomplete response", client.heard);
      return;
    }
    if (finals > sent.size() + 1) complain("more responses than requests", client.heard);
  }
  void judgeAnswer(const strict::Message& message, const Request& request, bool was_sent, std::string_view all) {
    if (isOwn(request, message.status(), message.fields) && !message.count("x-answer")) return;
    const size_t number = std::strtoull(message.value("x-answer").c_str(), nullptr, 10);
    if (message.count("x-answer") != 1 || number >= talks_.services.size()) complain("nobody's answer", all);
    const Service& service = talks_.services[number];
    if (!was_sent) complain("an answer to nothing", all);
    if (differenceOf(service.heard, request)) complain("an answer to another request", all);
    const Answer heard = {.status = message.status(),
                          .fields = message.fields,
                          .body = message.body,
                          .trailers = message.trailers,
                          .is_complete = message.is_complete};
    if (const char* const difference = differenceOf(heard, service.said, request)) complain(difference, all);
  }

  const Talks& talks_;
  std::vector<std::vector<Request>> sent_;      // by client
  std::vector<std::vector<Request>> received_;  // by application's connection
  std::vector<Answers> answers_;                // the same
  bool is_unknown_ = false;
  size_t requests_ = 0;  // received
};

}  // namespace remora::fuzz
