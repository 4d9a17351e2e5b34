// What of a request a gRPC rate_limit_service counts by. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/routes.h"
#include "proxy/hash_key.h"

namespace remora::proxy {

// Appends the question for one request. A descriptor of which the request lacks one of the values (an empty one is
// none) is left out. False, and nothing is appended: none is left. A value that is longer than kLongestEntryValue, or
// isn't UTF-8, which the service would refuse together with the whole question, goes as "#" and its SHA-256.
bool writeDescriptorQuestion(std::string& out, std::string_view domain,
                             const std::vector<model::Descriptor>& descriptors, const Keyed& keyed);

}  // namespace remora::proxy
