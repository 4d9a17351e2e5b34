// What the machine gives: how many cores to use, how many descriptors, how much is in use. Reads /proc and cgroups.
#pragma once

#include <cstdint>

#include "observe/metrics_render.h"

namespace remora::cli {

// The cgroup's CPU quota rounded up; without a quota at most 2. Never more than the CPUs that this process may run on.
uint32_t coresToUse(uint32_t configured);

// Raises the soft descriptor limit to the hard one; returns what it is then.
uint64_t raiseDescriptorLimit();

// Descriptors that are open.
uint64_t countDescriptors();

// Fills in the process's CPU, memory and descriptors.
void readUsage(observe::ProcessFacts& facts);

}  // namespace remora::cli
