#include <fmt/format.h>
#include <netdb.h>
#include <sys/stat.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include "cli/commands.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "tls/explain.h"
#include "tls/tls_stream.h"

namespace remora::cli {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

struct Target {
  std::string host;
  std::string port = "443";
};

Target targetOf(const std::string& text) {
  const size_t colon = text.rfind(':');
  const bool is_bare_ipv6 = text.find(':') != colon && !text.starts_with('[');
  if (colon == std::string::npos || is_bare_ipv6) return {.host = text};
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {.host = std::move(host), .port = text.substr(colon + 1)};
}

std::optional<net::Address> resolve(const Target& target, std::string& problem) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found); error != 0) {
    problem = gai_strerror(error);
    return std::nullopt;
  }
  const net::Peer peer = net::peerOf(found->ai_addr);
  freeaddrinfo(found);
  return net::Address::of(peer);
}

int explainFileAt(const std::string& path) {
  const auto text = tls::explainFile(path, std::time(nullptr));
  if (!text) {
    fmt::print(stderr, "remora tls: {}\n", text.error());
    return 1;
  }
  fmt::print("{}", *text);
  return 0;
}

// One handshake, on a loop of its own.
int explainHandshake(const TlsOptions& options, std::shared_ptr<const tls::ClientContext> context) {
  const Target target = targetOf(options.target);
  std::string problem;
  const std::optional<net::Address> address = resolve(target, problem);
  if (!address) {
    fmt::print(stderr, "remora tls: {} has no address: {}\n", target.host, problem);
    return 1;
  }
  loop::SystemClock clock;
  loop::Sys& sys = loop::Sys::real();
  loop::Loop loop(clock, std::make_unique<loop::EpollPoller>(sys));
  loop.readClock();
  net::TcpConnector connector(loop, sys);
  auto transport = connector.connect(*address);
  if (!transport) {
    fmt::print(stderr, "remora tls: {}: {}\n", options.target, rowOf(transport.error().reason).sentence);
    return 1;
  }
  tls::CipherMemory memory;
  tls::TlsStream stream(loop, std::move(*transport), context, target.host, memory, nullptr);
  const Deadline until = Deadline::after(loop.now(), kPatience);
  while (!stream.isSettled() && !until.hasPassed(loop.readClock())) loop.turn(until);
  const int64_t now = std::time(nullptr);
  if (!stream.isSettled()) {
    fmt::print(stderr, "remora tls: {} didn't finish the handshake within 10 s\n", options.target);
    return 1;
  }
  if (const Result<void> outcome = stream.handshakeOutcome(); !outcome) {
    const std::shared_ptr<const tls::PeerIdentity> refused = stream.refusedPeer();
    const std::string& host = options.server_name.empty() ? target.host : options.server_name;
    fmt::print("{}", tls::explainFailure(outcome.error(), refused.get(), context->settings().names, host, now));
    return 1;
  }
  fmt::print("{}", tls::explainFacts(stream.facts(), now));
  return 0;
}

}  // namespace

int explainTls(const TlsOptions& options) {
  struct stat facts{};
  if (stat(options.target.c_str(), &facts) == 0) return explainFileAt(options.target);
  if (options.target.find('/') != std::string::npos) {
    fmt::print(stderr, "remora tls: there is no file '{}'\n", options.target);
    return 1;
  }
  model::TlsClient settings;
  settings.ca = options.ca;
  settings.server_name = options.server_name;
  settings.resumes = false;
  if (!options.certificate.empty()) {
    settings.certificate = model::CertificateFiles{.certificate = options.certificate, .key = options.key};
  }
  auto context = tls::ClientContext::make(settings, {"h2", "http/1.1"});
  if (!context) {
    fmt::print(stderr, "remora tls: {}\n", context.error().text);
    return 1;
  }
  return explainHandshake(options, std::move(*context));
}

}  // namespace remora::cli
