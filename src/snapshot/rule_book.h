// The texts of rules: a number in a trail -> where it was written. Shared by all generations and only grows, so that
// /recent can read old trails; equal places get equal numbers, so reloading the same file adds nothing. Any thread.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "model/origin.h"
#include "observe/trail.h"

namespace remora::snapshot {

class RuleBook {
 public:
  // Past this, new places get number 0 ("a rule"): a control plane that renames for ever must not fill the memory.
  static constexpr size_t kMost = 200'000;

  observe::RuleId idOf(const model::Origin& origin);
  // "routes[3].match.path in shop.yaml line 41"; empty for 0.
  std::string textOf(observe::RuleId rule) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, uint32_t> numbers_;
  std::deque<std::string> texts_;  // number - 1
};

}  // namespace remora::snapshot
