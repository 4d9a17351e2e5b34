// Reads a whole file that somebody wrote by hand or by a program. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "control/units.h"

namespace remora::control {

// At most kLargestFile (yaml_tree.h). `what` it should be, for the error: "a configuration file".
Spelt<std::string> readTextFile(const std::string& path, std::string_view what);

// The folder that relative paths in it are taken from: absolute, so that what is written out means the same wherever it
// is put. Links aren't followed: in Kubernetes the file is one, and what lies beside the link is meant.
std::string folderOf(const std::string& path);

}  // namespace remora::control
