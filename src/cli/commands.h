// What each command of the command line does. Each returns the exit code: 0 well, 1 something is wrong with what was
// given, 2 the command line itself.
#pragma once

#include <string>
#include <vector>

namespace remora::cli {

struct RunOptions {
  std::string file;
  std::vector<std::string> inbound;
  std::vector<std::string> outbound;
  std::string admin;
};

struct ExplainOptions {
  std::string method;
  std::string url;
  std::string file;
  std::vector<std::string> headers;
  std::string source;
  std::string listener;
  bool json = false;
};

int runServer(const RunOptions& options);
int checkFile(const std::string& file, bool effective);
int explainRequest(const ExplainOptions& options);
int printSchema();
int printVersion();

}  // namespace remora::cli
