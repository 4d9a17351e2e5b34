#include "tls/digest.h"

#include <gtest/gtest.h>

namespace remora::tls {
namespace {

// The examples of FIPS 180-4's authors.
TEST(Digest, IsThatOfTheStandards) {
  EXPECT_EQ(sha1Hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace remora::tls
