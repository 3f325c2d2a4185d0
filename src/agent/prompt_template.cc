#include "agent/prompt_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace memagent {
namespace {

struct SlotName {
  std::string_view text;
  PromptSlot slot;
};
constexpr std::array<SlotName, 3> kSlots = {{{"{question}", PromptSlot::kQuestion},
                                             {"{memory}", PromptSlot::kMemory},
                                             {"{section}", PromptSlot::kSection}}};

// Each of `needed` exactly once, and none of the others.
std::optional<std::string> slot_fault(const std::vector<TemplatePiece>& pieces,
                                      std::initializer_list<PromptSlot> needed) {
  for (const SlotName& name : kSlots) {
    const auto count = std::count_if(pieces.begin(), pieces.end(), [&](const TemplatePiece& piece) {
      return piece.slot && *piece.slot == name.slot;
    });
    const bool wanted = std::find(needed.begin(), needed.end(), name.slot) != needed.end();
    if (wanted && count == 0) return fmt::format("lacks {}", name.text);
    if (wanted && count > 1) return fmt::format("has {} more than once", name.text);
    if (!wanted && count > 0) return fmt::format("cannot have {}", name.text);
  }
  return std::nullopt;
}

bool section_comes_first(const std::vector<TemplatePiece>& pieces) {
  const auto first = std::find_if(pieces.begin(), pieces.end(), [](const TemplatePiece& piece) {
    return piece.slot.has_value();
  });
  return first != pieces.end() && *first->slot == PromptSlot::kSection;
}

bool section_comes_last(const std::vector<TemplatePiece>& pieces) {
  const auto last = std::find_if(pieces.rbegin(), pieces.rend(),
                                 [](const TemplatePiece& piece) { return piece.slot.has_value(); });
  return last != pieces.rend() && *last->slot == PromptSlot::kSection;
}

std::optional<std::string> gate_word_fault(const std::string& word) {
  if (word.empty()) return "is empty";
  for (const char c : word) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      return fmt::format("must be one word of ASCII letters and digits, not '{}'", word);
    }
  }
  return std::nullopt;
}

std::string upper(std::string word) {
  for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

std::optional<std::string> layout_fault(const std::vector<TemplatePiece>& pieces, Layout layout) {
  switch (layout) {
    case Layout::kQuestionFirst:
      if (section_comes_last(pieces)) return std::nullopt;
      return "needs {section} after {question} and {memory}";
    case Layout::kSectionFirst:
      if (section_comes_first(pieces)) return std::nullopt;
      return "needs {section} before {question} and {memory}";
  }
  return std::nullopt;
}

}  // namespace

std::vector<TemplatePiece> split_template(std::string_view text) {
  std::vector<TemplatePiece> pieces;
  std::size_t text_begin = 0;
  std::size_t at = 0;
  while ((at = text.find('{', at)) != std::string_view::npos) {
    const auto slot = std::find_if(kSlots.begin(), kSlots.end(), [&](const SlotName& name) {
      return text.substr(at).starts_with(name.text);
    });
    if (slot == kSlots.end()) {
      ++at;
      continue;
    }
    if (at > text_begin) {
      pieces.push_back({std::string(text.substr(text_begin, at - text_begin)), std::nullopt});
    }
    pieces.push_back({"", slot->slot});
    at += slot->text.size();
    text_begin = at;
  }
  if (text_begin < text.size()) pieces.push_back({std::string(text.substr(text_begin)), {}});
  return pieces;
}

std::string update_key(Policy policy, Layout layout) {
  return fmt::format("update.{}.{}", to_string(policy),
                     layout == Layout::kQuestionFirst ? "question_first" : "section_first");
}

std::optional<PromptFault> find_fault(const PromptSet& prompts) {
  if (prompts.empty_memory.empty()) return PromptFault{"empty_memory", "is empty"};
  std::vector<std::pair<const char*, const std::string*>> words = {
      {"gate.keep", &prompts.gate_keep},
      {"gate.update", &prompts.gate_update},
      {"gate.stop", &prompts.gate_stop}};
  if (!prompts.gate_add.empty()) words.emplace_back("gate.add", &prompts.gate_add);
  for (const auto& [key, word] : words) {
    if (auto fault = gate_word_fault(*word)) return PromptFault{key, *fault};
    for (const auto& [other_key, other] : words) {
      if (other == word) break;
      if (upper(*other) == upper(*word)) {
        return PromptFault{key, fmt::format("is the same word as {}", other_key)};
      }
    }
  }
  if (auto fault = slot_fault(split_template(prompts.answer),
                              {PromptSlot::kQuestion, PromptSlot::kMemory})) {
    return PromptFault{"answer", *fault};
  }
  // A set made by a program need not have it.
  if (!prompts.document.empty()) {
    if (auto fault = slot_fault(split_template(prompts.document),
                                {PromptSlot::kQuestion, PromptSlot::kSection})) {
      return PromptFault{"document", *fault};
    }
  }
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    for (const Layout layout : {Layout::kQuestionFirst, Layout::kSectionFirst}) {
      const std::string& text =
          prompts.update[static_cast<std::size_t>(policy)][static_cast<std::size_t>(layout)];
      const std::string key = update_key(policy, layout);
      const std::vector<TemplatePiece> pieces = split_template(text);
      if (auto fault = slot_fault(
              pieces, {PromptSlot::kQuestion, PromptSlot::kMemory, PromptSlot::kSection})) {
        return PromptFault{key, *fault};
      }
      if (auto fault = layout_fault(pieces, layout)) return PromptFault{key, *fault};
      if (policy != Policy::kGated) continue;
      for (const auto& [word_key, word] : words) {
        if (text.find(*word) == std::string::npos) {
          return PromptFault{key,
                             fmt::format("never mentions '{}', the word of {}", *word, word_key)};
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace memagent
