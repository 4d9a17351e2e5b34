// Facts of all cores, by mailbox: each core copies its own on its own loop and posts them back. A core that doesn't
// answer in time is left out and can be named. The state is shared with the messages under way, so that an answer which
// comes after the asker was destroyed finds nobody and is dropped. Belongs to the admin thread, whose loop must outlive
// the cores' loops.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/process.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace remora::admin {

// Longer than any turn of a healthy core; short enough for whoever waits for the page.
inline constexpr Duration kCoresAnswerWithin = std::chrono::seconds(1);

class GatherWait;

// Read and written on the admin thread only; messages merely carry it.
struct GatherCount {
  size_t missing = 0;
  GatherWait* waiter = nullptr;
};

// Until nothing is missing, or for kCoresAnswerWithin. Never fails.
class GatherWait final : public loop::Wait, private loop::Timer {
 public:
  GatherWait(loop::Loop& loop, GatherCount& count) : loop_(loop), count_(count) {
    if (count.missing == 0) {
      finishNow({});
      return;
    }
    count.waiter = this;
    loop.arm(*this, kCoresAnswerWithin);
  }
  ~GatherWait() { count_.waiter = nullptr; }
  void noteAnswer() {
    if (--count_.missing == 0) finish(loop_.queue(), {});
  }

 private:
  void onTime() override { finish(loop_.queue(), {}); }
  loop::Loop& loop_;
  GatherCount& count_;
};

// By the cores' position; nothing where a core didn't answer.
template <class Facts>
using Gathered = std::vector<std::optional<Facts>>;

template <class Facts>
struct GatherState : GatherCount {
  Gathered<Facts> answers;

  void accept(size_t core, Facts facts) {
    if (!waiter) return;
    answers[core] = std::move(facts);
    waiter->noteAnswer();
  }
};

// `copy` runs on each core's loop. `admin` is the loop of the caller.
template <class Facts>
loop::Task<Gathered<Facts>> gather(loop::Loop& admin, std::vector<CoreHandle> cores, Facts (*copy)(proxy::Core&)) {
  const auto state = std::make_shared<GatherState<Facts>>();
  state->missing = cores.size();
  state->answers.resize(cores.size());
  loop::Loop* const home = &admin;
  for (size_t i = 0; i < cores.size(); ++i) {
    proxy::Core* const core = cores[i].core;
    cores[i].loop->mailbox().post([state, home, core, copy, i] {
      home->mailbox().post([state, i, facts = copy(*core)]() mutable { state->accept(i, std::move(facts)); });
    });
  }
  co_await GatherWait(admin, *state);
  co_return std::move(state->answers);
}

// "core 1 didn't answer within 1s, so its part is missing"; empty when all did.
template <class Facts>
std::string describeSilent(const Gathered<Facts>& answers) {
  std::string names;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) names += (names.empty() ? "core " : ", core ") + std::to_string(i);
  }
  return names.empty() ? names : names + " didn't answer within 1s, so its part is missing";
}

}  // namespace remora::admin
