// Columns of aligned text, for people. Pure; any thread.
#pragma once

#include <string>
#include <vector>

namespace remora::admin {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> titles) { add(std::move(titles)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // One line a row, each after `indent`; without blanks at line ends.
  std::string print(std::string_view indent) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace remora::admin
