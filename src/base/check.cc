#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace remora {

void stopOnBrokenPromise(const char* promise, std::source_location where) {
  std::fprintf(stderr, "remora: broken promise: %s (%s:%u in %s); this is a bug, please report it\n", promise,
               where.file_name(), static_cast<unsigned>(where.line()), where.function_name());
  std::abort();
}

}  // namespace remora
