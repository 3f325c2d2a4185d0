#include "train/rl.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fail.h"
#include "base/random.h"
#include "model/local/local_model.h"
#include "task/data_set.h"
#include "task/registry.h"
#include "train/checkpoint.h"
#include "train/drawing.h"
#include "train/optimizer.h"
#include "train/rollout.h"
#include "train/run_folder.h"
#include "train/run_page.h"
#include "train/start.h"
#include "train/trajectory_batch.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

torch::Tensor as_tensor(const std::vector<float>& values) {
  return torch::tensor(values, torch::kFloat);
}

// A batch with what is worked out once, before the first update.
struct PreparedBatch {
  PolicyBatch batch;
  torch::Tensor old;
  torch::Tensor reference;  // undefined without a KL term
};

class RlRun {
 public:
  RlRun(const RlRecipe& recipe, const RunOptions& options)
      : recipe_(recipe),
        options_(options),
        start_(make_start(recipe.network, recipe.reading, {}, recipe.seed)),
        optimizer_(start_.network->parameters(), recipe.optimizer),
        group_(options.group != nullptr ? *options.group : alone_),
        folder_(options.folder, to_json(recipe), options.resume, group_) {
    for (const TaskWeight& task : recipe.questions_from.tasks) {
      tasks_.push_back(task.task == kDataTask ? data_set(recipe.questions_from)
                                              : find_tasks({task.task}, {}).at(0));
    }
    if (recipe.loss.kl > 0) {
      reference_ = make_start(recipe.network, recipe.reading, {}, recipe.seed);
    }
    EpisodeConfig longest = episode_config(recipe.reading);
    longest.window_tokens = start_.network->config().context_tokens;
    longest.section_tokens = static_cast<std::int32_t>(recipe.questions_from.section_tokens.back());
    validate(longest, *start_.renderer);
    if (options.resume) restore();
  }

  void run(const std::function<void(const RlStep&)>& on_step) {
    auto saved = Clock::now();
    while (step_ < recipe_.steps) {
      const RlStep done = step();
      if (on_step) on_step(done);
      const bool stopped = any_stopped(options_, group_);
      const bool due =
          seconds_since(saved) > 60.0 * static_cast<double>(recipe_.checkpoint_minutes);
      if (stopped || due || step_ == recipe_.steps) {
        save();
        saved = Clock::now();
      }
      if (stopped && step_ < recipe_.steps) {
        fail(ErrorKind::kInterrupted, "{}: stopped after step {}: go on with --resume",
             options_.folder, step_);
      }
    }
  }

 private:
  RlStep step() {
    RlStep report;
    report.step = step_ + 1;
    const auto rollout_begin = Clock::now();
    const std::vector<Group> groups = rollouts(report);
    share(report.rollouts);
    report.rollout_seconds = seconds_since(rollout_begin);
    const auto update_begin = Clock::now();
    samples_ = sample_trajectories(groups);
    update(groups, report);
    report.update_seconds = seconds_since(update_begin);
    ++step_;
    folder_.log(log_line(report));
    return report;
  }

  // This process's share of the groups to learn from.
  std::vector<Group> rollouts(RlStep& report) {
    std::shared_ptr<const ModelFile> weights =
        start_.network->model_file(start_.tokenizer, start_.chat_template, options_.name);
    if (engine_ == nullptr) {
      engine_ = make_local_model(std::move(weights), {.threads = options_.threads});
    } else {
      engine_->replace_weights(std::move(weights));
    }
    RandomStream random(derive(derive(recipe_.seed, 1), static_cast<std::uint64_t>(step_)));
    RolloutOptions options;
    options.episode = episode_config(recipe_.reading);
    options.episode.section_tokens =
        static_cast<std::int32_t>(drawn_length(random, recipe_.questions_from.section_tokens));
    options.episode.sampling.temperature = static_cast<float>(recipe_.temperature);
    options.group = recipe_.group;
    std::vector<Group> kept;
    std::int64_t wanted = recipe_.questions;
    for (std::int64_t round = 0; round <= recipe_.resample && wanted > 0; ++round) {
      // Every process draws all questions, and rolls out every so many-th.
      std::vector<RolloutQuestion> questions;
      for (std::int64_t i = 0; i < wanted; ++i) {
        RandomStream of_question(random.next());
        const std::int64_t number = number_++;
        if (i % group_.world_size() != group_.rank()) continue;
        questions.push_back({question(of_question, number), of_question.next()});
      }
      double learnt_from = 0;
      for (Group& group : roll_out(*engine_, start_.renderer, questions, options)) {
        report.rollouts.add(group);
        if (recipe_.resample > 0 && !teaches(group.rewards())) continue;
        kept.push_back(std::move(group));
        ++learnt_from;
      }
      std::vector<double> of_all{learnt_from};
      group_.sum(of_all);
      wanted -= static_cast<std::int64_t>(of_all[0]);
    }
    return kept;
  }

  static std::shared_ptr<const Task> data_set(const QuestionConfig& from) {
    DataSetOptions options;
    options.path = from.data;
    if (!from.distractors.empty()) options.distractor_files = {from.distractors};
    return open_data_set(options);
  }

  void share(RolloutMetrics& metrics) const {
    const std::vector<std::string> all = group_.gather(to_json(metrics));
    metrics = RolloutMetrics();
    for (const std::string& one : all) metrics.add(parse_rollout_metrics(one));
  }

  std::shared_ptr<const Sample> question(RandomStream& random, std::int64_t number) const {
    const QuestionConfig& from = recipe_.questions_from;
    const Task& task = *tasks_[drawn_task(random, from.tasks)];
    SampleSpec spec;
    spec.tokens =
        std::max(drawn_length(random, from.document_tokens), task.fewest_tokens(*start_.tokenizer));
    // Apart from the rows that a warm start with the same seed has seen.
    spec.seed = derive(recipe_.seed, 2);
    spec.split = Split::kTrain;
    spec.index = number;
    if (task.size() >= 0) {
      // A data set's rows come again, each time in another order of paragraphs.
      spec.index = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(task.size())));
      spec.seed = derive(spec.seed, static_cast<std::uint64_t>(number));
    }
    return task.sample(spec, start_.tokenizer);
  }

  void update(const std::vector<Group>& groups, RlStep& report) {
    const auto num_groups = std::ssize(groups);
    const std::int64_t parts = recipe_.mini_batches;
    // Learnt from once, at the weights that they were sampled with.
    const bool once = parts == 1 && recipe_.loss.kl == 0 && recipe_.loss.entropy == 0;
    PackOptions pack;
    pack.batch_tokens = recipe_.batch_tokens;
    pack.answer_only = recipe_.advantage.credit == Credit::kAnswer;
    pack.merge_equal = once;
    std::vector<std::vector<PreparedBatch>> mini_batches;
    for (std::int64_t part = 0; part < parts; ++part) {
      std::vector<PolicyBatch> batches;
      for (std::int64_t i = part * num_groups / parts; i < (part + 1) * num_groups / parts; ++i) {
        const Group& group = groups[static_cast<std::size_t>(i)];
        pack_group(group, conversation_advantages(scored(group), recipe_.advantage), pack, batches);
      }
      std::vector<PreparedBatch> prepared;
      for (PolicyBatch& batch : batches) prepared.push_back(prepare(std::move(batch), parts > 1));
      mini_batches.push_back(std::move(prepared));
    }
    double trained_tokens = 0;
    for (const std::vector<PreparedBatch>& mini_batch : mini_batches) {
      std::vector<double> rows{0};
      for (const PreparedBatch& prepared : mini_batch) {
        rows[0] += static_cast<double>(prepared.batch.sampled_tokens);
        trained_tokens += static_cast<double>(prepared.batch.packed.num_tokens());
        if (!prepared.batch.packed.rows.empty()) backward(prepared, report.loss);
      }
      group_.sum(rows);
      if (rows[0] == 0) continue;
      group_.sum_gradients(start_.network->parameters());
      const Optimizer::Step done =
          optimizer_.step(rows[0], static_cast<double>(step_) / static_cast<double>(recipe_.steps));
      report.gradient_norm = done.gradient_norm;
      report.rate = done.rate;
    }
    share(trained_tokens, report);
  }

  // Of all processes, for the log.
  void share(double trained_tokens, RlStep& report) const {
    PolicyLossSums& loss = report.loss;
    std::vector<double> sums{trained_tokens, loss.count,   loss.loss, loss.clipped,
                             loss.kl,        loss.entropy, loss.gap,  loss.capped};
    const std::size_t largest = sums.size() + static_cast<std::size_t>(group_.rank());
    sums.resize(sums.size() + static_cast<std::size_t>(group_.world_size()));
    sums[largest] = loss.largest_ratio;
    group_.sum(sums);
    report.trained_tokens = static_cast<std::int64_t>(sums[0]);
    loss = {sums[1], sums[2], sums[3], sums[4],
            sums[5], sums[6], sums[7], *std::max_element(sums.begin() + 8, sums.end())};
  }

  // Rewards less the mean penalty for length over a trajectory's conversations.
  std::vector<double> penalised(const Group& group) const {
    std::vector<double> rewards = group.rewards();
    if (recipe_.overlong_tokens <= 0) return rewards;
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      const auto& conversations = group.trajectories[i].trajectory.conversations;
      double penalty = 0;
      for (const Conversation& conversation : conversations) {
        const bool answer = conversation.kind == ConversationKind::kAnswer;
        const std::int64_t limit =
            answer ? recipe_.reading.output_tokens : recipe_.reading.memory_tokens;
        penalty += overlong_penalty(conversation.response.generated_tokens, limit,
                                    recipe_.overlong_tokens);
      }
      rewards[i] += penalty / static_cast<double>(conversations.size());
    }
    return rewards;
  }

  std::vector<ScoredTrajectory> scored(const Group& group) const {
    const std::vector<double> rewards = penalised(group);
    std::vector<ScoredTrajectory> all;
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      const RolledOut& rolled = group.trajectories[i];
      const std::vector<double> own =
          step_rewards(group.row, rolled.trajectory, rolled.reward, recipe_.step_reward);
      ScoredTrajectory& one = all.emplace_back();
      one.reward = rewards[i];
      for (std::size_t c = 0; c < own.size(); ++c) {
        const Conversation& said = rolled.trajectory.conversations[c];
        const bool answer = said.kind == ConversationKind::kAnswer;
        one.conversations.push_back({{answer ? 0 : said.pass, said.section_index}, own[c]});
      }
    }
    return all;
  }

  PreparedBatch prepare(PolicyBatch batch, bool several_updates) const {
    PreparedBatch prepared;
    prepared.batch = std::move(batch);
    const torch::NoGradGuard no_gradients;
    if (several_updates) {
      prepared.old =
          start_.network->logprobs(prepared.batch.packed, false, recipe_.temperature).logprobs;
    }
    if (recipe_.loss.kl > 0) {
      prepared.reference =
          reference_.network->logprobs(prepared.batch.packed, false, recipe_.temperature).logprobs;
    }
    return prepared;
  }

  void backward(const PreparedBatch& prepared, PolicyLossSums& sums) {
    const bool with_entropy = recipe_.loss.entropy > 0;
    const TokenLogprobs now =
        start_.network->logprobs(prepared.batch.packed, with_entropy, recipe_.temperature);
    PolicyLossInput input;
    input.logprobs = now.logprobs;
    // The first update of a batch is made with the weights that its old values come from.
    input.old = prepared.old.defined() ? prepared.old : now.logprobs.detach();
    input.rollout = as_tensor(prepared.batch.rollout);
    input.reference = prepared.reference;
    input.entropy = now.entropy;
    input.advantages = as_tensor(prepared.batch.advantages);
    policy_loss(input, recipe_.loss, sums).backward();
  }

  std::string log_line(const RlStep& report) const {
    const double rows = std::max(1.0, report.loss.count);
    Json json;
    json["step"] = report.step;
    const RolloutMetrics& rollouts = report.rollouts;
    json["reward"] = rollouts.reward.value();
    json["best_of_group"] = rollouts.best.value();
    json["groups"] = rollouts.groups;
    json["groups_that_teach"] = rollouts.taught;
    json["failed_trajectories"] = rollouts.failed;
    for (const auto& [task, mean] : rollouts.tasks) json["tasks"][task] = mean.value();
    for (const auto& [length, mean] : rollouts.lengths) {
      json["lengths"][std::to_string(length)] = mean.value();
    }
    json["kept_memories"] = rollouts.kept.value();
    json["malformed"] = rollouts.malformed.value();
    json["stopped_early"] = rollouts.stopped_early.value();
    json["truncated"] = rollouts.truncated.value();
    json["reply_tokens"] = rollouts.reply_tokens.value();
    json["memory_tokens"] = rollouts.memory_tokens.value();
    json["entropy"] = rollouts.entropy.value();
    json["learnt_tokens"] = report.loss.count;
    json["loss"] = report.loss.loss / rows;
    json["clip_fraction"] = report.loss.clipped / rows;
    json["kl"] = report.loss.kl / rows;
    json["rollout_gap"] = report.loss.gap / rows;
    json["importance_capped"] = report.loss.capped / rows;
    json["largest_ratio"] = report.loss.largest_ratio;
    json["gradient_norm"] = report.gradient_norm;
    json["rate"] = report.rate;
    json["trained_tokens"] = report.trained_tokens;
    json["rollout_seconds"] = report.rollout_seconds;
    json["update_seconds"] = report.update_seconds;
    return json.dump();
  }

  void save() {
    if (!group_.leads()) return;
    Json state;
    state["step"] = step_;
    state["number"] = number_;
    state["log_bytes"] = folder_.log_bytes();
    write_checkpoint(folder_.path(), *start_.network, optimizer_, state.dump());
    optimizer_.swap_average();
    write_model(start_, options_.name, recipe_.questions_from.section_tokens.back(),
                folder_.file("model.gguf"));
    optimizer_.swap_average();
    write_run_page(folder_, {.kind = "rl",
                             .name = options_.name,
                             .recipe_json = to_json(recipe_),
                             .running = step_ < recipe_.steps,
                             .samples_json = samples_});
  }

  void restore() {
    const auto restored = read_checkpoint(folder_.path(), *start_.network, optimizer_);
    if (!restored) return;
    if (!restored->warning.empty() && options_.on_warning) options_.on_warning(restored->warning);
    const Json state = Json::parse(restored->state_json);
    step_ = state.at("step").get<std::int64_t>();
    number_ = state.at("number").get<std::int64_t>();
    folder_.cut_log(state.at("log_bytes").get<std::int64_t>());
  }

  const RlRecipe& recipe_;
  const RunOptions& options_;
  Start start_;
  Start reference_;  // as the run began; empty without a KL term
  Optimizer optimizer_;
  const DataParallelGroup alone_{Rendezvous()};
  const DataParallelGroup& group_;
  RunFolder folder_;
  std::unique_ptr<LocalModel> engine_;  // with the weights of the last rollouts
  std::vector<std::shared_ptr<const Task>> tasks_;
  std::string samples_;  // of the last step's trajectories, for the page
  // What a checkpoint keeps.
  std::int64_t step_ = 0;
  std::int64_t number_ = 0;  // of the next question
};

}  // namespace

void train_rl(const RlRecipe& recipe, const RunOptions& options,
              const std::function<void(const RlStep&)>& on_step) {
  use_threads(options.threads);
  RlRun(recipe, options).run(on_step);
}

}  // namespace memagent
