// PromptRenderer: templates compiled once into runs of tokens (or text) and slots; rendering only
// joins them with what fills the slots. Nothing that fills a slot is looked at, so placeholders and
// control tokens written in it are ordinary text.
#include <fmt/format.h>

#include <algorithm>

#include "agent/chat_format.h"
#include "agent/prompt_template.h"
#include "base/check.h"
#include "base/fail.h"
#include "memagent/prompts.h"

namespace memagent {
namespace {

// What a server's own chat template may add around a user message, and what joining texts may add
// to the sum of their counts. The longest in use (Llama 3.1 with its dates, Qwen2.5 with its
// default system message) add about 40.
constexpr std::int32_t kServerTemplateTokens = 64;

// Room in a gated response for white space or emphasis around the gate line's words.
constexpr std::int32_t kGateSlackTokens = 4;

// One run of a compiled template: a slot, or text with its tokens.
struct Run {
  std::optional<PromptSlot> slot;
  std::string text;
  std::vector<TokenId> tokens;
};

// Everything between the response before and the response after, or the user message alone where
// the server frames it.
struct Compiled {
  std::vector<Run> runs;
  std::int32_t overhead_tokens = 0;  // of the runs that are not slots
};

// Joins neighbouring texts before they are encoded, so that a template is tokenised as the model
// saw its like in training, not as cut by our bookkeeping.
class Compiler {
 public:
  Compiler(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void text(std::string_view text) { pending_ += text; }

  void control(const std::string& name, TokenId id) {
    flush();
    if (compiled_.runs.empty() || compiled_.runs.back().slot) compiled_.runs.emplace_back();
    compiled_.runs.back().text += name;
    compiled_.runs.back().tokens.push_back(id);
  }

  void slot(PromptSlot slot) {
    flush();
    compiled_.runs.push_back({slot, {}, {}});
  }

  Compiled finish() {
    flush();
    for (const Run& run : compiled_.runs) {
      compiled_.overhead_tokens += static_cast<std::int32_t>(run.tokens.size());
    }
    return std::move(compiled_);
  }

 private:
  void flush() {
    if (pending_.empty()) return;
    if (compiled_.runs.empty() || compiled_.runs.back().slot) compiled_.runs.emplace_back();
    compiled_.runs.back().text += pending_;
    tokenizer_.encode(pending_, compiled_.runs.back().tokens);
    pending_.clear();
  }

  const Tokenizer& tokenizer_;
  std::string pending_;
  Compiled compiled_;
};

std::size_t index_of(Policy policy) { return static_cast<std::size_t>(policy); }
std::size_t index_of(Layout layout) { return static_cast<std::size_t>(layout); }

}  // namespace

struct PromptRenderer::State {
  PromptSet prompts;
  ChatFormat format = ChatFormat::kPlain;
  std::shared_ptr<const Tokenizer> tokenizer;
  bool as_tokens = false;
  Compiled update[2][2];
  Compiled answer;
  std::int32_t gate_tokens = 0;

  void compile_part(Compiler& compiler, const ChatPart& part) const {
    if (part.kind == ChatPart::Kind::kText) return compiler.text(part.text);
    const std::optional<TokenId> id = tokenizer->special_token(part.text);
    if (id) return compiler.control(part.text, *id);
    if (part.kind == ChatPart::Kind::kControlOrText) return compiler.text(part.text);
    fail(ErrorKind::kUsage,
         "the vocabulary has no token {}, which the {} chat format needs: choose another format",
         part.text, to_string(format));
  }

  Compiled compile(const std::string& text, bool suppress_thinking) const {
    Compiler compiler(*tokenizer);
    ChatFrame frame;
    if (as_tokens) {
      frame = chat_frame(format, prompts.system, prompts.plain_cue, suppress_thinking);
      if (tokenizer->adds_bos() && tokenizer->bos()) compiler.control("", *tokenizer->bos());
      const bool text_first =
          frame.before.empty() || frame.before.front().kind == ChatPart::Kind::kText;
      if (text_first && begins_with_space(*tokenizer)) compiler.text(" ");
    }
    for (const ChatPart& part : frame.before) compile_part(compiler, part);
    for (const TemplatePiece& piece : split_template(text)) {
      if (piece.slot) {
        compiler.slot(*piece.slot);
      } else {
        compiler.text(piece.text);
      }
    }
    for (const ChatPart& part : frame.after) compile_part(compiler, part);
    Compiled compiled = compiler.finish();
    if (!as_tokens) {
      compiled.overhead_tokens += kServerTemplateTokens + count(prompts.system);
    }
    return compiled;
  }

  std::int32_t count(std::string_view text) const {
    return static_cast<std::int32_t>(tokenizer->encode(text).size());
  }

  Prompt render(const Compiled& compiled, const TokenTextView& question,
                const TokenTextView& memory, const TokenTextView& section) const {
    const auto value = [&](PromptSlot slot) -> const TokenTextView& {
      switch (slot) {
        case PromptSlot::kQuestion:
          return question;
        case PromptSlot::kMemory:
          return memory;
        case PromptSlot::kSection:
          break;
      }
      return section;
    };
    Prompt prompt;
    if (as_tokens) {
      std::size_t size = static_cast<std::size_t>(compiled.overhead_tokens);
      for (const Run& run : compiled.runs) {
        if (run.slot) size += value(*run.slot).tokens.size();
      }
      prompt.tokens.reserve(size);
      for (const Run& run : compiled.runs) {
        const std::span<const TokenId> tokens = run.slot ? value(*run.slot).tokens : run.tokens;
        prompt.tokens.insert(prompt.tokens.end(), tokens.begin(), tokens.end());
      }
      return prompt;
    }
    if (!prompts.system.empty()) prompt.messages.push_back({"system", prompts.system});
    std::string content;
    std::size_t size = 0;
    for (const Run& run : compiled.runs) {
      size += run.slot ? value(*run.slot).text.size() : run.text.size();
    }
    content.reserve(size);
    for (const Run& run : compiled.runs) content += run.slot ? value(*run.slot).text : run.text;
    prompt.messages.push_back({"user", std::move(content)});
    return prompt;
  }
};

PromptRenderer::PromptRenderer(PromptSet prompts, ChatFormat format,
                               std::shared_ptr<const Tokenizer> tokenizer, bool as_tokens,
                               bool suppress_thinking)
    : state_(std::make_unique<State>()) {
  MEMAGENT_CHECK(tokenizer != nullptr, "a renderer needs a tokenizer");
  if (const auto fault = find_fault(prompts)) {
    fail(ErrorKind::kUsage, "prompts '{}': {} {}", prompts.name, fault->key, fault->message);
  }
  State& s = *state_;
  s.prompts = std::move(prompts);
  s.format = format;
  s.tokenizer = std::move(tokenizer);
  s.as_tokens = as_tokens;
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    for (const Layout layout : {Layout::kQuestionFirst, Layout::kSectionFirst}) {
      const std::string& text = s.prompts.update[index_of(policy)][index_of(layout)];
      s.update[index_of(policy)][index_of(layout)] = s.compile(text, suppress_thinking);
    }
  }
  s.answer = s.compile(s.prompts.answer, suppress_thinking);
  const PromptSet& set = s.prompts;
  for (const std::string& word : {set.gate_keep, set.gate_update, set.gate_add}) {
    s.gate_tokens = std::max(s.gate_tokens, s.count(word + " " + s.prompts.gate_stop + "\n"));
  }
  s.gate_tokens += kGateSlackTokens;
}

PromptRenderer::PromptRenderer(PromptSet prompts, const LanguageModel& model)
    : PromptRenderer(std::move(prompts), detect_chat_format(model), model.tokenizer(),
                     model.capabilities().tokens, template_knows_thinking(model.chat_template())) {}

PromptRenderer::PromptRenderer(PromptSet prompts, const std::shared_ptr<const Tokenizer>& tokenizer,
                               const std::string& chat_template)
    : PromptRenderer(std::move(prompts), detect_chat_format(*tokenizer, chat_template), tokenizer,
                     true, template_knows_thinking(chat_template)) {}

PromptRenderer::~PromptRenderer() = default;

Prompt PromptRenderer::update(Policy policy, Layout layout, const TokenTextView& question,
                              const TokenTextView& memory, const TokenTextView& section) const {
  return state_->render(state_->update[index_of(policy)][index_of(layout)], question, memory,
                        section);
}

Prompt PromptRenderer::answer(const TokenTextView& question, const TokenTextView& memory) const {
  return state_->render(state_->answer, question, memory, TokenTextView({}, {}));  // no section
}

std::int32_t PromptRenderer::shared_prefix_tokens(Layout layout, Policy policy,
                                                  std::int64_t section_tokens) const {
  if (layout == Layout::kQuestionFirst || !state_->as_tokens) return 0;
  std::int64_t shared = 0;
  for (const Run& run : state_->update[index_of(policy)][index_of(layout)].runs) {
    if (run.slot && *run.slot != PromptSlot::kSection) break;
    shared += run.slot ? section_tokens : static_cast<std::int64_t>(run.tokens.size());
  }
  return static_cast<std::int32_t>(shared);
}

std::int32_t PromptRenderer::update_overhead_tokens(Policy policy, Layout layout) const {
  return state_->update[index_of(policy)][index_of(layout)].overhead_tokens;
}

std::int32_t PromptRenderer::answer_overhead_tokens() const {
  return state_->answer.overhead_tokens;
}

std::int32_t PromptRenderer::header_tokens(Policy policy) const {
  return policy == Policy::kGated ? state_->gate_tokens : 0;
}

std::int32_t PromptRenderer::count_tokens(std::string_view text) const {
  return state_->count(text);
}

TokenText PromptRenderer::encode(std::string text) const {
  TokenText encoded;
  if (state_->as_tokens) encoded.tokens = state_->tokenizer->encode(text);
  encoded.text = std::move(text);
  return encoded;
}

const PromptSet& PromptRenderer::prompts() const { return state_->prompts; }
const Tokenizer& PromptRenderer::tokenizer() const { return *state_->tokenizer; }
bool PromptRenderer::as_tokens() const { return state_->as_tokens; }

}  // namespace memagent
