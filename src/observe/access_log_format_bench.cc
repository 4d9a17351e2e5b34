// What a request pays for its log line, its ids and its metrics (budget: 250 ns, 30 ns, few ns).
#include "observe/access_log_format.h"

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "observe/metrics.h"
#include "observe/trace_context.h"

namespace remora::observe {
namespace {

ExchangeRecord sample() {
  ExchangeRecord record;
  record.start_wall_nanos = 1'795'491'734'120'000'000;
  record.listener = "inbound-8443";
  record.remote = "10.0.0.7:41822";
  record.method = "GET";
  record.host = "shop.example.org";
  record.target = "/v2/orders/1234567?expand=lines&limit=20";
  record.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
  record.request_id = "0a2b3c4d-5e6f-4a1b-8c9d-0123456789ab";
  record.trace_id = "0af7651916cd43dd8448eb211c80319c";
  record.route = "orders";
  record.service = "orders-v2";
  record.endpoint = "127.0.0.1:3000";
  record.attempts = 1;
  record.status = 200;
  record.bytes_sent = 16'384;
  record.duration = Duration(345'678);
  record.upstream = Duration(298'765);
  record.trail.add(Outcome::kReceived, {}, 0, 0);
  record.trail.add(Outcome::kRouteMatched, {12}, 3, 5);
  record.trail.add(Outcome::kReused, {}, 1, 9);
  record.trail.add(Outcome::kCompleted, {}, 200, 345);
  return record;
}

void writeLines(benchmark::State& state, const AccessLogFormat& format) {
  ExchangeRecord record = sample();
  std::vector<char> out(format.maxLine());
  size_t bytes = 0;
  for (auto _ : state) {
    record.start_wall_nanos += 1'000'000;
    bytes += format.write(record, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void jsonDefault(benchmark::State& state) {
  writeLines(state, AccessLogFormat::json({}).value());
}
BENCHMARK(jsonDefault);

void jsonAllFields(benchmark::State& state) {
  const std::vector<std::string> all(accessLogFieldNames().begin(), accessLogFieldNames().end());
  writeLines(state, AccessLogFormat::json(all).value());
}
BENCHMARK(jsonAllFields);

void textCombined(benchmark::State& state) {
  writeLines(state, AccessLogFormat::text(R"(%{remote} [%{time}] "%{method} %{target}" %{status} %{bytes_sent} )"
                                          R"("%{referer}" "%{user_agent}" %{duration_us})")
                        .value());
}
BENCHMARK(textCombined);

void timestamp(benchmark::State& state) {
  std::array<char, kTimestampLength> out;
  int64_t nanos = 1'795'491'734'120'000'000;
  for (auto _ : state) {
    LineWriter(out.data()).timestamp(nanos += 1'000'000);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(timestamp);

void requestId(benchmark::State& state) {
  IdSource ids({1, 2, 3, 4});
  for (auto _ : state) benchmark::DoNotOptimize(ids.newRequestId());
}
BENCHMARK(requestId);

void continueTrace(benchmark::State& state) {
  IdSource ids({1, 2, 3, 4});
  const Traceparent received(ids.newTrace());
  Traceparent sent;
  for (auto _ : state) {
    sent.assign(ids.continueTrace(*parseTraceparent(received.view())));
    benchmark::DoNotOptimize(sent);
  }
}
BENCHMARK(continueTrace);

void recordRequest(benchmark::State& state) {
  RequestMetrics metrics;
  RequestSeries* series = metrics.seriesFor({Direction::kInbound, "in", "orders", "app"});
  int64_t nanos = 1;
  for (auto _ : state) {
    nanos = nanos * 7 % 1'000'000'007;
    series->record(200, Reason::kOk, Duration(nanos), Duration(nanos / 2 + 1), 0, 1000);
  }
  benchmark::DoNotOptimize(series->bytesOut());
}
BENCHMARK(recordRequest);

}  // namespace
}  // namespace remora::observe
