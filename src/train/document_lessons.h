// The lessons of one document of a task: what an ideal reader says to its sections, asked what they
// answer and what they do not, and from its memories.
#pragma once

#include <memory>
#include <vector>

#include "base/random.h"
#include "memagent/episode.h"
#include "task/task.h"
#include "train/lessons.h"
#include "train/recipe.h"
#include "train/strangers.h"

namespace memagent {

struct LessonContext {
  EpisodeConfig config;  // but for section_tokens, which are drawn for each document
  std::shared_ptr<const PromptRenderer> renderer;
  std::shared_ptr<const Tokenizer> tokenizer;
};

// `spec` but for its length, which is drawn; the row after its own is a stranger's. Every draw is
// `random`'s. Lesson::task is left to the caller.
std::vector<Lesson> document_lessons(const LessonContext& context, const Stage& stage,
                                     const StrangerSource& strangers, const Task& task,
                                     SampleSpec spec, RandomStream& random);

}  // namespace memagent
