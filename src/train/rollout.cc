#include "train/rollout.h"

#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "memagent/runner.h"

namespace memagent {
namespace {

// Collects what the Episodes leave behind; Episode i is trajectory i % G of question i / G.
class Collector final : public RunObserver {
 public:
  explicit Collector(std::vector<Group>& groups, std::size_t per_group)
      : groups_(groups), per_group_(per_group) {}

  void on_conversation(std::size_t episode, const Episode&,
                       const Conversation& conversation) override {
    at(episode).trajectory.conversations.push_back(conversation);
  }
  AfterFailure on_failed(std::size_t episode, const Episode&, const Error& error) override {
    if (error.kind() != ErrorKind::kModel) return AfterFailure::kEndRun;
    at(episode).failed = true;
    return AfterFailure::kSkipStep;
  }

  RolledOut& at(std::size_t episode) {
    return groups_[episode / per_group_].trajectories[episode % per_group_];
  }

 private:
  std::vector<Group>& groups_;
  std::size_t per_group_;
};

}  // namespace

std::vector<double> Group::rewards() const {
  std::vector<double> all;
  for (const RolledOut& each : trajectories) all.push_back(each.reward);
  return all;
}

std::vector<Group> roll_out(LanguageModel& model,
                            const std::shared_ptr<const PromptRenderer>& renderer,
                            const std::vector<RolloutQuestion>& questions,
                            const RolloutOptions& options) {
  MEMAGENT_CHECK(options.group > 0, "{} trajectories for a question", options.group);
  const auto per_group = static_cast<std::size_t>(options.group);
  std::vector<Group> groups(questions.size());
  std::vector<SectionReader> readers;
  std::vector<Episode> episodes;
  readers.reserve(questions.size());
  episodes.reserve(questions.size() * per_group);
  EpisodeConfig config = options.episode;
  config.keep_prompts = true;
  config.logprobs = true;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    groups[i].row = questions[i].sample->row();
    groups[i].trajectories.resize(per_group);
    readers.emplace_back(
        questions[i].sample->document(), model.tokenizer(),
        SectionOptions{.section_tokens = config.section_tokens, .cut = options.cut});
    for (std::size_t j = 0; j < per_group; ++j) {
      config.sampling.seed = derive(questions[i].seed, j);
      episodes.emplace_back(config, renderer, groups[i].row.question);
    }
  }

  RunnerOptions runner_options;
  runner_options.max_in_flight = options.max_in_flight;
  runner_options.stop = options.stop;
  Runner runner(model, runner_options);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::size_t document = runner.add_document(readers[i]);
    for (std::size_t j = 0; j < per_group; ++j) {
      runner.add_episode(episodes[i * per_group + j], document);
    }
  }
  Collector collector(groups, per_group);
  runner.run(collector);

  for (std::size_t i = 0; i < episodes.size(); ++i) {
    RolledOut& rolled = collector.at(i);
    const EpisodeState& state = episodes[i].state();
    const Row& row = groups[i / per_group].row;
    rolled.trajectory.answer = state.answer;
    rolled.memory_changes = state.memory_changes;
    rolled.updates = state.sections_read;
    rolled.malformed = state.malformed;
    rolled.truncated = state.truncated;
    rolled.stopped_early = state.stopped_early;
    rolled.generated_tokens = state.generated_tokens;
    if (!rolled.failed) {
      rolled.reward = verify(state.answer, row, options.verifier).score;
    }
  }
  return groups;
}

}  // namespace memagent
