#include "proxy/byte_relay.h"

#include <utility>

namespace remora::proxy {
namespace {

constexpr Failure kClientFailed{Reason::kClientReset, Reached::kYes, 0};
constexpr Failure kUpstreamFailed{Reason::kUpstreamReset, Reached::kYes, 0};

}  // namespace

ByteRelay::ByteRelay(Parts parts)
    : scratch_(parts.scratch),
      up_{.from = parts.client,
          .to = parts.upstream,
          .writer = http::MessageWriter(parts.upstream, http::Framing::kUntilClose, kUpstreamFailed),
          .writing = {.stall = parts.write_stall, .stalled = Failure{Reason::kUpstreamStalled}},
          .reset = kClientFailed,
          .moved = parts.received},
      down_{.from = parts.upstream,
            .to = parts.client,
            .writer = http::MessageWriter(parts.client, http::Framing::kUntilClose, kClientFailed),
            .writing = {.stall = parts.write_stall, .stalled = Failure{Reason::kClientStalled}},
            .reset = kUpstreamFailed,
            .moved = parts.sent},
      active_at_(parts.client.loop().now()),
      halves_(parts.client.loop()) {
  // The client's side is watched by its connection.
  parts.upstream.setWatcher(this);
}

ByteRelay::~ByteRelay() {
  down_.from.setWatcher(nullptr);
}

loop::Task<void> ByteRelay::run(std::string first_up) {
  up_.from.writeThrough();
  up_.to.writeThrough();
  halves_.start(runHalf(up_, std::move(first_up)));
  halves_.start(runHalf(down_, {}));
  co_await loop::SignalWait(over_);
  halves_.cancel();
  co_return outcome_;
}

loop::Task<void> ByteRelay::runHalf(Half& half, std::string first) {
  const Result<void> outcome = co_await loop::asResult(pump(half, std::move(first)));
  ++ended_;
  if (!outcome && outcome_) outcome_ = outcome;
  if (!outcome || ended_ == 2) over_.raise(half.to.loop().queue());
  co_return loop::done;
}

// One direction, until its end is passed on.
loop::Task<void> ByteRelay::pump(Half& half, std::string first) {
  std::span<const char> data = first;
  for (;;) {
    if (!data.empty()) {
      *half.moved += data.size();
      const bool through = co_await half.writer.push(data, http::End::kMore);
      if (!through) co_await half.writer.drained(half.writing);
      active_at_ = half.to.loop().now();
    }
    co_await net::ReadWait(half.from, Deadline::never(), Failure{Reason::kInternal});
    const net::IoResult read = half.from.read(scratch_);
    if (read.error && !read.isBlocked()) {
      Failure reset = half.reset;
      reset.detail = read.error;
      co_return std::unexpected(reset);
    }
    if (read.isEnd()) break;
    data = scratch_.first(read.bytes);
  }
  half.to.shutdownWrite();
  co_return loop::done;
}

// A reset while that side is neither read, since the other one takes nothing, nor written to.
void ByteRelay::run() {
  if (!down_.from.hasError() || !outcome_) return;
  outcome_ = std::unexpected(kUpstreamFailed);
  over_.raise(up_.from.loop().queue());
}

}  // namespace remora::proxy
