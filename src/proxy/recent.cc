#include "proxy/recent.h"

#include <algorithm>

namespace remora::proxy {

void RecentRing::add(const observe::ExchangeRecord& record) {
  if (entries_.empty()) return;
  RecentExchange& entry = entries_[added_++ % entries_.size()];
  entry.start_wall_nanos = record.start_wall_nanos;
  entry.duration = record.duration;
  entry.upstream = record.upstream;
  entry.bytes_received = record.bytes_received;
  entry.bytes_sent = record.bytes_sent;
  entry.generation = record.generation;
  entry.detail = record.detail;
  entry.status = record.status;
  entry.reason = record.reason;
  entry.attempts = record.attempts;
  entry.inbound = record.inbound;
  entry.reused = record.reused;
  entry.is_tcp = record.http_major == 0;
  entry.method.assign(record.method);
  entry.host.assign(record.host);
  entry.target.assign(record.target);
  entry.remote.assign(record.remote);
  entry.listener.assign(record.listener);
  entry.route.assign(record.route);
  entry.service.assign(record.service);
  entry.endpoint.assign(record.endpoint);
  entry.request_id.assign(record.request_id);
  entry.trace_id.assign(record.trace_id);
  entry.trail = record.trail;
}

std::vector<RecentExchange> RecentRing::copy() const {
  std::vector<RecentExchange> newest_first;
  const uint64_t kept = std::min<uint64_t>(added_, entries_.size());
  for (uint64_t i = 1; i <= kept; ++i) newest_first.push_back(entries_[(added_ - i) % entries_.size()]);
  return newest_first;
}

}  // namespace remora::proxy
