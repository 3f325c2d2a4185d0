// The wording of the conversations, and how it becomes a Prompt.
//
// A PromptSet is data: the built-in one, or a TOML file of the user's with the same keys
// (docs/prompts.md). A PromptRenderer joins it with a chat template and a tokenizer. Text put in
// place of {question}, {memory} and {section} is never looked at for placeholders or control
// tokens; each part is encoded by itself, so the tokens of a memory or section appear in the prompt
// as they were given.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "memagent/language_model.h"
#include "memagent/trajectory.h"

namespace memagent {

enum class Policy {
  kOverwrite,  // the response is the new memory (arXiv 2507.02259)
  kGated,      // the response first says whether the memory changes (after arXiv 2602.10560)
};
enum class Layout {
  kQuestionFirst,  // instruction, question, memory, section
  kSectionFirst,   // section, question, memory, instruction: section prefills are shared
};
enum class ChatFormat {
  kPlain,   // no control tokens; for base models
  kChatMl,  // <|im_start|>role ... <|im_end|>
  kLlama3,  // <|start_header_id|>role<|end_header_id|> ... <|eot_id|>
};
const char* to_string(Policy policy);
const char* to_string(Layout layout);
const char* to_string(ChatFormat format);
Policy parse_policy(const std::string& name);  // throws Error(kUsage) listing the choices
Layout parse_layout(const std::string& name);
ChatFormat parse_chat_format(const std::string& name);

struct PromptSet {
  std::string name;
  std::string empty_memory;  // the memory before the first section
  std::string gate_keep;     // words of a gated response's first line
  std::string gate_update;
  std::string gate_add;  // empty: replies that only add to the memory are not offered
  std::string gate_stop;
  // Templates with {question}, {memory}, {section}; index by Policy, then Layout.
  std::array<std::array<std::string, 2>, 2> update;
  std::string answer;     // {question}, {memory}
  std::string document;   // {question}, {section}: answers from a text without reading (baselines)
  std::string system;     // empty: no system message
  std::string plain_cue;  // ends a prompt in ChatFormat::kPlain, so that a base model goes on there
};

// The set built into the program.
const PromptSet& default_prompts();
// Reads a prompt file. Throws Error(kBadInput) naming key and line; unknown and missing keys, and
// placeholders that are missing, repeated or in the wrong order for the layout, are errors.
PromptSet load_prompts(const std::string& path);
// The format that belongs to a model: told from its chat template and special tokens.
ChatFormat detect_chat_format(const LanguageModel& model);
ChatFormat detect_chat_format(const Tokenizer& tokenizer, const std::string& chat_template);

class PromptRenderer {
 public:
  // `as_tokens`: render token ids (local models), else messages. Throws Error(kUsage) if the
  // vocabulary lacks a control token of the format.
  PromptRenderer(PromptSet prompts, ChatFormat format, std::shared_ptr<const Tokenizer> tokenizer,
                 bool as_tokens, bool suppress_thinking);
  // As above with everything told from the model. Thinking is suppressed where the chat template
  // has a switch for it (Qwen3).
  PromptRenderer(PromptSet prompts, const LanguageModel& model);
  // The same as tokens, for a model that is not running.
  PromptRenderer(PromptSet prompts, const std::shared_ptr<const Tokenizer>& tokenizer,
                 const std::string& chat_template);
  ~PromptRenderer();
  PromptRenderer(const PromptRenderer&) = delete;
  PromptRenderer& operator=(const PromptRenderer&) = delete;

  Prompt update(Policy policy, Layout layout, const TokenTextView& question,
                const TokenTextView& memory, const TokenTextView& section) const;
  Prompt answer(const TokenTextView& question, const TokenTextView& memory) const;
  // Leading tokens of update() that depend on neither question nor memory; 0 for question-first.
  std::int32_t shared_prefix_tokens(Layout layout, Policy policy,
                                    std::int64_t section_tokens) const;
  // Prompt tokens of the template itself, all placeholders empty. For text models this includes a
  // stated allowance for the server's chat template.
  std::int32_t update_overhead_tokens(Policy policy, Layout layout) const;
  std::int32_t answer_overhead_tokens() const;
  // Response tokens an update needs besides the memory: the longest gate line, with some slack; 0
  // for overwrite.
  std::int32_t header_tokens(Policy policy) const;
  // Tokens of a text as budgets count them, whether or not prompts are rendered as tokens.
  std::int32_t count_tokens(std::string_view text) const;

  // Text as the renderer's own tokens (or as text alone).
  TokenText encode(std::string text) const;
  const PromptSet& prompts() const;
  const Tokenizer& tokenizer() const;
  bool as_tokens() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
