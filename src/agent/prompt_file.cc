// The one file that sees toml++. Every key must be there and no other; texts lose the white space
// at their ends, so that a file reads well without changing a prompt.
#include "agent/prompt_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "agent/prompt_template.h"
#include "base/fail.h"

namespace memagent {
namespace {

// A prompt file is a few kilobytes; what is larger is something else.
constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

// Reads strings by dotted key and remembers which keys there may be.
class Keys {
 public:
  Keys(const toml::table& root, std::string file) : root_(root), file_(std::move(file)) {}

  // A key of the first level that may be left out; whether it is there.
  bool read_if_there(const std::string& key, std::string& value) {
    known_.insert(key);
    if (!root_.contains(key)) return false;
    read(key, value);
    return true;
  }

  void read(const std::string& key, std::string& value) {
    known_.insert(key);
    const toml::table* table = &root_;
    std::string_view rest = key;
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      const toml::node* node = table->get(rest.substr(0, dot));
      known_.insert(key.substr(0, key.size() - rest.size() + dot));
      if (node == nullptr) missing(key, *table);
      if (!node->is_table()) wrong(*node, key.substr(0, key.size() - rest.size() + dot), "a table");
      table = node->as_table();
      rest.remove_prefix(dot + 1);
    }
    const toml::node* node = table->get(rest);
    if (node == nullptr) missing(key, *table);
    if (!node->is_string()) wrong(*node, key, "a string");
    value = trimmed(node->as_string()->get());
  }

  // To be called once every key has been read.
  void refuse_others() const { refuse_others(root_, ""); }

  // The line of a key that is there.
  std::uint32_t line(const std::string& key) const {
    const auto view = root_.at_path(key);
    return view.node() == nullptr ? 1 : view.node()->source().begin.line;
  }

 private:
  [[noreturn]] void missing(const std::string& key, const toml::table& table) const {
    fail(ErrorKind::kBadInput, "{}: line {}: key {} is missing: see docs/prompts.md", file_,
         std::max(table.source().begin.line, 1U), key);
  }
  [[noreturn]] void wrong(const toml::node& node, const std::string& key,
                          const char* expected) const {
    fail(ErrorKind::kBadInput, "{}: line {}: key {} must be {}", file_, node.source().begin.line,
         key, expected);
  }
  void refuse_others(const toml::table& table, const std::string& prefix) const {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      if (!known_.contains(key)) {
        fail(ErrorKind::kBadInput, "{}: line {}: unknown key {}: see docs/prompts.md", file_,
             name.source().begin.line, key);
      }
      if (node.is_table()) refuse_others(*node.as_table(), key + ".");
    }
  }

  const toml::table& root_;
  std::string file_;
  std::set<std::string> known_;
};

}  // namespace

PromptSet parse_prompts(std::string_view toml_text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(toml_text, file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "{}: line {}: {}", file, error.source().begin.line,
         error.description());
  }
  Keys keys(root, file);
  PromptSet prompts;
  keys.read("name", prompts.name);
  keys.read("system", prompts.system);
  keys.read("empty_memory", prompts.empty_memory);
  keys.read("plain_cue", prompts.plain_cue);
  keys.read("gate.keep", prompts.gate_keep);
  keys.read("gate.update", prompts.gate_update);
  keys.read("gate.stop", prompts.gate_stop);
  keys.read("answer", prompts.answer);
  // Evaluation alone shows documents whole: files written for reading need not say how.
  if (!keys.read_if_there("document", prompts.document)) {
    prompts.document = default_prompts().document;
  }
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    for (const Layout layout : {Layout::kQuestionFirst, Layout::kSectionFirst}) {
      keys.read(update_key(policy, layout),
                prompts.update[static_cast<std::size_t>(policy)][static_cast<std::size_t>(layout)]);
    }
  }
  keys.refuse_others();
  if (const auto fault = find_fault(prompts)) {
    fail(ErrorKind::kBadInput, "{}: line {}: {} {}: see docs/prompts.md", file,
         keys.line(fault->key), fault->key, fault->message);
  }
  return prompts;
}

const PromptSet& default_prompts() {
  static const PromptSet prompts = parse_prompts(kDefaultPromptsToml, "built-in prompts");
  return prompts;
}

PromptSet load_prompts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof()) fail(ErrorKind::kBadInput, "{}: cannot be read", path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    fail(ErrorKind::kBadInput, "{}: is larger than {} bytes, too large for a prompt file", path,
         kMaxFileBytes);
  }
  return parse_prompts(text, path);
}

}  // namespace memagent
