// remora's command line. It builds everything; it alone knows proxy and control.

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "cli/commands.h"

int main(int argc, char** argv) {
  using namespace remora::cli;
  CLI::App app("remora: an HTTP proxy sidecar that explains itself");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);

  RunOptions run;
  CLI::App* const run_command = app.add_subcommand("run", "serve; until SIGTERM, which drains");
  run_command->add_option("FILE", run.file, "configuration (YAML); may be left out with --inbound or --outbound");
  run_command->add_option("--inbound", run.inbound, "LISTEN=APP, such as 8080=3000: callers -> this app (repeatable)");
  run_command->add_option(
      "--outbound", run.outbound,
      "LISTEN=SERVICE@ENDPOINT, such as 4140=orders@10.0.0.1:8080: this app -> services (repeatable)");
  run_command->add_option("--admin", run.admin, "admin address without a file; off for none (default 127.0.0.1:9901)");

  std::string file;
  bool effective = false;
  CLI::App* const check_command = app.add_subcommand("check", "read a configuration and say what is wrong with it");
  check_command->add_option("FILE", file, "configuration (YAML)")->required();
  check_command->add_flag("--effective", effective, "print every setting with its value");

  ExplainOptions explain;
  CLI::App* const explain_command =
      app.add_subcommand("explain", "say what would happen to a request, and what came near");
  explain_command->add_option("METHOD", explain.method, "such as GET")->required();
  explain_command->add_option("URL", explain.url, "such as http://orders/v2/1 or /v2/1")->required();
  explain_command->add_option("-c,--config", explain.file, "configuration (YAML)")->required();
  explain_command->add_option("-H,--header", explain.headers, "'name: value' (repeatable)");
  explain_command->add_option("--source", explain.source, "address of the caller");
  explain_command->add_option("--listener", explain.listener, "name of the listener; chosen by the URL when left out");
  explain_command->add_flag("--json", explain.json, "for machines");

  TlsOptions tls;
  CLI::App* const tls_command =
      app.add_subcommand("tls", "say what a certificate file holds, or what a server's handshake settles, or why not");
  tls_command->add_option("FILE|HOST", tls.target, "a PEM file, or HOST[:PORT] (443)")->required();
  tls_command->add_option("--ca", tls.ca, "PEM bundle to trust; left out: what the system trusts");
  tls_command->add_option("--name", tls.server_name, "server name to ask for and to verify; left out: HOST");
  tls_command->add_option("--certificate", tls.certificate, "PEM chain to show when asked for one");
  tls_command->add_option("--key", tls.key, "its private key (PEM)")->needs("--certificate");

  CLI::App* const schema_command =
      app.add_subcommand("schema", "print the JSON Schema of the configuration, for editors");
  CLI::App* const version_command = app.add_subcommand("version", "print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) ? 2 : 0;
  }
  if (*run_command) return runServer(run);
  if (*check_command) return checkFile(file, effective);
  if (*explain_command) return explainRequest(explain);
  if (*tls_command) return explainTls(tls);
  if (*schema_command) return printSchema();
  if (*version_command) return printVersion();
  return 2;
}
