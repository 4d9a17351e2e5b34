#include "control/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <sstream>

#include "control/utf8_check.h"

namespace remora::control {

namespace {

ConfigError errorAt(const std::string& file, uint32_t line, uint32_t column, std::string problem,
                    std::string expected = {}, std::string suggestion = {}) {
  return {.where = {.file = file, .line = line, .column = column, .path = {}},
          .problem = std::move(problem),
          .expected = std::move(expected),
          .suggestion = std::move(suggestion)};
}

// Thrown through yaml-cpp by the builder and caught in parseYaml: its event interface has no other way to stop.
struct TreeRefused {
  ConfigError error;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(YamlTree& tree, const std::string& file) : tree_(tree), file_(file) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document begins here", "one document, without '---' in between");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { place(newNode(mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias inside the value that it stands for");
    attach(found->second, positionOf(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuseTag(mark, tag);
    YamlNode* node = newNode(mark);
    node->kind = YamlNode::Kind::kScalar;
    node->is_quoted = tag == "!";
    node->text = value;
    place(node, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode* node;
    YAML::anchor_t anchor;
    const YamlNode* key = nullptr;  // of a map: seen, and its value not yet
  };

  struct Position {
    uint32_t line;
    uint32_t column;
  };
  static Position positionOf(const YAML::Mark& mark) {
    return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
  }

  [[noreturn]] void refuse(Position at, std::string problem, std::string expected = {}, std::string suggestion = {}) {
    throw TreeRefused{
        errorAt(file_, at.line, at.column, std::move(problem), std::move(expected), std::move(suggestion))};
  }
  [[noreturn]] void refuse(const YAML::Mark& mark, std::string problem, std::string expected = {}) {
    refuse(positionOf(mark), std::move(problem), std::move(expected));
  }

  void refuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(mark, "tags such as " + quoted(tag) + " have no meaning here", "a plain value");
  }

  YamlNode* newNode(const YAML::Mark& mark) {
    if (tree_.nodes.size() >= kMostNodes) refuseSize(positionOf(mark));
    YamlNode& node = tree_.nodes.emplace_back();
    node.line = static_cast<uint32_t>(mark.line) + 1;
    node.column = static_cast<uint32_t>(mark.column) + 1;
    return &node;
  }

  [[noreturn]] void refuseSize(Position at) {
    refuse(at, "more than " + std::to_string(kMostNodes) + " values, counting each use of an alias", "a smaller file");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuseTag(mark, tag);
    if (open_.size() >= kDeepestNesting) {
      refuse(mark, "nested deeper than " + std::to_string(kDeepestNesting) + " levels");
    }
    YamlNode* node = newNode(mark);
    node->kind = kind;
    open_.push_back({node, anchor});
  }

  void close() {
    const Open closed = std::move(open_.back());
    open_.pop_back();
    // Only a finished node may be named: an alias inside its own anchor would make a cycle.
    place(closed.node, closed.anchor);
  }

  void place(YamlNode* node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    attach(node, {node->line, node->column});
  }

  // Into the list or map that is open.
  void attach(const YamlNode* node, Position at) {
    if (open_.empty()) {
      tree_.root = node;
      return;
    }
    Open& parent = open_.back();
    parent.node->nodes += node->nodes;
    if (parent.node->nodes > kMostNodes) refuseSize(at);
    if (parent.node->kind == YamlNode::Kind::kList) {
      parent.node->items.push_back(node);
    } else if (parent.key == nullptr) {
      attachKey(parent, node, at);
    } else {
      parent.node->entries.emplace_back(parent.key, node);
      parent.key = nullptr;
    }
  }

  void attachKey(Open& parent, const YamlNode* key, Position at) {
    if (key->kind != YamlNode::Kind::kScalar) {
      refuse(at, "a key that isn't a plain word", "key: value",
             "look for a brace or bracket that is never closed; quote a value that begins with one");
    }
    parent.key = key;
  }

  YamlTree& tree_;
  const std::string& file_;
  int documents_ = 0;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, const YamlNode*> anchors_;
};

std::string_view lineOf(std::string_view text, uint32_t line) {
  for (uint32_t at = 1; at < line; ++at) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

bool isIndentedWithTab(std::string_view line) {
  const size_t content = line.find_first_not_of(" \t");
  return line.substr(0, content).find('\t') != std::string_view::npos;
}

// The mistakes that people make, told from what yaml-cpp says and from the line itself.
ConfigError explainSyntax(const YAML::Exception& exception, std::string_view text, const std::string& file) {
  const uint32_t line = exception.mark.is_null() ? 0 : static_cast<uint32_t>(exception.mark.line) + 1;
  const uint32_t column = exception.mark.is_null() ? 0 : static_cast<uint32_t>(exception.mark.column) + 1;
  for (uint32_t near = line > 1 ? line - 1 : line; line != 0 && near <= line + 1; ++near) {
    const std::string_view content = lineOf(text, near);
    if (!isIndentedWithTab(content)) continue;
    return errorAt(file, near, static_cast<uint32_t>(content.find('\t')) + 1, "a tab in the indentation", "spaces");
  }
  const std::string_view content = lineOf(text, line);
  const std::string_view message = exception.msg;
  if (message.find("anchor is not defined") != std::string_view::npos ||
      message.find("alias") != std::string_view::npos) {
    return errorAt(file, line, column, "a value that begins with '*' reads as the name of an alias, and there is none",
                   "quotes around it", "write for example \"*.example.com\"");
  }
  std::string suggestion;
  if (content.find_first_of("{[") != std::string_view::npos) {
    suggestion = "quote values that contain { } [ ] or a comma, for example \"/users/{id}\" or \"[::]:8080\"";
  } else if (content.find(": ") != content.rfind(": ")) {
    suggestion = "quote a value that contains ': '";
  } else if (content.find_first_of("%@`") != std::string_view::npos) {
    suggestion = "quote a value that begins with %, @ or `";
  } else {
    suggestion = "look for a missing colon, quote or bracket, or for uneven indentation, here or on the line before";
  }
  return errorAt(file, line, column, "not valid YAML: " + exception.msg, {}, suggestion);
}

void build(std::string_view text, const std::string& file_name, YamlTree& tree) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder(tree, file_name);
  while (parser.HandleNextDocument(builder)) {
  }
}

}  // namespace

YamlTree parseYaml(std::string_view text, const std::string& file_name) {
  YamlTree tree;
  if (text.size() > kLargestFile) {
    tree.error = errorAt(file_name, 0, 0, "the file has " + std::to_string(text.size()) + " bytes",
                         "at most " + std::to_string(kLargestFile) + " (4MiB)");
    return tree;
  }
  if (const std::optional<BadByte> bad = findBadByte(text)) {
    tree.error = errorAt(file_name, bad->line, bad->column, bad->problem, "UTF-8 text");
    return tree;
  }
  try {
    build(text, file_name, tree);
  } catch (const TreeRefused& refused) {
    tree.error = refused.error;
  } catch (const YAML::Exception& exception) {
    tree.error = explainSyntax(exception, text, file_name);
  } catch (const std::exception& exception) {
    tree.error = errorAt(file_name, 0, 0, std::string("the YAML parser gave up: ") + exception.what());
  }
  if (tree.error) tree.root = nullptr;
  return tree;
}

}  // namespace remora::control
