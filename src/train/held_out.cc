#include "train/held_out.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/random.h"
#include "train/drawing.h"
#include "train/recipe_tasks.h"

namespace memagent {

HeldOut::HeldOut(const HeldOutConfig& config, std::uint64_t seed, std::int64_t section_tokens,
                 std::int32_t passes, const Start& start)
    : config_(config),
      // Apart from what lessons and questions are drawn with.
      seed_(derive(seed, 3)),
      episode_(episode_config(start.reading)),
      renderer_(start.renderer),
      tokenizer_(start.tokenizer) {
  if (config_.steps <= 0) return;
  const std::int64_t wanted =
      start.reading.section_tokens > 0 ? start.reading.section_tokens : section_tokens;
  const std::int32_t context = start.network->config().context_tokens;
  check_sections(start.reading, wanted, context, *renderer_, config.where);
  episode_.section_tokens = static_cast<std::int32_t>(wanted);
  episode_.window_tokens = context;
  episode_.sampling.temperature = 0;
  episode_.passes = passes;
  tasks_ = tasks_of(config_.tasks, {}, config_.data);
  // A row that cannot be asked is told before the run begins.
  for (std::int64_t row = 0; row < config_.rows; ++row) {
    question(row, config_.document_tokens.front());
  }
}

RolloutQuestion HeldOut::question(std::int64_t row, std::int64_t document_tokens) const {
  RandomStream random(derive(seed_, static_cast<std::uint64_t>(row)));
  const Task& task = *tasks_[drawn_task(random, config_.tasks)];
  SampleSpec spec;
  spec.tokens = std::max(document_tokens, task.fewest_tokens(*tokenizer_));
  spec.split = Split::kTest;
  spec.index = task.size() >= 0 ? row % task.size() : row;
  const std::uint64_t reading_seed = random.next();
  return {drawn_until_it_fits(
              [&](std::uint64_t attempt) {
                spec.seed = attempt == 0 ? seed_ : derive(seed_, attempt);
                return task.sample(spec, tokenizer_);
              },
              *renderer_, episode_.question_tokens, config_.where),
          reading_seed};
}

HeldOutScores HeldOut::scores(LanguageModel& model, const DataParallelGroup& group) const {
  std::vector<RolloutQuestion> questions;
  std::vector<std::size_t> lengths;  // of each question, as a place in document_tokens
  for (std::size_t length = 0; length < config_.document_tokens.size(); ++length) {
    for (std::int64_t row = group.rank(); row < config_.rows; row += group.world_size()) {
      questions.push_back(question(row, config_.document_tokens[length]));
      lengths.push_back(length);
    }
  }
  RolloutOptions options;
  options.episode = episode_;
  options.group = 1;
  const std::vector<Group> groups = roll_out(model, renderer_, questions, options);
  std::vector<double> sums(2 * config_.document_tokens.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    sums[2 * lengths[i]] += groups[i].trajectories.at(0).reward;
    sums[2 * lengths[i] + 1] += 1;
  }
  group.sum(sums);
  HeldOutScores scores;
  for (std::size_t length = 0; length < config_.document_tokens.size(); ++length) {
    scores[config_.document_tokens[length]] = {sums[2 * length], sums[2 * length + 1]};
  }
  return scores;
}

std::string to_json(const HeldOutScores& scores) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [length, score] : scores) json[std::to_string(length)] = score.value();
  return json.dump();
}

}  // namespace memagent
