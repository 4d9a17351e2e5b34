#include "cli/overload_watch.h"

#include <malloc.h>

#include <string>

#include "cli/memory_meter.h"

namespace remora::cli {
namespace {

using proxy::OverloadResource;
using proxy::OverloadStage;

std::string_view consequenceOf(OverloadStage stage) {
  switch (stage) {
    case OverloadStage::kNoKeepAlive:
      return "connections are closed after their answer, and requests are neither mirrored nor hedged";
    case OverloadStage::kRefuseLow:
      return "new requests of low priority are refused with 503";
    case OverloadStage::kRefuse:
      return "new requests are refused with 503";
    case OverloadStage::kStopAccepting:
      return "new connections wait, and new requests are refused with 503";
    case OverloadStage::kNone:
    case OverloadStage::kCount:
      break;
  }
  return "all is served";
}

}  // namespace

OverloadWatch::OverloadWatch(loop::Loop& loop, observe::Log& log, size_t cores)
    : loop_(loop), log_(log), overload_(cores, std::make_unique<SystemMeter>()) {}

void OverloadWatch::start(const std::vector<std::unique_ptr<CoreThread>>& threads) {
  threads_ = &threads;
  onTime();
}

void OverloadWatch::onTime() {
  const Duration rest = overload_.tick(loop_.now());
  tell();
  if (overload_.stage() != OverloadStage::kNone && loop_.now() >= relieve_from_) relieve();
  loop_.arm(*this, rest);
}

void OverloadWatch::tell() {
  const OverloadStage stage = overload_.stage();
  if (stage == told_) return;
  if (stage > told_) {
    log_.warn("overload", "overloaded: {}: {} ({})", overload_.words(), consequenceOf(stage), nameOf(stage));
  } else {
    log_.info("overload", "overload eases: {}: {} ({})", overload_.words(), consequenceOf(stage), nameOf(stage));
  }
  told_ = stage;
}

void OverloadWatch::relieve() {
  relieve_from_ = loop_.now() + kRelieveEvery;
  for (const auto& thread : *threads_) {
    thread->loop().mailbox().post([&core = thread->core()] { core.giveMemoryBack(); });
  }
  // What was freed stays with the allocator, and so in the cgroup's account, until this.
  if (overload_.worst() == OverloadResource::kMemory) ::malloc_trim(0);
}

observe::OverloadFacts OverloadWatch::facts() const {
  observe::OverloadFacts facts{.stage = static_cast<uint8_t>(overload_.stage()), .uses = {}, .sentence = {}};
  for (size_t i = 0; i < static_cast<size_t>(OverloadResource::kCount); ++i) {
    const auto resource = static_cast<OverloadResource>(i);
    const proxy::OverloadUse use = overload_.use(resource);
    if (use.limit) facts.uses.push_back({nameOf(resource), use.pressure()});
  }
  if (overload_.stage() != OverloadStage::kNone) {
    facts.sentence = overload_.words() + ": " + std::string(consequenceOf(overload_.stage()));
  }
  return facts;
}

}  // namespace remora::cli
