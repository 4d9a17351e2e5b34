// Matching and rewriting run for every request: they must not allocate.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>

#include "http/path.h"
#include "route/rewrite.h"
#include "route/route_table.h"

namespace {
size_t allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return operator new(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace remora::route {
namespace {

using PathKind = model::PathMatch::Kind;
using ValueKind = model::ValueMatch::Kind;

TEST(RouteTable, DoesNotAllocateOnceItIsWarm) {
  model::VirtualHost host{.hosts = {"*.shop"}};
  for (int i = 0; i < 100; ++i) {
    model::Route route{.match = {.path = {PathKind::kPrefix, "/other/" + std::to_string(i)}}};
    route.action = model::Forward{{{"s", 1, {}}}};
    host.routes.push_back(route);
  }
  model::Route wanted{.match = {.path = {PathKind::kTemplate, "/users/{id}/{rest=**}"}, .methods = {"GET"}}};
  wanted.match.headers = {{"x-a-name-that-no-short-string-holds", ValueKind::kRegex, "[a-z]+-[0-9]+"}};
  wanted.match.cookies = {{"plan", ValueKind::kExact, "gold"}};
  wanted.match.query = {{"q", ValueKind::kPresent, ""}};
  wanted.action = model::Forward{{{"one", 1, {}}, {"two", 2, {}}}};
  wanted.rewrite = model::Rewrite{.path = "/v2/{rest}/{id}"};
  host.routes.push_back(wanted);
  auto table = RouteTable::compile({.hosts = {host}}, {});
  ASSERT_TRUE(table);

  http::Headers headers;
  headers.add("X-A-Name-That-No-Short-String-Holds", "canary-17");
  headers.add("Cookie", "a=b; plan=gold");
  constexpr std::string_view kRaw = "/users/a-rather-long-identifier/./%7eorders/17?q=1";
  size_t in_first = 0;
  for (int round = 0; round < 3; ++round) {
    const size_t before = allocations;
    std::array<char, 128> scratch;
    std::array<char, 128> memory;
    const auto normal = http::normalizePath(kRaw.substr(0, kRaw.find('?')), {}, scratch);
    ASSERT_TRUE(normal);
    const RouteInput input{.host = "a-long-name.of-a-host.shop",
                           .path = normal->path,
                           .query = "q=1",
                           .method = "GET",
                           .headers = &headers};
    const RouteChoice choice = (*table)->match(input);
    ASSERT_NE(choice.route, nullptr);
    const auto target = outgoingTarget(choice, model::Direction::kInbound, {normal->path, kRaw}, memory);
    const uint32_t cluster = pickCluster(*choice.route, 5);
    const size_t spent = allocations - before;
    ASSERT_TRUE(target);
    EXPECT_EQ(*target, "/v2/~orders/17/a-rather-long-identifier?q=1");
    EXPECT_EQ(cluster, 1u);
    if (round == 0) in_first = spent;  // the regular expression builds its automaton
    if (round > 0) EXPECT_EQ(spent, 0u) << "the first took " << in_first;
  }
}

}  // namespace
}  // namespace remora::route
