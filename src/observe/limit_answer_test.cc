#include "observe/limit_answer.h"

#include <gtest/gtest.h>

namespace remora::observe {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LimitAnswer, IsReadAsItWasPacked) {
  for (size_t i = 0; i < kLimitResults; ++i) {
    for (const bool is_closed : {false, true}) {
      for (const Duration took : {Duration(0), Duration(microseconds(300)), Duration(milliseconds(204)),
                                  Duration(milliseconds(210)), Duration(seconds(20))}) {
        const LimitAnswer read = LimitAnswer::of(LimitAnswer{static_cast<LimitResult>(i), is_closed, took}.packed());
        EXPECT_EQ(read.result, static_cast<LimitResult>(i));
        EXPECT_EQ(read.is_closed, is_closed);
        EXPECT_EQ(read.took, took);
      }
    }
  }
}

TEST(LimitAnswer, ATimeThatIsTooLongIsTheLongest) {
  EXPECT_EQ(LimitAnswer::of(LimitAnswer{.took = seconds(1000)}.packed()).took, milliseconds(20'470));
}

}  // namespace
}  // namespace remora::observe
