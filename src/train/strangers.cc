#include "train/strangers.h"

#include <algorithm>
#include <utility>

#include "task/registry.h"
#include "train/drawing.h"
#include "train/imitation.h"
#include "train/misleading_notes.h"
#include "train/stray_questions.h"

namespace memagent {

StrangerSource::StrangerSource(const Stage& stage, std::shared_ptr<const PromptRenderer> renderer,
                               std::shared_ptr<const Tokenizer> tokenizer)
    : share_(stage.outsiders),
      weights_(stage.outside),
      renderer_(std::move(renderer)),
      tokenizer_(std::move(tokenizer)) {
  for (const TaskWeight& task : weights_) {
    outside_.push_back(task.task == kStrayTask ? nullptr : find_tasks({task.task}, {}).at(0));
  }
}

Asker StrangerSource::asker(const Sample& of, const Sections& sections,
                            const EpisodeConfig& reading) const {
  Asker asker{of.row().question, {renderer_->encode(renderer_->prompts().empty_memory)}};
  for (const ImitatedConversation& said : imitate(of, sections, reading, renderer_, tokenizer_)) {
    if (said.conversation.kind == ConversationKind::kUpdate) {
      asker.memories.push_back(said.conversation.memory);
    }
  }
  return asker;
}

// Questions that no task asks: nothing was noted, or what another question asks for.
Strangers StrangerSource::strays(const std::vector<std::unique_ptr<Sample>>& siblings,
                                 RandomStream& random) const {
  constexpr int kStrays = 4;
  Strangers strays;
  strays.of_other_kind = true;
  for (int i = 0; i < kStrays; ++i) {
    const std::string question = stray_question(random);
    const std::string noted = misleading_notes(question, {}, siblings, random);
    Asker asker{question, {renderer_->encode(renderer_->prompts().empty_memory)}};
    if (!noted.empty()) asker.memories.push_back(renderer_->encode(noted));
    strays.askers.push_back(std::move(asker));
  }
  return strays;
}

Strangers StrangerSource::draw(const Task& task, const Sample& sample,
                               const std::vector<std::unique_ptr<Sample>>& siblings,
                               SampleSpec spec, const EpisodeConfig& reading,
                               RandomStream& random) const {
  Strangers strangers;
  if (drawn_share(random, share_)) {
    const auto outsider = outside_[drawn_task(random, weights_)];
    if (outsider == nullptr) return strays(siblings, random);
    strangers.of_other_kind = true;
    spec.tokens = std::max(spec.tokens, outsider->fewest_tokens(*tokenizer_));
    strangers.outsider = outsider->sample(spec, tokenizer_);
  }
  const auto other = strangers.of_other_kind ? nullptr : task.sample(spec, tokenizer_);
  const Sample& asks = other == nullptr ? *strangers.outsider : *other;
  // Where every document is asked the same, this one answers it, too.
  if (asks.row().question == sample.row().question) return {};
  strangers.sections = sections_of(asks, {.section_tokens = reading.section_tokens}, tokenizer_);
  strangers.askers.push_back(asker(asks, strangers.sections, reading));
  return strangers;
}

}  // namespace memagent
