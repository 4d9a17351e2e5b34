#include "observe/access_log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace remora::observe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

ExchangeRecord sample() {
  ExchangeRecord record;
  record.start_wall_nanos = 1'795'491'734'120'000'000;
  record.generation = 3;
  record.listener = "inbound-8443";
  record.remote = "10.0.0.7:41822";
  record.client = "192.0.2.9";
  record.method = "GET";
  record.host = "shop.example";
  record.target = "/a%2Fb?x=1";
  record.path = "/a%2Fb";
  record.user_agent = "curl/8.0 (x)";
  record.request_id = "5f3c";
  record.route = "shop";
  record.service = "app";
  record.endpoint = "127.0.0.1:3000";
  record.attempts = 1;
  record.reused = true;
  record.status = 200;
  record.bytes_received = 5;
  record.bytes_sent = 18'446'744'073'709'551'615U;
  record.duration = Duration(3'456'789);
  record.upstream = Duration(2'000'000);
  record.trail.add(Outcome::kReceived, {}, 0, 0);
  record.trail.add(Outcome::kRouteMatched, {12}, 3, 5);
  return record;
}

std::string write(const AccessLogFormat& format, const ExchangeRecord& record) {
  // Exactly the promised memory, so that the sanitizer sees one byte more.
  const auto memory = std::make_unique<char[]>(format.maxLine());
  const size_t length = format.write(record, {memory.get(), format.maxLine()});
  return {memory.get(), length};
}

std::string writeText(std::string_view text, const ExchangeRecord& record) {
  const auto format = AccessLogFormat::text(text);
  return format ? write(*format, record) : format.error();
}

TEST(AccessLogFormat, WritesTheDefaultFieldsAsJson) {
  EXPECT_EQ(write(AccessLogFormat::json({}).value(), sample()),
            R"({"time":"2026-11-24T03:42:14.123Z","direction":"inbound","listener":"inbound-8443","method":"GET",)"
            R"("host":"shop.example","path":"/a%2Fb?x=1","protocol":"HTTP/1.1","status":200,"reason":"ok",)"
            R"("bytes_received":5,"bytes_sent":18446744073709551615,"duration_us":3456,"upstream_us":2000,)"
            R"("remote":"10.0.0.7:41822","route":"shop","service":"app","endpoint":"127.0.0.1:3000","attempts":1,)"
            R"~("request_id":"5f3c","trace_id":"","user_agent":"curl/8.0 (x)"})~"
            "\n");
}

TEST(AccessLogFormat, WritesEveryFieldByName) {
  const std::vector<std::string> all(accessLogFieldNames().begin(), accessLogFieldNames().end());
  const auto line = nlohmann::json::parse(write(AccessLogFormat::json(all).value(), sample()));
  EXPECT_EQ(line.size(), all.size());
  EXPECT_EQ(line["normalized_path"], "/a%2Fb");
  EXPECT_EQ(line["target"], "/a%2Fb?x=1");
  EXPECT_EQ(line["client"], "192.0.2.9");
  EXPECT_EQ(line["generation"], 3);
  EXPECT_EQ(line["reused"], true);
  EXPECT_EQ(line["upgraded"], false);
  EXPECT_EQ(line["flags"], "-");
  EXPECT_EQ(line["trail"], "received@0,route_matched#12/3@5");
  EXPECT_EQ(line["start"], "2026-11-24T03:42:14.120Z");
}

TEST(AccessLogFormat, KeepsTheOrderOfChosenFields) {
  const std::vector<std::string> fields = {"status", "method"};
  EXPECT_EQ(write(AccessLogFormat::json(fields).value(), sample()), "{\"status\":200,\"method\":\"GET\"}\n");
}

TEST(AccessLogFormat, NamesTheFieldsWhenOneIsUnknown) {
  const std::vector<std::string> unknown = {"status", "verb"};
  EXPECT_THAT(AccessLogFormat::json(unknown).error(), HasSubstr("'verb' isn't a field of the access log; the fields"));
  EXPECT_THAT(AccessLogFormat::json(unknown).error(), HasSubstr("time, direction, listener, method"));
  EXPECT_THAT(AccessLogFormat::text("%{verb}").error(), HasSubstr("'verb' isn't a field"));
  const std::vector<std::string> twice = {"status", "status"};
  EXPECT_THAT(AccessLogFormat::json(twice).error(), HasSubstr("listed twice"));
}

TEST(AccessLogFormat, FillsATemplate) {
  EXPECT_EQ(writeText(R"(%{remote} "%{method} %{target}" %{status} 100%%)", sample()),
            "10.0.0.7:41822 \"GET /a%2Fb?x=1\" 200 100%\n");
  EXPECT_EQ(writeText("", sample()), "\n");
  EXPECT_EQ(writeText("%{trace_id} \"%{referer}\"", sample()), "- \"-\"\n");
}

TEST(AccessLogFormat, TellsOpaqueConnections) {
  ExchangeRecord record = sample();
  record.http_major = record.http_minor = 0;
  EXPECT_EQ(writeText("%{protocol}", record), "TCP\n");
}

TEST(AccessLogFormat, RefusesTemplatesThatCannotBeMeant) {
  EXPECT_THAT(AccessLogFormat::text("100%").error(), HasSubstr("write %% for a percent sign"));
  EXPECT_THAT(AccessLogFormat::text("%{status").error(), HasSubstr("such as %{status}"));
  EXPECT_THAT(AccessLogFormat::text("%{status}\n").error(), HasSubstr("line break"));
  EXPECT_TRUE(AccessLogFormat::text("%{status}\t%{host}"));
}

TEST(AccessLogFormat, ClientsCannotForgeTextLines) {
  ExchangeRecord record = sample();
  record.user_agent = "x\" 500\n10.0.0.1 \"GET / ok";
  EXPECT_EQ(writeText("\"%{user_agent}\" %{status}", record), R"("x\" 500\n10.0.0.1 \"GET / ok" 200)"
                                                              "\n");
  EXPECT_EQ(writeText("%{user_agent} %{status}", record), R"(x\"\u0020500\n10.0.0.1\u0020\"GET\u0020/\u0020ok 200)"
                                                          "\n");
}

TEST(AccessLogFormat, EveryByteComesBackFromJson) {
  const std::vector<std::string> fields = {"user_agent"};
  const AccessLogFormat format = AccessLogFormat::json(fields).value();
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value = std::string("<") + static_cast<char>(byte) + ">";
    ExchangeRecord record;
    record.user_agent = value;
    const std::string line = write(format, record);
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_THAT(line, EndsWith("\n"));
    const std::string back = nlohmann::json::parse(line)["user_agent"];
    // Bytes that aren't UTF-8 come back as the character of the same number.
    const std::string expected = byte < 128 ? value
                                            : std::string("<") + static_cast<char>(0xc0 | byte >> 6) +
                                                  static_cast<char>(0x80 | (byte & 63)) + ">";
    EXPECT_EQ(back, expected) << byte;
  }
}

TEST(AccessLogFormat, CutsLongValuesVisibly) {
  ExchangeRecord record = sample();
  const std::string target(100'000, 'a');
  record.target = target;
  const auto line = nlohmann::json::parse(write(AccessLogFormat::json({}).value(), record));
  EXPECT_EQ(line["path"], std::string(2048, 'a') + "...(+97952)");
}

TEST(AccessLogFormat, ItsLongestLineFitsItsBound) {
  const std::string evil(100'000, '\x01');
  ExchangeRecord record;
  for (auto field :
       {&ExchangeRecord::listener, &ExchangeRecord::remote, &ExchangeRecord::local, &ExchangeRecord::client,
        &ExchangeRecord::method, &ExchangeRecord::scheme, &ExchangeRecord::host, &ExchangeRecord::target,
        &ExchangeRecord::path, &ExchangeRecord::user_agent, &ExchangeRecord::referer, &ExchangeRecord::request_id,
        &ExchangeRecord::trace_id, &ExchangeRecord::span_id, &ExchangeRecord::route, &ExchangeRecord::service,
        &ExchangeRecord::endpoint}) {
    record.*field = evil;
  }
  record.start_wall_nanos = INT64_MAX / 2;
  record.duration = Duration(INT64_MAX / 2);
  record.upstream = Duration(INT64_MIN);
  record.bytes_received = record.bytes_sent = UINT64_MAX;
  record.detail = INT32_MIN;
  record.generation = UINT32_MAX;
  for (int i = 0; i < 20; ++i) record.trail.add(Outcome::kNoRouteMatched, {UINT32_MAX}, UINT16_MAX, UINT32_MAX);
  for (size_t reason = 0; reason < static_cast<size_t>(Reason::kCount); ++reason) {
    record.reason = static_cast<Reason>(reason);
    const std::vector<std::string> all(accessLogFieldNames().begin(), accessLogFieldNames().end());
    EXPECT_TRUE(nlohmann::json::accept(write(AccessLogFormat::json(all).value(), record)));
  }
  EXPECT_LE(AccessLogFormat::json({}).value().maxLine(), 7 * 1024U);
}

TEST(AccessLogFormat, TheDefaultSetSaysMoreWhereThereIsMoreToSay) {
  const AccessLogFormat format = AccessLogFormat::json({}).value();
  ExchangeRecord record = sample();
  EXPECT_FALSE(nlohmann::json::parse(write(format, record)).contains("tls_version"));
  record.tls_version = "TLSv1.3";
  record.grpc_status = "UNAVAILABLE";
  const nlohmann::json line = nlohmann::json::parse(write(format, record));
  EXPECT_EQ(line["tls_version"], "TLSv1.3");
  EXPECT_EQ(line["grpc_status"], "UNAVAILABLE");
  EXPECT_FALSE(line.contains("peer"));
  EXPECT_EQ(line["user_agent"], record.user_agent);
  const std::vector<std::string> named = {"peer", "status"};
  EXPECT_EQ(nlohmann::json::parse(write(AccessLogFormat::json(named).value(), record))["peer"], "");
}

TEST(AccessLogFormat, WritesNothingWhereALineMightNotFit) {
  const AccessLogFormat format = AccessLogFormat::json({}).value();
  std::string memory(format.maxLine() - 1, 'x');
  EXPECT_EQ(format.write(sample(), memory), 0U);
  EXPECT_EQ(memory, std::string(format.maxLine() - 1, 'x'));
}

}  // namespace
}  // namespace remora::observe
