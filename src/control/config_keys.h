// The one table of everything that a configuration file may say: keys, their forms, bounds, defaults and meaning.
// Reading, unknown-key detection, suggestions, the JSON Schema and the reference in docs/configuration.md come from
// it. Constant data; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace remora::control {

struct ObjectSpec;

// One way to write a value.
struct Form {
  enum class Kind : uint8_t {
    kBool,
    kFalse,     // only `false`: switched off
    kInteger,   // within [least, most]
    kDuration,  // milliseconds within [least, most]
    kSize,      // bytes within [least, most]
    kText,
    kScalar,  // text that may look like a number or a boolean: header values
    kWord,    // one of `words`
    kObject,
    kList,  // of `items`
    kMap,   // of names the user chooses to `items`
  };
  Kind kind = Kind::kText;
  uint64_t least = 0;
  uint64_t most = 0;
  std::string_view hint = {};  // "an address such as 10.0.0.1:8080"; of kText, kScalar, and kMap (what the names are)
  std::span<const std::string_view> words = {};
  const ObjectSpec* object = nullptr;
  std::span<const Form> items = {};
};

struct KeySpec {
  std::string_view name;
  std::span<const Form> forms;
  std::string_view fallback;     // the default as YAML; empty: none
  std::string_view description;  // a sentence, without a full stop
};

struct ObjectSpec {
  std::string_view name;  // heading in the reference and name in the schema
  std::string_view description;
  std::span<const KeySpec> keys;
  std::span<const std::string_view> required = {};
  std::span<const std::string_view> exactly_one = {};  // exactly one of these keys

  const KeySpec* find(std::string_view key) const;
};

// Every object, from the outside in; the first is the file itself.
std::span<const ObjectSpec* const> allObjects();

// The number of milliseconds, bytes, or the integer that may be written at most and at least; null when the key has
// no such form.
const Form* findForm(const KeySpec& key, Form::Kind kind);

// "true or false", "a time such as 2s", "one of a, b or c".
std::string expectation(std::span<const Form> forms);

extern const ObjectSpec kFileSpec;
extern const ObjectSpec kInboundSpec;
extern const ObjectSpec kOutboundSpec;
extern const ObjectSpec kTlsServerSpec;
extern const ObjectSpec kCertificateSpec;
extern const ObjectSpec kPeerNamesSpec;
extern const ObjectSpec kHttp2Spec;
extern const ObjectSpec kTcpSpec;
extern const ObjectSpec kTcpMatchSpec;
extern const ObjectSpec kRouteSpec;
extern const ObjectSpec kMatchSpec;
extern const ObjectSpec kPathMatchSpec;
extern const ObjectSpec kValueMatchSpec;
extern const ObjectSpec kDestinationSpec;
extern const ObjectSpec kSplitSpec;
extern const ObjectSpec kRedirectSpec;
extern const ObjectSpec kAnswerSpec;
extern const ObjectSpec kRewriteSpec;
extern const ObjectSpec kHeaderChangesSpec;
extern const ObjectSpec kServiceSpec;
extern const ObjectSpec kEndpointSpec;
extern const ObjectSpec kEndpointsFileSpec;
extern const ObjectSpec kServiceTimeoutsSpec;
extern const ObjectSpec kServiceLimitsSpec;
extern const ObjectSpec kHashKeySpec;
extern const ObjectSpec kStickySpec;
extern const ObjectSpec kFaultSpec;
extern const ObjectSpec kMirrorSpec;
extern const ObjectSpec kHedgeSpec;
extern const ObjectSpec kOutlierSpec;
extern const ObjectSpec kHealthCheckSpec;
extern const ObjectSpec kRetryBudgetSpec;
extern const ObjectSpec kRetrySpec;
extern const ObjectSpec kRateLimitSpec;
extern const ObjectSpec kDescriptorEntrySpec;
extern const ObjectSpec kAdaptiveConcurrencySpec;
extern const ObjectSpec kCircuitBreakerSpec;
extern const ObjectSpec kAdmissionControlSpec;
extern const ObjectSpec kRoutePrioritySpec;
extern const ObjectSpec kPriorityIdentitySpec;
extern const ObjectSpec kLimitServiceSpec;
extern const ObjectSpec kTlsClientSpec;
extern const ObjectSpec kLimitsSpec;
extern const ObjectSpec kTimeoutsSpec;
extern const ObjectSpec kDrainSpec;
extern const ObjectSpec kOverloadSpec;
extern const ObjectSpec kTelemetrySpec;
extern const ObjectSpec kAccessLogSpec;
extern const ObjectSpec kLogSpec;
extern const ObjectSpec kAdminSpec;

}  // namespace remora::control
