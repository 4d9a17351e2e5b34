// A second, slow and simple reader of HTTP/1.1, to judge what remora sends: it shares no code with src/http, and takes
// nothing but what RFC 9112 asks a sender to send. Pure.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strict {

struct Message {
  std::string start;  // its first line
  std::string body;
  bool is_complete = false;  // head and body
  bool ends_with_close = false;
  std::vector<std::pair<std::string, std::string>> fields;    // names in lower case
  std::vector<std::pair<std::string, std::string>> trailers;  // the same, behind a chunked body

  std::string method() const { return start.substr(0, start.find(' ')); }
  int status() const { return start.size() < 12 ? 0 : std::atoi(start.substr(9, 3).c_str()); }
  size_t count(std::string_view name) const {
    size_t found = 0;
    for (const auto& field : fields) found += field.first == name;
    return found;
  }
  std::string value(std::string_view name) const {
    for (const auto& field : fields) {
      if (field.first == name) return field.second;
    }
    return {};
  }
};

enum class Verdict { kMessage, kNothing, kBroken };  // kNothing: not even a whole head is there

inline bool isToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  if (text.empty()) return false;
  for (const char c : text) {
    const bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_word && kOthers.find(c) == std::string_view::npos) return false;
  }
  return true;
}

// Reads the fields up to the empty line and cuts them off the front of `bytes`.
inline Verdict readFields(std::string_view& bytes, Message& message) {
  for (;;) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return Verdict::kNothing;
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (line.empty()) return Verdict::kMessage;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return Verdict::kBroken;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    for (const char c : value) {
      if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f) return Verdict::kBroken;
    }
    message.fields.emplace_back(std::move(name), std::string(value));
  }
}

// False: broken. An incomplete body takes all there is and leaves is_complete false.
inline bool readChunks(std::string_view& bytes, Message& message, bool may_extend) {
  for (;;) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) {
      bytes = {};
      return true;
    }
    std::string_view digits = bytes.substr(0, end);
    if (may_extend) digits = digits.substr(0, digits.find(';'));
    if (digits.empty() || digits.size() > 15) return false;
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return false;
    const uint64_t size = std::strtoull(std::string(digits).c_str(), nullptr, 16);
    bytes.remove_prefix(end + 2);
    if (size == 0) break;
    message.body += bytes.substr(0, size);
    if (bytes.size() < size + 2) {
      bytes = {};
      return true;
    }
    if (bytes.substr(size, 2) != "\r\n") return false;
    bytes.remove_prefix(size + 2);
  }
  Message trailers;
  const Verdict verdict = readFields(bytes, trailers);
  message.is_complete = verdict == Verdict::kMessage;
  message.trailers = std::move(trailers.fields);
  if (!message.is_complete) bytes = {};
  return verdict != Verdict::kBroken;
}

// The body as its head frames it. `without`: nothing in the head frames it.
enum class Unframed { kNoBody, kUntilClose };
inline bool readBody(std::string_view& bytes, Message& message, Unframed without, bool may_extend) {
  const size_t lengths = message.count("content-length");
  const size_t codings = message.count("transfer-encoding");
  if (lengths + codings > 1) return false;
  if (codings) {
    std::string coding = message.value("transfer-encoding");
    for (char& c : coding) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return coding == "chunked" && readChunks(bytes, message, may_extend);
  }
  if (lengths) {
    const std::string text = message.value("content-length");
    if (text.empty() || text.size() > 19 || text.find_first_not_of("0123456789") != std::string::npos) return false;
    const uint64_t length = std::strtoull(text.c_str(), nullptr, 10);
    message.body = bytes.substr(0, length);
    message.is_complete = message.body.size() == length;
    bytes.remove_prefix(message.body.size());
    return true;
  }
  message.is_complete = without == Unframed::kNoBody;
  if (without == Unframed::kUntilClose) {
    message.ends_with_close = true;
    message.body = bytes;
    bytes = {};
  }
  return true;
}

// kReceived: what a peer may send to a strict reader (an older version, chunk extensions; a client: an empty line
// before).
enum class Rules { kSent, kReceived };

// One request from the front of `bytes`.
inline Verdict readRequest(std::string_view& bytes, Rules rules, Message& message) {
  if (rules == Rules::kReceived && bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  const size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return Verdict::kNothing;
  message.start = bytes.substr(0, end);
  bytes.remove_prefix(end + 2);
  const size_t first = message.start.find(' ');
  const size_t last = message.start.rfind(' ');
  if (first == std::string::npos || first == last || !isToken(message.method())) return Verdict::kBroken;
  const std::string version = message.start.substr(last + 1);
  const bool is_old = version == "HTTP/1.0";
  if (version != "HTTP/1.1" && !(is_old && rules == Rules::kReceived)) return Verdict::kBroken;
  for (const char c : message.start.substr(first + 1, last - first - 1)) {
    if (c <= ' ' || c >= 0x7f || c == '#') return Verdict::kBroken;
  }
  if (last == first + 1) return Verdict::kBroken;
  const Verdict fields = readFields(bytes, message);
  if (fields != Verdict::kMessage) return fields;
  if (message.count("host") > 1 || (message.count("host") == 0 && !is_old)) return Verdict::kBroken;
  if (is_old && message.count("transfer-encoding")) return Verdict::kBroken;
  return readBody(bytes, message, Unframed::kNoBody, rules == Rules::kReceived) ? Verdict::kMessage : Verdict::kBroken;
}

// One response, also an interim one. `to` is the method that it answers.
inline Verdict readResponse(std::string_view& bytes, std::string_view to, Message& message,
                            Rules rules = Rules::kSent) {
  const bool is_received = rules == Rules::kReceived;
  const size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return Verdict::kNothing;
  message.start = bytes.substr(0, end);
  bytes.remove_prefix(end + 2);
  const bool is_old = is_received && message.start.starts_with("HTTP/1.0 ");
  if ((!message.start.starts_with("HTTP/1.1 ") && !is_old) || message.start.size() < 13 || message.start[12] != ' ') {
    return Verdict::kBroken;
  }
  if (message.start.substr(9, 3).find_first_not_of("0123456789") != std::string::npos) return Verdict::kBroken;
  const Verdict fields = readFields(bytes, message);
  if (fields != Verdict::kMessage) return fields;
  const int status = message.status();
  if (status < 100 || status > 599 || (is_old && message.count("transfer-encoding"))) return Verdict::kBroken;
  if (status < 200 || status == 204 || status == 304 || to == "HEAD") {
    message.is_complete = true;
    const bool has_no_length = status < 200 || status == 204;
    const bool frames = message.count("transfer-encoding") || (has_no_length && message.count("content-length"));
    return frames && !is_received ? Verdict::kBroken : Verdict::kMessage;
  }
  return readBody(bytes, message, Unframed::kUntilClose, is_received) ? Verdict::kMessage : Verdict::kBroken;
}

}  // namespace strict
