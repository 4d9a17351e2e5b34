// The part of the table of keys below HTTP: TLS, HTTP/2's bounds and opaque TCP.
#include "control/config_forms.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr std::string_view kClientWords[] = {"none", "optional", "required"};
constexpr Form kClient[] = {word(kClientWords)};
constexpr std::string_view kPlaintextWords[] = {"refuse", "accept"};
constexpr Form kPlaintext[] = {word(kPlaintextWords)};
constexpr std::string_view kUnknownNameWords[] = {"default", "refuse"};
constexpr Form kUnknownName[] = {word(kUnknownNameWords)};
constexpr std::string_view kVersionWords[] = {"1.2", "1.3"};
constexpr Form kVersion[] = {word(kVersionWords)};
constexpr Form kTicketTime[] = {{Kind::kDuration, 1, 7 * 24 * 3'600'000}};  // RFC 8446 section 4.6.1
constexpr Form kCertificateItem[] = {object(kCertificateSpec)};
constexpr Form kCertificates[] = {listOf(kCertificateItem)};
constexpr Form kPeerNames[] = {object(kPeerNamesSpec)};
constexpr Form kSanItem[] = {text("a name such as spiffe://example.org/web, api.example.com or 10.0.0.1")};
constexpr Form kSans[] = {kSanItem[0], listOf(kSanItem)};
constexpr Form kTrustDomainItem[] = {text("a trust domain such as example.org")};
constexpr Form kTrustDomains[] = {kTrustDomainItem[0], listOf(kTrustDomainItem)};

constexpr KeySpec kCertificateKeys[] = {
    {"certificate", kFile, "", "its chain, PEM, the leaf first"},
    {"key", kFile, "", "its private key, PEM"},
};
constexpr std::string_view kCertificateRequired[] = {"certificate", "key"};

constexpr KeySpec kPeerNamesKeys[] = {
    {"sans", kSans, "", "one must be among its alternative names: a URI, IP address or DNS name"},
    {"trust_domains", kTrustDomains, "", "its SPIFFE ID must be of one of these"},
};

constexpr KeySpec kTlsServerKeys[] = {
    {"certificate", kFile, "", "the chain, PEM, the leaf first"},
    {"key", kFile, "", "its private key, PEM"},
    {"certificates", kCertificates, "", "instead, several; the client's SNI chooses, the first is the default"},
    {"client", kClient, "", "whether clients show a certificate; required with client_ca, else none"},
    {"client_ca", kFile, "", "who may have signed it, PEM"},
    {"client_names", kPeerNames, "", "what it must say besides"},
    {"crl", kFile, "", "revoked certificates, PEM; every issuer needs a list"},
    {"plaintext", kPlaintext, "refuse",
     "accept: plaintext also, told apart by the first byte; for the way into a mesh"},
    {"unknown_name", kUnknownName, "default",
     "an SNI that no certificate is for: the first serves, or the alert refuses"},
    {"min_version", kVersion, "1.2", "oldest version of TLS"},
    {"max_version", kVersion, "1.3", "newest version of TLS"},
    {"tickets", kBool, "true", "sessions may be resumed"},
    {"ticket_lifetime", kTicketTime, "1h", "their keys are replaced as often"},
    {"handshake", kTime, "10s", "from the accept to the handshake's end"},
};

constexpr KeySpec kTlsClientKeys[] = {
    {"ca", kFile, "", "who may have signed the endpoints' certificates, PEM; what the system trusts when absent"},
    {"certificate", kFile, "", "shown when the endpoint asks for one: the chain, PEM, the leaf first"},
    {"key", kFile, "", "its private key, PEM"},
    {"server_name", kHostText, "", "SNI, and the name to verify; the endpoint's host name when absent"},
    {"sans", kSans, "", "verified instead of the name: one must be among the alternative names"},
    {"trust_domains", kTrustDomains, "", "verified instead of the name: the SPIFFE ID must be of one of these"},
    {"verify", kBool, "true", "false: whoever answers is believed; only for trying things out"},
    {"crl", kFile, "", "revoked certificates, PEM; every issuer needs a list"},
    {"min_version", kVersion, "1.2", "oldest version of TLS"},
    {"max_version", kVersion, "1.3", "newest version of TLS"},
    {"resume", kBool, "true", "sessions are resumed"},
};

constexpr Form kStreams[] = {integer(1, 65535)};
constexpr Form kStreamWindow[] = {size(1024, kGiB)};
// It begins with 65,535 bytes and can only grow (RFC 9113 section 6.9.2).
constexpr Form kConnectionWindow[] = {size(64 * 1024, kGiB)};
constexpr Form kUnsent[] = {size(16 * 1024, kGiB)};
constexpr Form kFaults[] = {integer(1, 1'000'000)};
constexpr Form kContinuations[] = {integer(0, 1000)};

constexpr KeySpec kHttp2Keys[] = {
    {"streams", kStreams, "100", "on a connection at once"},
    {"stream_window", kStreamWindow, "256KiB", "unread bytes of a body"},
    {"connection_window", kConnectionWindow, "1MiB", "unread bytes of all bodies of a connection"},
    {"unsent", kUnsent, "256KiB", "frames that the peer doesn't take; then nothing more is read from it"},
    {"resets", kFaults, "100", "streams that the peer resets, or that its faults end, beyond those completed, in 30 s"},
    {"control_frames", kFaults, "1000",
     "SETTINGS, PING, PRIORITY and empty frames beyond those of live streams, in 30 s"},
    {"continuations", kContinuations, "8", "CONTINUATION frames of one head"},
    {"ping", kTimeOrZero, "0s", "after so long without a frame a PING asks; 0: never"},
    {"ping_timeout", kTime, "10s", "without its answer the connection ends"},
};

constexpr Form kServerName[] = {text("a host name or \"*.example.com\"")};
constexpr Form kServerNames[] = {kServerName[0], listOf(kServerName)};
constexpr KeySpec kTcpMatchKeys[] = {
    {"server_names", kServerNames, "", "the name that TLS asks for (SNI): exact, or \"*.suffix\""},
    {"destinations", kSources, "", "networks of the address that the client connected to"},
    {"sources", kSources, "", "networks of the client's address"},
};
constexpr Form kTcpMatch[] = {object(kTcpMatchSpec)};
constexpr KeySpec kTcpKeys[] = {
    {"name", kText, "", "metric label and log field; \"tcp[0]\" when absent"},
    {"match", kTcpMatch, "", "which connections; all when absent"},
    {"to", kDestination, "", "a service, or those of its endpoints with some labels"},
    {"idle", kTimeOrZero, "1h", "without a byte in either direction; 0: no limit"},
};
constexpr std::string_view kTcpRequired[] = {"to"};

}  // namespace

const ObjectSpec kTlsServerSpec{"tls", "TLS of a listener. Needs `certificate` and `key`, or `certificates`.",
                                kTlsServerKeys};
const ObjectSpec kCertificateSpec{"certificate", "One of several certificates.", kCertificateKeys,
                                  kCertificateRequired};
const ObjectSpec kPeerNamesSpec{"client_names", "What a client's certificate must say.", kPeerNamesKeys};
const ObjectSpec kHttp2Spec{"http2", "HTTP/2, and bounds on what the other side controls.", kHttp2Keys};
const ObjectSpec kTcpSpec{"tcp", "Where opaque connections go. The name of a service is enough.", kTcpKeys,
                          kTcpRequired};
const ObjectSpec kTcpMatchSpec{"tcp_match", "What a connection must be. Everything given must hold.", kTcpMatchKeys};
const ObjectSpec kTlsClientSpec{"service_tls", "`tls` of a service. `true` stands for every default.", kTlsClientKeys};

}  // namespace remora::control
