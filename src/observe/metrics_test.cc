#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "observe/metrics_render.h"

namespace remora::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr SeriesLabels kShop = {Direction::kInbound, "in", "shop", "app"};

std::string render(const CoreMetrics& core, const ProcessFacts& facts = {}) {
  const CoreMetrics* const cores[] = {&core};
  return renderPrometheus(cores, facts);
}

TEST(Histogram, FindsTheBucketThatPrometheusMeans) {
  EXPECT_EQ(Histogram::bucketOf(0), 0U);
  EXPECT_EQ(Histogram::bucketOf(UINT64_MAX), Histogram::kBuckets - 1);
  for (size_t i = 0; i < Histogram::kBoundSeconds.size(); ++i) {
    const auto bound = static_cast<uint64_t>(Histogram::kBoundSeconds[i] * 1e9 + 0.5);
    EXPECT_EQ(Histogram::bucketOf(bound), i) << "le includes the bound";
    EXPECT_EQ(Histogram::bucketOf(bound + 1), i + 1);
    EXPECT_EQ(Histogram::bucketOf(bound - 1), i);
  }
}

TEST(Histogram, AgreesWithAPlainSearch) {
  for (uint64_t nanos = 1; nanos < 200'000'000'000; nanos += nanos / 50 + 1) {
    size_t expected = 0;
    while (expected < Histogram::kBoundSeconds.size() &&
           static_cast<double>(nanos) > Histogram::kBoundSeconds[expected] * 1e9) {
      ++expected;
    }
    ASSERT_EQ(Histogram::bucketOf(nanos), expected) << nanos;
  }
}

TEST(RequestMetrics, TheSameLabelsAreTheSameSeries) {
  RequestMetrics metrics;
  RequestSeries* series = metrics.seriesFor(kShop);
  EXPECT_EQ(metrics.seriesFor({Direction::kInbound, std::string("in"), std::string("shop"), "app"}), series);
  EXPECT_NE(metrics.seriesFor({Direction::kOutbound, "in", "shop", "app"}), series);
  EXPECT_NE(metrics.seriesFor({Direction::kInbound, "ins", "hop", "app"}), series);
  EXPECT_EQ(metrics.size(), 3U);
}

TEST(RequestMetrics, HoldsABoundedNumberOfSeries) {
  RequestMetrics metrics(2);
  RequestSeries* first = metrics.seriesFor({Direction::kInbound, "in", "a", "a"});
  metrics.seriesFor({Direction::kInbound, "in", "b", "b"});
  RequestSeries* other = metrics.seriesFor({Direction::kInbound, "in", "c", "c"});
  EXPECT_EQ(other->labels().route, "other");
  EXPECT_EQ(metrics.seriesFor({Direction::kInbound, "in", "d", "d"}), other);
  EXPECT_NE(metrics.seriesFor({Direction::kOutbound, "out", "d", "d"}), other);
  EXPECT_EQ(metrics.seriesFor({Direction::kInbound, "in", "a", "a"}), first);
  EXPECT_EQ(metrics.size(), 4U);
  EXPECT_EQ(metrics.overflow(), 3U);
}

TEST(RequestMetrics, RecordsRequests) {
  CoreMetrics core;
  RequestSeries* series = core.requests.seriesFor(kShop);
  series->record(200, Reason::kOk, Duration(400'000), Duration(300'000), 10, 20);
  series->record(204, Reason::kOk, Duration(2'000'000), Duration(1'000'001), 0, 5);
  series->record(502, Reason::kUpstreamClosed, Duration(70'000'000'000), Duration(0), 1, 2);
  series->record(0, Reason::kClientGone, Duration(1), Duration(0), 0, 0);
  series->record(999, Reason::kOk, Duration(1), Duration(0), 0, 0);
  const std::string text = render(core);
  const auto line = [](std::string_view name, std::string_view more, std::string_view value) {
    return std::string(name) + "{direction=\"inbound\",listener=\"in\",route=\"shop\",service=\"app\"" +
           std::string(more) + "} " + std::string(value) + "\n";
  };
  EXPECT_THAT(text, HasSubstr(line("remora_requests_total", R"(,status_class="2xx",reason="ok")", "2")));
  EXPECT_THAT(text, HasSubstr(line("remora_requests_total", R"(,status_class="5xx",reason="upstream_closed")", "1")));
  EXPECT_THAT(text, HasSubstr(line("remora_requests_total", R"(,status_class="0",reason="client_gone")", "1")));
  EXPECT_THAT(text, HasSubstr(line("remora_requests_total", R"(,status_class="0",reason="ok")", "1")));
  EXPECT_THAT(text, Not(HasSubstr("status_class=\"4xx\"")));
  EXPECT_THAT(text, HasSubstr(line("remora_request_body_bytes_total", "", "11")));
  EXPECT_THAT(text, HasSubstr(line("remora_response_body_bytes_total", "", "27")));

  const std::string labels = R"({direction="inbound",route="shop",service="app")";
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_bucket" + labels + ",le=\"0.0005\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_bucket" + labels + ",le=\"0.0025\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_bucket" + labels + ",le=\"60\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_bucket" + labels + ",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_count" + labels + "} 5\n"));
  EXPECT_THAT(text, HasSubstr("remora_request_duration_seconds_sum" + labels + "} 70.0024"));
  EXPECT_THAT(text, HasSubstr("remora_upstream_duration_seconds_bucket" + labels + ",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("remora_upstream_duration_seconds_count" + labels + "} 2\n"));
}

TEST(Metrics, TellHowFilesOfEndpointsAre) {
  ProcessFacts facts;
  facts.endpoint_files = {{"/a.yaml", true, 0}, {"/\"b.yaml", false, 3}};
  const std::string text = renderPrometheus({}, facts);
  EXPECT_THAT(text, HasSubstr("\nremora_endpoint_file_good{file=\"/a.yaml\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nremora_endpoint_file_good{file=\"/\\\"b.yaml\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nremora_endpoint_file_failures_total{file=\"/\\\"b.yaml\"} 3\n"));
}

TEST(Metrics, SumsOverCores) {
  CoreMetrics one, two;
  one.downstream_accepted.add(3);
  two.downstream_accepted.add(4);
  one.downstream_active.add(5);
  two.downstream_active.sub(2);  // a connection that moved is counted down where it ends
  one.requests.seriesFor(kShop)->record(200, Reason::kOk, Duration(1), Duration(1), 1, 1);
  two.requests.seriesFor(kShop)->record(200, Reason::kOk, Duration(1), Duration(1), 1, 1);
  const CoreMetrics* const cores[] = {&one, &two};
  const std::string text = renderPrometheus(cores, {.version = "1.2\"3", .reload_failures = 7});
  EXPECT_THAT(text, HasSubstr("\nremora_downstream_connections_accepted_total 7\n"));
  EXPECT_THAT(text, HasSubstr("\nremora_downstream_connections_active 3\n"));
  EXPECT_THAT(text, HasSubstr("status_class=\"2xx\",reason=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nremora_build_info{version=\"1.2\\\"3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nremora_reload_failures_total 7\n"));
  EXPECT_THAT(text, Not(HasSubstr("remora_endpoint_file")));
  EXPECT_THAT(text, HasSubstr("\nremora_metric_series 2\n"));
}

TEST(Metrics, TellConnectionsOfTcpFromRequests) {
  CoreMetrics one;
  CoreMetrics two;
  for (CoreMetrics* core : {&one, &two}) {
    RequestSeries* const series = core->tcp.seriesFor({Direction::kOutbound, "pg", "", "db"});
    series->record(0, Reason::kOk, Milliseconds(5), Duration(0), 10, 20);
  }
  two.tcp.seriesFor({Direction::kOutbound, "pg", "", "db"})->record(0, Reason::kTcpIdle, {}, {}, 1, 2);
  const CoreMetrics* const cores[] = {&one, &two};
  const std::string text = renderPrometheus(cores, {});
  const std::string labels = R"({direction="outbound",listener="pg",service="db")";
  EXPECT_THAT(text, HasSubstr("remora_tcp_connections_total" + labels + ",reason=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("remora_tcp_connections_total" + labels + ",reason=\"tcp_idle\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("remora_tcp_received_bytes_total" + labels + "} 21\n"));
  EXPECT_THAT(text, HasSubstr("remora_tcp_sent_bytes_total" + labels + "} 42\n"));
  EXPECT_THAT(text, HasSubstr("remora_metric_series 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("remora_requests_total{")));
}

TEST(Metrics, OfHealthChecksAreThereWhereSomethingIsChecked) {
  const CoreMetrics core;
  EXPECT_THAT(render(core), testing::Not(HasSubstr("health")));
  ProcessFacts facts;
  facts.health_checks = {{.service = "shop", .passed = 7, .failed = 3, .healthy = 1, .endpoints = 2}};
  const std::string text = render(core, facts);
  EXPECT_THAT(text, HasSubstr("remora_health_checks_total{service=\"shop\",result=\"passed\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("remora_health_checks_total{service=\"shop\",result=\"failed\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("remora_healthy_endpoints{service=\"shop\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("remora_checked_endpoints{service=\"shop\"} 2\n"));
}

TEST(Metrics, TellWhatServicesWithALimitAllow) {
  const CoreMetrics core;
  EXPECT_THAT(render(core), testing::Not(HasSubstr("# TYPE remora_service_requests")));
  ProcessFacts facts;
  facts.request_limits = {{.service = "shop", .limit = 40, .active = 12, .waiting = 3},
                          {.service = "a\"b", .limit = 8}};
  const std::string text = render(core, facts);
  EXPECT_THAT(text, HasSubstr("# TYPE remora_service_requests_limit gauge\n"
                              "remora_service_requests_limit{service=\"shop\"} 40\n"
                              "remora_service_requests_limit{service=\"a\\\"b\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("remora_service_requests_active{service=\"shop\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("remora_service_requests_waiting{service=\"shop\"} 3\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("remora_service_connections")));
  facts.connection_limits = {{.service = "shop", .limit = 6, .active = 5, .waiting = 1}};
  const std::string with_connections = render(core, facts);
  EXPECT_THAT(with_connections, HasSubstr("remora_service_connections_limit{service=\"shop\"} 6\n"));
  EXPECT_THAT(with_connections, HasSubstr("remora_service_connections_active{service=\"shop\"} 5\n"));
  EXPECT_THAT(with_connections, HasSubstr("remora_service_connections_waiting{service=\"shop\"} 1\n"));
}

TEST(Metrics, EscapesLabels) {
  CoreMetrics core;
  core.requests.seriesFor({Direction::kOutbound, "a\\b", "c\"d", "e\nf"});
  EXPECT_THAT(render(core), HasSubstr(R"(direction="outbound",listener="a\\b",route="c\"d",service="e\nf")"));
}

TEST(Metrics, ShowTheUsualSeriesBeforeItsFirstRequest) {
  CoreMetrics core;
  core.requests.seriesFor(kShop);
  EXPECT_THAT(render(core), HasSubstr("service=\"app\",status_class=\"2xx\",reason=\"ok\"} 0\n"));
}

TEST(Metrics, EveryMetricHasHelpTypeAndOneBlock) {
  CoreMetrics core;
  core.requests.seriesFor(kShop)->record(200, Reason::kOk, Duration(1), Duration(1), 1, 1);
  std::istringstream text(render(core));
  const std::regex sample(R"(([a-z0-9_]+)(\{[^}]*\})? [-0-9.e+]+)");
  std::string line, current;
  std::set<std::string> seen;
  while (std::getline(text, line)) {
    if (line.starts_with("# HELP ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(seen.insert(current).second) << current;
    } else if (!line.starts_with("# TYPE " + current + " ")) {
      std::smatch match;
      ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
      EXPECT_TRUE(match[1].str().starts_with(current)) << line;
    }
  }
}

TEST(Metrics, PromtoolHasNothingToSay) {
  if (!std::filesystem::exists("/usr/bin/promtool")) GTEST_SKIP() << "promtool isn't installed";
  CoreMetrics core;
  core.requests.seriesFor(kShop)->record(503, Reason::kNoEndpoint, Duration(123'456'789), Duration(98'765), 1, 1);
  core.requests.seriesFor({Direction::kOutbound, "a\\b", "c\"d{}", "e\nf \xc3\xbc"});
  core.requests.seriesFor({Direction::kOutbound, "", "", ""});
  const std::string text = render(core, {.version = "0.1.0", .cpu_seconds = 1.5e-7, .resident_bytes = 8'000'000});
  FILE* promtool = popen("/usr/bin/promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  EXPECT_EQ(fwrite(text.data(), 1, text.size(), promtool), text.size());
  EXPECT_EQ(pclose(promtool), 0);
}

TEST(ThreadsMetrics, MayBeReadWhileTheyAreWritten) {
  CoreMetrics core(200);
  std::atomic<bool> done = false;
  std::jthread writer([&core, &done] {
    for (int i = 0; i < 300; ++i) {
      const std::string route = "route" + std::to_string(i);
      RequestSeries* series = core.requests.seriesFor({Direction::kInbound, "in", route, "app"});
      for (int j = 0; j < 50; ++j) {
        const Reason reason = j % 7 == 0 ? Reason::kNoEndpoint : Reason::kOk;
        series->record(200, reason, Duration(j * 1'000'000), Duration(j), 1, 1);
        core.downstream_accepted.add();
      }
    }
    done = true;
  });
  size_t rounds = 0;
  while (!done || rounds == 0) {
    EXPECT_THAT(render(core), HasSubstr("remora_build_info"));
    ++rounds;
  }
  writer.join();
  EXPECT_THAT(render(core), HasSubstr("\nremora_downstream_connections_accepted_total 15000\n"));
  EXPECT_THAT(render(core), HasSubstr("\nremora_metric_series 201\n"));
}

}  // namespace
}  // namespace remora::observe
