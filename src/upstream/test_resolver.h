// For tests: a resolver that is the test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "net/dns.h"

namespace remora::upstream {

// Keeps each question until the test answers it.
class ScriptedResolver final : public net::Resolver {
 public:
  size_t open(const std::string& name) const {
    return static_cast<size_t>(std::count_if(open_.begin(), open_.end(), [&](auto* w) { return w->name() == name; }));
  }
  size_t open() const { return open_.size(); }
  void answer(const std::string& name, std::vector<const char*> addresses, std::chrono::seconds ttl) {
    net::DnsAnswer answer{.addresses = {}, .ttl = ttl};
    for (const char* text : addresses) answer.addresses.push_back(*net::parsePeer(text));
    settle(name, std::move(answer));
  }
  void answerServices(const std::string& name, std::vector<net::SrvRecord> records, std::chrono::seconds ttl) {
    settle(name, net::DnsAnswer{.addresses = {}, .ttl = ttl, .services = std::move(records)});
  }
  void fail(const std::string& name, const char* sentence) { settle(name, std::unexpected(std::string(sentence))); }

  size_t asked = 0;

 private:
  void ask(net::DnsWait& wait) override {
    ++asked;
    open_.push_back(&wait);
  }
  void withdraw(net::DnsWait& wait) override { std::erase(open_, &wait); }
  void settle(const std::string& name, net::DnsOutcome outcome) {
    const auto wait = std::find_if(open_.begin(), open_.end(), [&](auto* w) { return w->name() == name; });
    ASSERT_NE(wait, open_.end()) << name << " isn't asked for";
    net::DnsWait& found = **wait;
    open_.erase(wait);
    found.settle(std::move(outcome));
  }
  std::vector<net::DnsWait*> open_;
};

}  // namespace remora::upstream
