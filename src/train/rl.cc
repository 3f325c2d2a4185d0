#include "train/rl.h"

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "agent/budget.h"
#include "base/fail.h"
#include "train/after_step.h"
#include "train/checkpoint.h"
#include "train/credit.h"
#include "train/device_copy.h"
#include "train/optimizer.h"
#include "train/policy_engine.h"
#include "train/rollout.h"
#include "train/run_folder.h"
#include "train/run_page.h"
#include "train/start.h"
#include "train/step_rollouts.h"
#include "train/trajectory_batch.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A batch with what is worked out once, before the first update.
struct PreparedBatch {
  PolicyBatch batch;
  torch::Tensor old;
  torch::Tensor reference;  // undefined without a KL term
};

// Beside an update, rollouts have half of the threads.
int threads_of_engine(const RlRecipe& recipe, const RunOptions& options) {
  return recipe.overlap ? std::max(1, num_threads(options.threads) / 2) : options.threads;
}

std::optional<TorchModelOptions> torch_options(const RlRecipe& recipe) {
  if (recipe.rollouts == Rollouts::kEngine) return std::nullopt;
  TorchModelOptions options;
  options.cache_bytes = recipe.rollout_cache_gb << 30;
  options.share_prefixes = recipe.reading.layout == Layout::kSectionFirst;
  return options;
}

class RlRun {
 public:
  RlRun(const RlRecipe& recipe, const RunOptions& options)
      : recipe_(recipe),
        options_(options),
        group_(options.group != nullptr ? *options.group : alone_),
        start_(make_start(recipe.network, recipe.reading,
                          policy_options(recipe.machine, recipe.adapter), recipe.seed)),
        update_tokens_(update_output_tokens(episode_config(recipe.reading), *start_.renderer)),
        optimizer_(start_.network->parameters(), recipe.optimizer),
        questions_(recipe, start_, group_),
        held_out_(recipe.held_out, recipe.seed, recipe.questions_from.section_tokens.back(),
                  recipe.questions_from.passes, start_),
        engine_(threads_of_engine(recipe, options), torch_options(recipe)) {
    if (recipe.overlap && recipe.resample > 0 && group_.world_size() > 1) {
      fail(ErrorKind::kUsage,
           "overlap and resample with {} processes: both would talk at once: set one of them to "
           "off, or train in one process",
           group_.world_size());
    }
    // After all that may be refused, so that a recipe that is mended finds no run in its folder.
    folder_.emplace(options.folder, to_json(recipe), options.resume, group_);
    if (recipe.loss.kl > 0 && recipe.adapter.rank > 0) {
      reference_ = start_.network->without_adapters();
    } else if (recipe.loss.kl > 0) {
      const PolicyOptions machine = policy_options(recipe.machine);
      reference_ = make_start(recipe.network, recipe.reading, machine, recipe.seed).network;
    }
    if (recipe.overlap) {
      for (const Parameter& parameter : start_.network->parameters()) {
        sampled_with_.push_back({"rollout." + parameter.name, parameter.value.detach().clone()});
      }
    }
    if (options.resume) restore();
  }
  ~RlRun() {
    abandoned_ = true;
    if (coming_.valid()) coming_.wait();
  }
  RlRun(const RlRun&) = delete;
  RlRun& operator=(const RlRun&) = delete;

  void run(const std::function<void(const RlStep&)>& on_step) {
    with_stopped_page([&] { go_on(on_step); }, [&](RunState state) { write_page(state); });
  }

 private:
  void go_on(const std::function<void(const RlStep&)>& on_step) {
    AfterStep after_step(recipe_.checkpoint_minutes);
    if (!restored_ && held_out_.due(0)) {
      folder_->log(fmt::format(R"({{"step":0,"held_out":{}}})", to_json(held_out())));
    }
    while (step_ < recipe_.steps) {
      const std::optional<RlStep> done = step();
      if (done && on_step) on_step(*done);
      const bool stopped = !done || any_stopped(options_, group_);
      const ToWrite due = after_step(stopped || step_ == recipe_.steps);
      if (due == ToWrite::kCheckpoint) save();
      if (due == ToWrite::kPage) write_page(RunState::kRunning);
      if (stopped && step_ < recipe_.steps) {
        fail(ErrorKind::kInterrupted, "{}: stopped after step {}: go on with --resume",
             options_.folder, step_);
      }
    }
  }

  // None if the run is stopped before there is anything to learn from: then nothing has changed,
  // and a run that goes on rolls the same out again.
  std::optional<RlStep> step() {
    RlStep report;
    report.step = step_ + 1;
    const auto begin = Clock::now();
    const std::optional<StepRollouts> there = rollouts();
    if (any_stopped(options_, group_) || !there) return std::nullopt;
    const StepRollouts& rolled = *there;
    report.waited_seconds = seconds_since(begin);
    report.rollout_seconds = rolled.seconds;
    report.rollouts = shared(rolled.metrics);
    report.staleness = optimizer_.steps() - sampled_at_;
    const std::int64_t first_number = std::exchange(number_, rolled.next_number);
    if (recipe_.overlap && step_ + 1 < recipe_.steps) begin_next();
    const auto update_begin = Clock::now();
    samples_ = sample_trajectories(rolled.groups);
    update(rolled, first_number, report);
    report.update_seconds = seconds_since(update_begin);
    report.seconds = seconds_since(begin);
    ++step_;
    if (held_out_.due(step_)) report.held_out = held_out();
    folder_->log(log_line(report));
    return report;
  }

  // Those of this step: made beside the last update, or now. None if this process is stopped
  // meanwhile.
  std::optional<StepRollouts> rollouts() {
    try {
      return coming_.valid() ? awaited() : rolled_out();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInterrupted) throw;
      return std::nullopt;
    }
  }

  StepRollouts awaited() {
    constexpr std::chrono::milliseconds kPoll{100};
    while (coming_.wait_for(kPoll) != std::future_status::ready) {
      if (options_.stop != nullptr && options_.stop->load()) abandoned_ = true;
    }
    return coming_.get();
  }

  StepRollouts rolled_out() {
    // A run that goes on takes the weights that its step would have had.
    const bool before_last_update = recipe_.overlap && step_ > 0;
    sampled_at_ = optimizer_.steps() - (before_last_update ? last_updates_ : 0);
    LanguageModel& engine = before_last_update
                                ? engine_.with_weights_of(start_, options_.name, sampled_tensors())
                                : engine_.with_weights_of(start_, options_.name);
    // Where processes tell each other what to draw anew, none may leave in the middle.
    const bool together = recipe_.resample > 0 && group_.world_size() > 1;
    StepRollouts rolled =
        questions_.roll_out(engine, step_, number_, together ? nullptr : options_.stop);
    engine_.rest();
    return rolled;
  }

  std::vector<torch::Tensor> sampled_tensors() const {
    std::vector<torch::Tensor> tensors;
    for (const Optimizer::Named& named : sampled_with_) tensors.push_back(named.tensor);
    return tensors;
  }

  // The next step's, with the weights as they are, while they are updated.
  void begin_next() {
    const auto& parameters = start_.network->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      sampled_with_[i].tensor.copy_(parameters[i].value.detach());
    }
    sampled_at_ = optimizer_.steps();
    LanguageModel& engine = engine_.with_weights_of(start_, options_.name, sampled_tensors());
    coming_ = std::async(std::launch::async, [this, &engine, step = step_ + 1, number = number_] {
      return questions_.roll_out(engine, step, number, &abandoned_);
    });
  }

  // By the weights that the model's file would have.
  HeldOutScores held_out() {
    if (coming_.valid()) coming_.wait();  // the engine is in use
    optimizer_.swap_average();
    HeldOutScores scores = held_out_.scores(engine_.with_weights_of(start_, options_.name), group_);
    engine_.rest();
    optimizer_.swap_average();
    return scores;
  }

  // Of all processes.
  RolloutMetrics shared(const RolloutMetrics& mine) const {
    RolloutMetrics metrics;
    for (const std::string& one : group_.gather(to_json(mine))) {
      metrics.add(parse_rollout_metrics(one));
    }
    return metrics;
  }

  // Which mini-batch each of this process's groups is learnt from in: by where its question stands
  // among those of all processes, so that they learn together what one would alone.
  std::vector<std::int64_t> mini_batches_of(const std::vector<std::int64_t>& numbers,
                                            std::int64_t first_number) const {
    std::vector<double> is_there(static_cast<std::size_t>(number_ - first_number));
    for (const std::int64_t number : numbers) {
      is_there[static_cast<std::size_t>(number - first_number)] = 1;
    }
    group_.sum(is_there);
    // Before each question.
    std::vector<double> before(is_there.size());
    std::exclusive_scan(is_there.begin(), is_there.end(), before.begin(), 0.0);
    const double all = std::reduce(is_there.begin(), is_there.end());
    std::vector<std::int64_t> parts;
    for (const std::int64_t number : numbers) {
      const double place = before[static_cast<std::size_t>(number - first_number)];
      parts.push_back(static_cast<std::int64_t>(place) * recipe_.mini_batches /
                      static_cast<std::int64_t>(all));
    }
    return parts;
  }

  void update(const StepRollouts& rolled, std::int64_t first_number, RlStep& report) {
    const std::int64_t parts = recipe_.mini_batches;
    const std::vector<std::int64_t> part_of = mini_batches_of(rolled.numbers, first_number);
    // Learnt from once, at the weights that they were sampled with.
    const bool once = parts == 1 && recipe_.loss.kl == 0 && recipe_.loss.entropy == 0;
    PackOptions pack;
    pack.batch_tokens = recipe_.batch_tokens;
    pack.answer_only = recipe_.advantage.credit == Credit::kAnswer;
    pack.merge_equal = once;
    pack.sure = recipe_.sure;
    std::vector<std::vector<PreparedBatch>> mini_batches;
    for (std::int64_t part = 0; part < parts; ++part) {
      std::vector<PolicyBatch> batches;
      for (std::size_t i = 0; i < rolled.groups.size(); ++i) {
        if (part_of[i] != part) continue;
        const Group& group = rolled.groups[i];
        pack_group(group, credited(group, recipe_, update_tokens_), pack, batches);
      }
      std::vector<PreparedBatch> prepared;
      for (PolicyBatch& batch : batches) prepared.push_back(prepare(std::move(batch), parts > 1));
      mini_batches.push_back(std::move(prepared));
    }
    double trained_tokens = 0;
    double sampled_tokens = 0;
    for (const std::vector<PreparedBatch>& mini_batch : mini_batches) {
      std::vector<double> rows{0};
      for (const PreparedBatch& prepared : mini_batch) {
        rows[0] += static_cast<double>(prepared.batch.sampled_tokens);
        trained_tokens += static_cast<double>(prepared.batch.packed.num_tokens());
        if (!prepared.batch.packed.rows.empty()) backward(prepared, report.loss);
      }
      group_.sum(rows);
      sampled_tokens += rows[0];
      if (rows[0] == 0) continue;
      group_.sum_gradients(start_.network->parameters());
      const Optimizer::Step done =
          optimizer_.step(rows[0], static_cast<double>(step_) / static_cast<double>(recipe_.steps));
      report.gradient_norm = done.gradient_norm;
      report.rate = done.rate;
      if (done.skipped) ++report.skipped;
    }
    report.sampled_tokens = sampled_tokens;
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
          reference_->logprobs(prepared.batch.packed, false, recipe_.temperature).logprobs;
    }
    return prepared;
  }

  void backward(const PreparedBatch& prepared, PolicyLossSums& sums) {
    const bool with_entropy = recipe_.loss.entropy > 0;
    const torch::Device device = start_.network->options().device;
    const TokenLogprobs now =
        start_.network->logprobs(prepared.batch.packed, with_entropy, recipe_.temperature);
    PolicyLossInput input;
    input.logprobs = now.logprobs;
    // The first update of a batch is made with the weights that its old values come from.
    input.old = prepared.old.defined() ? prepared.old : now.logprobs.detach();
    input.rollout = on_device(std::span<const float>(prepared.batch.rollout), device);
    input.reference = prepared.reference;
    input.entropy = now.entropy;
    input.advantages = on_device(std::span<const float>(prepared.batch.advantages), device);
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
    // The loss is a mean over all that was sampled, what follows over those learnt from one by one
    // (PackOptions::merge_equal).
    json["sampled_tokens"] = report.sampled_tokens;
    json["learnt_tokens"] = report.loss.count;
    json["loss"] = report.loss.loss / std::max(1.0, report.sampled_tokens);
    json["clip_fraction"] = report.loss.clipped / rows;
    json["kl"] = report.loss.kl / rows;
    json["rollout_gap"] = report.loss.gap / rows;
    json["importance_capped"] = report.loss.capped / rows;
    json["largest_ratio"] = report.loss.largest_ratio;
    json["gradient_norm"] = report.gradient_norm;
    json["rate"] = report.rate;
    if (report.skipped > 0) json["skipped"] = report.skipped;
    json["trained_tokens"] = report.trained_tokens;
    if (recipe_.overlap) {
      json["staleness"] = report.staleness;
      json["waited_seconds"] = report.waited_seconds;
    }
    json["rollout_seconds"] = report.rollout_seconds;
    json["update_seconds"] = report.update_seconds;
    json["seconds"] = report.seconds;
    const auto a_second = [](double tokens, double seconds) {
      return seconds > 0 ? std::round(tokens / seconds) : 0;
    };
    json["sampled_tokens_per_second"] = a_second(rollouts.reply_tokens.sum, report.rollout_seconds);
    json["trained_tokens_per_second"] =
        a_second(static_cast<double>(report.trained_tokens), report.update_seconds);
    if (!report.held_out.empty()) json["held_out"] = Json::parse(to_json(report.held_out));
    return json.dump();
  }

  std::string files() const {
    return files_of(start_, recipe_.adapter.rank > 0 || recipe_.loss.kl > 0);
  }

  void save() {
    if (!group_.leads()) return;
    Json state;
    state["step"] = step_;
    state["number"] = number_;
    if (recipe_.overlap) state["stale_updates"] = optimizer_.steps() - sampled_at_;
    state["log_bytes"] = folder_->log_bytes();
    state["files"] = files();
    // The checkpoint last: a run that goes on from its end finds the rest there.
    write_trained_model(start_, optimizer_, options_.name,
                        recipe_.questions_from.section_tokens.back(), folder_->file("model.gguf"));
    write_page(step_ == recipe_.steps ? RunState::kDone : RunState::kRunning);
    write_checkpoint(folder_->path(), *start_.network, optimizer_, state.dump(), sampled_with_);
  }

  void write_page(RunState state) const {
    if (!group_.leads()) return;
    write_run_page(*folder_, {.kind = "rl",
                              .name = options_.name,
                              .recipe_json = to_json(recipe_),
                              .state = state,
                              .samples_json = samples_});
  }

  void restore() {
    const auto restored =
        read_checkpoint(folder_->path(), *start_.network, optimizer_, sampled_with_);
    refuse_other_checkpoints(restored, group_);
    if (!restored) return folder_->cut_log(0);
    if (!restored->warning.empty() && options_.on_warning) options_.on_warning(restored->warning);
    const Json state = Json::parse(restored->state_json);
    refuse_other_files(state.value("files", files()), files(), options_.folder);
    step_ = state.at("step").get<std::int64_t>();
    number_ = state.at("number").get<std::int64_t>();
    if (recipe_.overlap) last_updates_ = state.at("stale_updates").get<std::int64_t>();
    folder_->cut_log(state.at("log_bytes").get<std::int64_t>());
    restored_ = true;
  }

  const RlRecipe& recipe_;
  const RunOptions& options_;
  const DataParallelGroup alone_{Rendezvous()};
  const DataParallelGroup& group_;
  Start start_;
  std::int32_t update_tokens_;  // the most that an update may have
  // The network as the run began: the one that adapters adapt, or a copy; null without a KL term.
  std::unique_ptr<PolicyNetwork> reference_;
  Optimizer optimizer_;
  std::optional<RunFolder> folder_;
  StepQuestions questions_;
  HeldOut held_out_;
  PolicyEngine engine_;
  std::string samples_;  // of the last step's trajectories, for the page
  // With overlap: the rollouts of the next step, under way.
  std::future<StepRollouts> coming_;
  std::atomic<bool> abandoned_{false};
  std::int64_t sampled_at_ = 0;  // updates before the weights of the last rollouts
  bool restored_ = false;        // goes on from a checkpoint
  // What a checkpoint keeps.
  std::int64_t step_ = 0;
  std::int64_t number_ = 0;                     // of the next question
  std::vector<Optimizer::Named> sampled_with_;  // with overlap: the weights of the next rollouts
  std::int64_t last_updates_ = 0;               // and by how many updates they are behind
};

}  // namespace

void train_rl(const RlRecipe& recipe, const RunOptions& options,
              const std::function<void(const RlStep&)>& on_step) {
  const int threads = num_threads(options.threads);
  use_threads(recipe.overlap ? std::max(1, threads - threads / 2) : threads);
  const std::string cache =
      recipe.rollouts == Rollouts::kTorch
          ? fmt::format("rollout_cache_gb (now {}), ", recipe.rollout_cache_gb)
          : "";
  within_memory(fmt::format("{}batch_tokens (now {}), questions ({}), group ({}), the longest "
                            "section_tokens, or the size of the network",
                            cache, recipe.batch_tokens, recipe.questions, recipe.group),
                [&] { RlRun(recipe, options).run(on_step); });
}

}  // namespace memagent
