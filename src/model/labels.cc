#include "model/labels.h"

#include <algorithm>

namespace remora::model {

std::string toText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ",") + name + "=" + value;
  return text;
}

bool hasAll(const Labels& labels, const Labels& wanted) {
  return std::ranges::includes(labels, wanted);
}

}  // namespace remora::model
