// Whatever a DNS server sends as SRV records: what is taken is bounded, sorted, and made of host names with ports.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "net/srv_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto answer = remora::net::parseSrvAnswer({data, size});
  if (!answer) return 0;
  remora::check(!answer->records.empty() && answer->records.size() <= remora::net::kMostSrvRecords, "bounded");
  remora::check(std::ranges::is_sorted(answer->records), "sorted");
  for (const auto& record : answer->records) {
    remora::check(record.port != 0 && !record.target.empty() && record.target.size() < 256, "a host and a port");
    remora::check(record.target.find('\\') == record.target.npos, "nothing that needs an escape");
  }
  remora::check(answer->ttl.count() >= 0, "a time");
  return 0;
}
