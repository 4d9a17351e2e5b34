// The pages of the admin side: which there are, which methods each takes, and what each answers. Belongs to the admin
// thread; asks cores by mailbox only (gather.h). Reads snapshots and counters, changes nothing but by POST.
#pragma once

#include <span>
#include <string_view>

#include "admin/process.h"
#include "admin/session.h"

namespace remora::admin {

class Pages final : public Answerer {
 public:
  Pages(Process& process, loop::Loop& loop) : process_(process), loop_(loop) {}
  loop::Task<Page> answer(PageRequest request) override;

  struct Row {
    std::string_view path;
    std::string_view methods;   // for Allow
    std::string_view sentence;  // for the list of pages
    loop::Task<Page> (Pages::*handler)(PageRequest);
  };
  static std::span<const Row> rows();

 private:
  loop::Task<Page> index(PageRequest request);
  loop::Task<Page> live(PageRequest request);
  loop::Task<Page> ready(PageRequest request);
  loop::Task<Page> metrics(PageRequest request);
  loop::Task<Page> config(PageRequest request);
  loop::Task<Page> clusters(PageRequest request);
  loop::Task<Page> recent(PageRequest request);
  loop::Task<Page> explain(PageRequest request);
  loop::Task<Page> drain(PageRequest request);
  loop::Task<Page> logLevel(PageRequest request);

  Process& process_;
  loop::Loop& loop_;
};

}  // namespace remora::admin
