// Every key must be there and no other; texts lose the white space at their ends, so that a file
// reads well without changing a prompt.
#include "agent/prompt_file.h"

#include "agent/prompt_template.h"
#include "format/toml_table.h"

namespace memagent {
namespace {

constexpr const char* kSee = "docs/prompts.md";

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

PromptSet read_prompts(TomlTable file) {
  const auto read = [&](const std::string& key, std::string& value) {
    file.read(key, value);
    value = trimmed(value);
  };
  const auto read_if_there = [&](const std::string& key, std::string& value) {
    const bool there = file.read_if_there(key, value);
    value = trimmed(value);
    return there;
  };
  PromptSet prompts;
  read("name", prompts.name);
  read("system", prompts.system);
  read("empty_memory", prompts.empty_memory);
  read("plain_cue", prompts.plain_cue);
  read("gate.keep", prompts.gate_keep);
  read("gate.update", prompts.gate_update);
  read("gate.stop", prompts.gate_stop);
  read_if_there("gate.add", prompts.gate_add);
  read("answer", prompts.answer);
  // Evaluation alone shows documents whole: files written for reading need not say how.
  if (!read_if_there("document", prompts.document)) prompts.document = default_prompts().document;
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    for (const Layout layout : {Layout::kQuestionFirst, Layout::kSectionFirst}) {
      read(update_key(policy, layout),
           prompts.update[static_cast<std::size_t>(policy)][static_cast<std::size_t>(layout)]);
    }
  }
  file.refuse_others();
  if (const auto fault = find_fault(prompts)) {
    file.fail_at(fault->key, fault->message + ": see " + kSee);
  }
  return prompts;
}

}  // namespace

PromptSet parse_prompts(std::string_view toml, const std::string& file) {
  return read_prompts(TomlTable::parse(toml, file, kSee));
}

const PromptSet& default_prompts() {
  static const PromptSet prompts = parse_prompts(kDefaultPromptsToml, "built-in prompts");
  return prompts;
}

PromptSet load_prompts(const std::string& path) {
  return read_prompts(TomlTable::load(path, "a prompt file", kSee));
}

}  // namespace memagent
