#include "snapshot/rule_book.h"

namespace remora::snapshot {

observe::RuleId RuleBook::idOf(const model::Origin& origin) {
  std::string text = describe(origin);
  if (text.empty()) return {};
  const std::lock_guard lock(mutex_);
  if (const auto known = numbers_.find(text); known != numbers_.end()) return {known->second};
  if (texts_.size() >= kMost) return {};
  texts_.push_back(text);
  const auto number = static_cast<uint32_t>(texts_.size());
  numbers_.emplace(std::move(text), number);
  return {number};
}

std::string RuleBook::textOf(observe::RuleId rule) const {
  const std::lock_guard lock(mutex_);
  return rule.number == 0 || rule.number > texts_.size() ? std::string() : texts_[rule.number - 1];
}

}  // namespace remora::snapshot
