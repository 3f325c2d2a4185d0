// Questions that a document does not answer, for lessons in leaving the memory as it is and in
// saying that nothing was found: those of another document of the same task, or for a share of the
// documents of another task, or of none (Stage::outsiders).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "memagent/episode.h"
#include "task/task.h"
#include "train/imitation.h"
#include "train/recipe.h"

namespace memagent {

// A question, and the memories that one who reads a document for it may have: at the end it is
// known what is looked for, earlier it is not.
struct Asker {
  std::string question;
  std::vector<TokenText> memories;
};

struct Strangers {
  std::vector<Asker> askers;
  bool of_other_kind = false;  // than the questions that the document answers
  // Of another task: it has nothing on the document's questions either. Null for stray questions.
  std::unique_ptr<Sample> outsider;
  Sections sections;  // of the document that the askers have read; none where there is no such one
};

class StrangerSource {
 public:
  StrangerSource(const Stage& stage, std::shared_ptr<const PromptRenderer> renderer,
                 std::shared_ptr<const Tokenizer> tokenizer);

  // One who reads that sample's document, of these sections, as the ideal reader does.
  Asker asker(const Sample& of, const Sections& sections, const EpisodeConfig& reading) const;
  // For `sample`, of `task`. `spec`: of another document than its own.
  Strangers draw(const Task& task, const Sample& sample,
                 const std::vector<std::unique_ptr<Sample>>& siblings, SampleSpec spec,
                 const EpisodeConfig& reading, RandomStream& random) const;

 private:
  Strangers strays(const std::vector<std::unique_ptr<Sample>>& siblings,
                   RandomStream& random) const;

  double share_;  // of documents whose strangers are of outside_
  std::vector<TaskWeight> weights_;
  std::vector<std::shared_ptr<const Task>> outside_;  // null: stray questions
  std::shared_ptr<const PromptRenderer> renderer_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace memagent
