#include "http/message_body.h"

#include <algorithm>
#include <utility>

namespace remora::http {

MessageBody::MessageBody(BodyPlan plan, BodyLimits limits, net::Stream& stream, std::span<char> scratch, Names names,
                         const Headers* trailers)
    : stream_(stream),
      scratch_(scratch),
      names_(names),
      decoder_(plan, limits),
      trailers_(plan.framing == Framing::kStream ? trailers : nullptr),
      is_stream_(plan.framing == Framing::kStream) {}

Result<size_t> MessageBody::begin(std::span<char> first) {
  const Result<BodyDecoder::Step> step = decoder_.decode(first);
  if (!step) return malformed(step.error());
  first_ = first.first(step->payload);
  return step->consumed;
}

Result<Pull> MessageBody::pull(size_t most) {
  const auto stateNow = [this] { return decoder_.isEnded() ? Pull::State::kLast : Pull::State::kMore; };
  if (at_ < first_.size()) {
    const std::span<const char> data = first_.subspan(std::exchange(at_, first_.size()));
    received_ += data.size();
    return Pull{kept_at_ == kept_.size() ? stateNow() : Pull::State::kMore, data};
  }
  if (kept_at_ < kept_.size()) {
    const std::span<const char> data = std::span<const char>(kept_).subspan(std::exchange(kept_at_, kept_.size()));
    received_ += data.size();
    return Pull{stateNow(), data};
  }
  if (decoder_.isEnded()) return Pull{Pull::State::kLast, {}};
  if (!stream_.mayRead()) return Pull{Pull::State::kWait, {}};
  bool at_end = false;
  const std::span<char> into = scratch_.first(std::min(most, scratch_.size()));
  const net::IoResult read = is_stream_ ? readStream(into, at_end) : stream_.read(into);
  if (read.isBlocked()) return Pull{Pull::State::kWait, {}};
  if (read.error == EBADMSG) return fail(names_.trailer);
  if (read.error) return fail(names_.reset, Reached::kYes, read.error);
  if (read.isEnd()) {
    if (!decoder_.endsWithStream()) return fail(names_.closed);
    decoder_.markEnded();
    return Pull{Pull::State::kLast, {}};
  }
  const std::span<char> bytes = scratch_.first(read.bytes);
  const Result<BodyDecoder::Step> step = decoder_.decode(bytes);
  if (at_end) decoder_.markEnded();
  if (!step) return malformed(step.error());
  // Only at the end are there bytes that belong to something else; the payload never overlaps them.
  if (step->consumed < bytes.size()) surplus_.assign(bytes.data() + step->consumed, bytes.size() - step->consumed);
  const std::span<const char> data = bytes.first(step->payload);
  received_ += data.size();
  if (keeps_) {
    if (kept_.size() + data.size() > keep_most_) {
      overflowed_ = true;
      dropReplay();
    } else {
      kept_.append(data.data(), data.size());
      kept_at_ = kept_.size();
    }
  }
  if (data.empty() && !decoder_.isEnded()) return Pull{Pull::State::kWait, {}};  // only framing so far
  return Pull{stateNow(), data};
}

// What an HTTP/2 stream has by now, and its end with the last of it, so that it can be passed on in one frame.
net::IoResult MessageBody::readStream(std::span<char> into, bool& at_end) {
  net::IoResult read = stream_.read(into);
  while (!read.error && read.bytes > 0 && read.bytes < into.size() && stream_.mayRead()) {
    const net::IoResult more = stream_.read(into.subspan(read.bytes));
    at_end = more.isEnd();
    if (at_end || more.error) break;  // an error comes again at the next pull
    read.bytes += more.bytes;
  }
  return read;
}

void MessageBody::keepForReplay(size_t most) {
  if (!overflowed_) keeps_ = true;
  keep_most_ = most;
}

std::optional<std::string> MessageBody::copyOfWhole() const {
  const bool is_all_kept = keeps_ || received_ <= first_.size();
  if (!decoder_.isEnded() || overflowed_ || !is_all_kept) return std::nullopt;
  std::string whole(first_.data(), first_.size());
  return whole + kept_;
}

bool MessageBody::rewind() {
  const bool pulled_more = received_ > first_.size();
  if (pulled_more && (!keeps_ || overflowed_)) return false;
  at_ = kept_at_ = 0;
  received_ = 0;
  return true;
}

void MessageBody::dropReplay() {
  keeps_ = false;
  if (kept_at_ < kept_.size()) return;
  kept_ = {};
  kept_at_ = 0;
}

}  // namespace remora::http
