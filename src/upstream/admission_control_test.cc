#include "upstream/admission_control.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "observe/trace_context.h"

namespace remora::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Load {
  // A hundred requests a second; of those that are sent `failures` percent fail. The share that was refused.
  double run(Duration span, uint32_t failures, int per_second = 100) {
    const Instant end = now + span;
    double asked = 0;
    double refused = 0;
    while (now < end) {
      now = now + Duration(seconds(1)) / per_second;
      ++asked;
      if (!control.admits(options, now, unitOf(random.next()))) {
        ++refused;
      } else {
        control.note(below(random.next(), 100) < failures, options, now);
      }
    }
    return refused / asked;
  }
  AdmissionControl control;
  model::AdmissionControl options;
  observe::IdSource random{{1, 2, 3, 4}};
  Instant now{seconds(1000).count() * 1'000'000'000};
};

TEST(AdmissionControl, RefusesNothingWhileEnoughSucceeds) {
  Load load;
  EXPECT_EQ(load.run(seconds(60), 0), 0);
  EXPECT_EQ(load.run(seconds(60), 2), 0);
}

TEST(AdmissionControl, RefusesByTheShareThatFails) {
  Load load;
  load.run(seconds(60), 50);
  EXPECT_NEAR(load.run(seconds(60), 50), 1 - 0.5 / 0.95, 0.05);
}

TEST(AdmissionControl, NeverMoreThanTheMostSoThatItHearsOfItsReturn) {
  Load load;
  load.run(seconds(60), 100);
  EXPECT_NEAR(load.run(seconds(60), 100), 0.8, 0.03);
  load.run(seconds(45), 0);
  EXPECT_EQ(load.run(seconds(10), 0), 0) << "it is well again";
}

TEST(AdmissionControl, FewRequestsTellNothing) {
  Load load;
  load.options.rate = 50;
  EXPECT_EQ(load.run(seconds(60), 100, 40), 0);
  EXPECT_GT(load.run(seconds(60), 100, 400), 0.5);
}

TEST(AdmissionControl, AggressionRefusesMore) {
  Load mild;
  mild.run(seconds(60), 20);
  Load harsh;
  harsh.options.aggression = 2;
  harsh.run(seconds(60), 20);
  EXPECT_GT(harsh.run(seconds(30), 20), mild.run(seconds(30), 20) + 0.1);
}

}  // namespace
}  // namespace remora::upstream
