// What supervised training learns from: sections of task documents with questions asked of them and
// the replies of an ideal reader, drawn without end.
//
// A draw is a pure function of (seed, stage, number): lesson 7 is the same alone, in any order, in
// a run that was stopped and resumed. Knows nothing of networks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memagent/prompts.h"
#include "task/task.h"
#include "train/recipe.h"

namespace memagent {

enum class ReplyKind { kKeep, kUpdate, kAnswer, kText, kSlip };
inline constexpr int kNumReplyKinds = 5;
const char* to_string(ReplyKind kind);  // "keep", "update", "answer", "text", "slip"

struct Reply {
  ReplyKind kind = ReplyKind::kKeep;
  std::vector<TokenId> prompt;    // what follows the lesson's prefix
  std::vector<TokenId> response;  // learnt, the end token included
};

// What several conversations begin with, and how each goes on. Without a shared beginning `prefix`
// is empty and each reply stands for itself.
struct Lesson {
  std::size_t task = 0;  // in Stage::tasks
  std::vector<TokenId> prefix;
  std::vector<Reply> replies;
};

class LessonSource {
 public:
  // Throws Error(kUsage) for unknown tasks, Error(kBadInput) for sections beyond `context_tokens`.
  LessonSource(const SftRecipe& recipe, std::shared_ptr<const PromptRenderer> renderer,
               std::shared_ptr<const Tokenizer> tokenizer, std::int32_t context_tokens);
  ~LessonSource();

  // One document's, or one text's. May be empty: a document whose every fact was cut in two.
  std::vector<Lesson> draw(std::size_t stage, std::int64_t number) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
