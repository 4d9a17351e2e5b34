// A traceparent that is accepted comes back byte for byte (version 00 with known flags), and the next hop accepts what
// it's sent.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "observe/trace_context.h"

using remora::observe::IdSource;
using remora::observe::parseTraceparent;
using remora::observe::TraceContext;
using remora::observe::Traceparent;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const auto context = parseTraceparent(value);
  if (!context) return 0;
  remora::check((context->trace_high | context->trace_low) != 0 && context->span != 0, "ids aren't zero");
  const Traceparent written(*context);
  remora::check(parseTraceparent(written.view()) == context, "what was read is written so that it's read the same");
  remora::check(written.view().substr(3, 50) == value.substr(3, 50), "ids are written as they were");
  if (value.starts_with("00")) remora::check(value.size() == 55, "version 00 is 55 bytes");

  IdSource ids({data[0], data[1], size, 1});
  const TraceContext next = ids.continueTrace(*context);
  remora::check(parseTraceparent(Traceparent(next).view()) == next, "the next hop accepts it");
  return 0;
}
