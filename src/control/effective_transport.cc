#include "control/effective_transport.h"

#include "control/effective_endpoints.h"
#include "control/units.h"

namespace remora::control {

namespace {

void writeText(YamlWriter& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out.entry(key, yamlQuoted(text));
}

void writeVersions(YamlWriter& out, model::TlsVersion least, model::TlsVersion most) {
  out.entry("min_version", yamlQuoted(wordOf(kTlsServerSpec, "min_version", static_cast<size_t>(least))));
  out.entry("max_version", yamlQuoted(wordOf(kTlsServerSpec, "max_version", static_cast<size_t>(most))));
}

}  // namespace

void writeNames(YamlWriter& out, const model::PeerNames& names) {
  if (!names.sans.empty()) out.entry("sans", flowList(names.sans));
  if (!names.trust_domains.empty()) out.entry("trust_domains", flowList(names.trust_domains));
}

void writeTlsServer(YamlWriter& out, const model::TlsServer& tls) {
  const auto word = [&](std::string_view key, auto value) {
    out.entry(key, wordOf(kTlsServerSpec, key, static_cast<size_t>(value)));
  };
  out.open("tls");
  out.open("certificates");
  for (const model::CertificateFiles& files : tls.certificates) {
    out.item("{ certificate: " + yamlQuoted(files.certificate) + ", key: " + yamlQuoted(files.key) + " }");
  }
  out.close();
  word("client", tls.client);
  writeText(out, "client_ca", tls.client_ca);
  if (!tls.client_names.isEmpty()) {
    out.open("client_names");
    writeNames(out, tls.client_names);
    out.close();
  }
  writeText(out, "crl", tls.crl);
  word("plaintext", tls.plaintext);
  word("unknown_name", tls.unknown_name);
  writeVersions(out, tls.least, tls.most);
  out.flag("tickets", tls.tickets);
  if (tls.tickets) out.entry("ticket_lifetime", durationText(tls.ticket_lifetime));
  out.entry("handshake", durationText(tls.handshake));
  out.close();
}

void writeTlsClient(YamlWriter& out, const std::optional<model::TlsClient>& tls) {
  if (!tls) return out.entry("tls", "false");
  out.open("tls");
  writeText(out, "ca", tls->ca);
  if (tls->certificate) {
    writeText(out, "certificate", tls->certificate->certificate);
    writeText(out, "key", tls->certificate->key);
  }
  writeText(out, "server_name", tls->server_name);
  writeNames(out, tls->names);
  out.flag("verify", tls->verifies);
  writeText(out, "crl", tls->crl);
  writeVersions(out, tls->least, tls->most);
  out.flag("resume", tls->resumes);
  out.close();
}

void writeHttp2(YamlWriter& out, const model::Http2Options& http2) {
  out.open("http2");
  out.number("streams", http2.streams);
  out.entry("stream_window", sizeText(http2.stream_window));
  out.entry("connection_window", sizeText(http2.connection_window));
  out.entry("unsent", sizeText(http2.unsent));
  out.number("resets", http2.resets);
  out.number("control_frames", http2.control_frames);
  out.number("continuations", http2.continuations);
  out.entry("ping", durationText(http2.ping));
  out.entry("ping_timeout", durationText(http2.ping_timeout));
  out.close();
}

void writeTcpChain(YamlWriter& out, const model::Chain& chain) {
  const model::ChainMatch& match = chain.match;
  out.beginItem();
  out.text("name", chain.name);
  if (match != model::ChainMatch()) {
    out.open("match");
    if (!match.server_names.empty()) out.entry("server_names", flowList(match.server_names));
    if (!match.destination_cidrs.empty()) out.entry("destinations", flowList(match.destination_cidrs));
    if (!match.source_cidrs.empty()) out.entry("sources", flowList(match.source_cidrs));
    out.close();
  }
  out.entry("to", destinationYaml({.cluster = chain.tcp->cluster, .origin = {}, .subset = chain.tcp->subset}));
  out.entry("idle", durationText(chain.tcp->idle));
  out.endItem();
}

std::string wordOf(const ObjectSpec& object, std::string_view key, size_t index) {
  return std::string(findForm(*object.find(key), Form::Kind::kWord)->words[index]);
}

}  // namespace remora::control
