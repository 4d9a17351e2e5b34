// /recent: the last exchanges of all cores, merged by time, the newest first, with their decisions in words. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "admin/page.h"
#include "proxy/recent.h"
#include "snapshot/rule_book.h"

namespace remora::admin {

struct RecentEntry {
  size_t core = 0;
  proxy::RecentExchange exchange;
};

// What is asked for; an empty text or no value lets everything through.
struct RecentFilter {
  size_t most = 20;
  uint16_t status_from = 0;
  uint16_t status_to = 999;
  std::optional<Reason> reason;
  std::string route;
  std::string service;
  std::string request_id;  // or the trace's

  bool lets(const proxy::RecentExchange& exchange) const;
};

// The error is a sentence: which parameter can't be understood, and what it may be.
std::expected<RecentFilter, std::string> recentFilterOf(const PageRequest& request);

std::vector<RecentEntry> mergeRecent(const std::vector<std::optional<std::vector<proxy::RecentExchange>>>& cores,
                                     const RecentFilter& filter);

// `silent` names cores that didn't answer; empty: all did.
std::string printRecentText(const std::vector<RecentEntry>& entries, const snapshot::RuleBook& rules,
                            const std::string& silent);
std::string printRecentJson(const std::vector<RecentEntry>& entries, const snapshot::RuleBook& rules,
                            const std::string& silent);

}  // namespace remora::admin
