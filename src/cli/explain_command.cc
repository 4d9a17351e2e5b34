#include "cli/commands.h"
namespace remora::cli { int explainRequest(const ExplainOptions&){return 2;} }
