// The YAML front end: the text of a configuration file, or command line flags, to the plain model. Reports every
// error with its place, what was expected and the nearest valid spelling. Pure but for loadYamlFile, which reads one
// file; any thread. Never throws, whatever the text: it is the entry point of a fuzz target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_error.h"
#include "model/config.h"

namespace remora::control {

// `access_log_fields` are the names that a log line can show (observe/access_log_format.h); empty: not checked here.
LoadedConfig loadYaml(std::string_view text, std::string file_name,
                      const std::vector<std::string_view>& access_log_fields = {});

// A file that doesn't exist, can't be read, is a directory or is too large gives one error.
LoadedConfig loadYamlFile(const std::string& path, const std::vector<std::string_view>& access_log_fields = {});

// `remora run --inbound 8080=3000 --outbound 4140=orders@10.0.0.1:8080` without any file: access log as JSON on stdout,
// admin on 127.0.0.1:9901 unless given (empty: the default; "off": none).
//   inbound:  LISTEN=APP; each a port, an address with its port, or unix:/path
//   outbound: LISTEN, or LISTEN=SERVICE@ENDPOINT[,ENDPOINT...]; the same LISTEN may come again with another service
LoadedConfig configFromFlags(const std::vector<std::string>& inbound, const std::vector<std::string>& outbound,
                             const std::string& admin = "");

// Every setting with its value, as YAML that loads again to the same Config. Shorthands (`app`, services by name) are
// written out as the routes and services that they stand for.
std::string effectiveYaml(const model::Config& config);

// JSON Schema (draft 2020-12) of the file, for editors.
std::string jsonSchema();

// The tables of docs/configuration.md, as Markdown.
std::string configReference();

}  // namespace remora::control
