#include "train/step_rollouts.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/budget.h"
#include "train/advantage.h"
#include "train/credit.h"
#include "train/drawing.h"
#include "train/recipe_tasks.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

StepQuestions::StepQuestions(const RlRecipe& recipe, const Start& start,
                             const DataParallelGroup& group)
    : recipe_(recipe), group_(group), renderer_(start.renderer), tokenizer_(start.tokenizer) {
  const QuestionConfig& from = recipe.questions_from;
  tasks_ = tasks_of(from.tasks, {.haystack_file = from.haystack}, from.data);
  cluttered_ = tasks_of(from.tasks, {.haystack_file = "", .clutter = true});
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (cluttered_[i] == nullptr) cluttered_[i] = tasks_[i];
  }
  check_sections(recipe.reading, recipe.questions_from.section_tokens.back(),
                 start.network->config().context_tokens, *renderer_, recipe.questions_from.where);
}

std::shared_ptr<const Sample> StepQuestions::question(RandomStream& random,
                                                      std::int64_t number) const {
  return drawn_until_it_fits(
      [&](std::uint64_t attempt) { return drawn_question(random, number, attempt); }, *renderer_,
      recipe_.reading.question_tokens, recipe_.questions_from.where);
}

std::shared_ptr<const Sample> StepQuestions::drawn_question(RandomStream& random,
                                                            std::int64_t number,
                                                            std::uint64_t attempt) const {
  const QuestionConfig& from = recipe_.questions_from;
  const std::size_t drawn = drawn_task(random, from.tasks);
  const bool cluttered = drawn_share(random, from.clutter);
  const Task& task = *(cluttered ? cluttered_ : tasks_)[drawn];
  SampleSpec spec;
  spec.tokens =
      std::max(drawn_length(random, from.document_tokens), task.fewest_tokens(*tokenizer_));
  // Apart from the rows that a warm start with the same seed has seen.
  spec.seed = derive(recipe_.seed, 2);
  if (attempt > 0) spec.seed = derive(spec.seed, attempt);
  spec.split = Split::kTrain;
  spec.index = number;
  spec.crowded = drawn_share(random, from.crowded);
  if (task.size() >= 0) {
    // A data set's rows come again, each time in another order of paragraphs.
    spec.index = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(task.size())));
    spec.seed = derive(spec.seed, static_cast<std::uint64_t>(number));
  }
  return task.sample(spec, tokenizer_);
}

StepRollouts StepQuestions::roll_out(LanguageModel& model, std::int64_t step,
                                     std::int64_t first_number,
                                     const std::atomic<bool>* stop) const {
  const auto begin = Clock::now();
  StepRollouts rolled;
  rolled.next_number = first_number;
  RandomStream random(derive(derive(recipe_.seed, 1), static_cast<std::uint64_t>(step)));
  RolloutOptions options;
  options.episode = episode_config(recipe_.reading);
  options.episode.section_tokens =
      static_cast<std::int32_t>(drawn_length(random, recipe_.questions_from.section_tokens));
  options.episode.passes = recipe_.questions_from.passes;
  options.episode.sampling.temperature = static_cast<float>(recipe_.temperature);
  options.group = recipe_.group;
  options.stop = stop;
  const std::int32_t update_tokens = update_output_tokens(options.episode, *renderer_);
  std::int64_t wanted = recipe_.questions;
  for (std::int64_t round = 0; round <= recipe_.resample && wanted > 0; ++round) {
    // Every process draws all questions, and rolls out every so many-th.
    std::vector<RolloutQuestion> questions;
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < wanted; ++i) {
      RandomStream of_question(random.next());
      const std::int64_t number = rolled.next_number++;
      if (i % group_.world_size() != group_.rank()) continue;
      questions.push_back({question(of_question, number), of_question.next()});
      numbers.push_back(number);
    }
    double learnt_from = 0;
    std::vector<Group> groups = memagent::roll_out(model, renderer_, questions, options);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      Group& group = groups[i];
      const bool taught = teaches(credited(group, recipe_, update_tokens));
      rolled.metrics.add(group, taught);
      if (recipe_.resample > 0 && !taught) continue;
      rolled.groups.push_back(std::move(group));
      rolled.numbers.push_back(numbers[i]);
      ++learnt_from;
    }
    if (recipe_.resample == 0) break;
    std::vector<double> of_all{learnt_from};
    group_.sum(of_all);
    wanted -= static_cast<std::int64_t>(of_all[0]);
  }
  rolled.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return rolled;
}

}  // namespace memagent
