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

struct TlsOptions {
  std::string target;  // a file, or HOST[:PORT]
  std::string ca;
  std::string server_name;
  std::string certificate;
  std::string key;
};

int runServer(const RunOptions& options);
int checkFile(const std::string& file, bool effective);
int explainRequest(const ExplainOptions& options);
// A certificate file in words, or what a handshake with a server settles, or why it fails.
int explainTls(const TlsOptions& options);
int printSchema();
int printVersion();

}  // namespace remora::cli
