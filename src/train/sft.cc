#include "train/sft.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "base/fail.h"
#include "train/after_step.h"
#include "train/checkpoint.h"
#include "train/device_copy.h"
#include "train/lesson_ahead.h"
#include "train/optimizer.h"
#include "train/policy_engine.h"
#include "train/run_folder.h"
#include "train/run_page.h"
#include "train/selection.h"
#include "train/start.h"
#include "train/training_batch.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

// How much less a reply counts with every step that follows it.
constexpr double kForget = 0.98;
// Replies of a kind before their share is believed.
constexpr double kEnough = 200;
// Batches that a device selects one from, about: a trained reader is sure of most of its replies.
constexpr std::int64_t kCandidates = 4;
// So many batches' worth of lessons are looked at for one, and so many documents: what the policy
// is sure of all of them, there may be none to learn from.
constexpr std::int64_t kMostLookedAt = 64;
constexpr std::int64_t kMostDocuments = 2000;
// Purpose of the random numbers that decide which sure replies stay.
constexpr std::uint64_t kSelection = 0x5E1EC7;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What a step learnt from, summed over its batches.
struct StepSums {
  double weights = 0;
  double loss = 0;
  double tokens = 0;
  double learnt_tokens = 0;
  std::vector<double> lessons;  // drawn, by batch
  std::array<RecentReplies, kNumReplyKinds> replies{};
  std::vector<std::array<RecentReplies, kNumReplyKinds>> by_task;

  template <typename Visit>
  void visit(Visit each) {
    for (double* sum : {&weights, &loss, &tokens, &learnt_tokens}) each(*sum);
    for (double& count : lessons) each(count);
    const auto visit_kinds = [&](std::array<RecentReplies, kNumReplyKinds>& kinds) {
      for (RecentReplies& of_kind : kinds) {
        each(of_kind.right);
        each(of_kind.count);
      }
    };
    visit_kinds(replies);
    for (auto& kinds : by_task) visit_kinds(kinds);
  }
};

// Over all processes.
void sum_up(const DataParallelGroup& group, StepSums& sums) {
  std::vector<double> values;
  sums.visit([&](double value) { values.push_back(value); });
  group.sum(values);
  std::size_t at = 0;
  sums.visit([&](double& value) { value = values[at++]; });
}

class SftRun {
 public:
  SftRun(const SftRecipe& recipe, const RunOptions& options)
      : recipe_(recipe),
        options_(options),
        group_(options.group != nullptr ? *options.group : alone_),
        start_(make_start(recipe.network, recipe.reading,
                          policy_options(recipe.machine, recipe.adapter), recipe.seed)),
        lessons_(recipe, start_.renderer, start_.tokenizer,
                 start_.network->config().context_tokens),
        optimizer_(start_.network->parameters(), recipe.optimizer),
        held_out_(recipe.held_out, recipe.seed, recipe.stages.back().section_tokens.back(), 1,
                  start_),
        engine_(options.threads),
        ahead_(lessons_, ahead_options()) {
    if (recipe_.batches % group_.world_size() != 0) {
      fail(ErrorKind::kUsage,
           "{} batches a step cannot be shared out evenly among {} processes: set batches to a "
           "multiple",
           recipe_.batches, group_.world_size());
    }
    // After all that may be refused, so that a recipe that is mended finds no run in its folder.
    folder_.emplace(options.folder, to_json(recipe), options.resume, group_);
    for (const Stage& stage : recipe_.stages) total_tokens_ += stage.tokens;
    drawn_.resize(static_cast<std::size_t>(recipe_.batches));
    left_.resize(drawn_.size());
    by_task_.resize(recipe_.stages[0].tasks.size());
    if (options_.resume) restore();
  }

  void run(const std::function<void(const SftStep&)>& on_step) {
    with_stopped_page([&] { go_on(on_step); }, [&](RunState state) { write_page(state); });
  }

 private:
  void go_on(const std::function<void(const SftStep&)>& on_step) {
    AfterStep after_step(recipe_.checkpoint_minutes);
    if (tokens_ == 0 && held_out_.due(0)) {
      folder_->log(fmt::format(R"({{"step":0,"tokens":0,"held_out":{}}})", to_json(held_out())));
    }
    while (stage_ < recipe_.stages.size()) {
      const SftStep done = step();
      if (on_step) on_step(done);
      if (stage_is_over()) next_stage();
      const bool stopped = any_stopped(options_, group_);
      const ToWrite due = after_step(stopped || stage_ == recipe_.stages.size());
      if (due == ToWrite::kCheckpoint) save();
      if (due == ToWrite::kPage) write_page(RunState::kRunning);
      if (stopped && stage_ < recipe_.stages.size()) {
        fail(ErrorKind::kInterrupted, "{}: stopped after step {}: go on with --resume",
             options_.folder, optimizer_.steps());
      }
    }
  }

  SftStep step() {
    const auto begin = Clock::now();
    StepSums sums;
    sums.lessons.resize(drawn_.size());
    sums.by_task.resize(by_task_.size());
    if (recipe_.stages[stage_].sure > 0 && !uses_device()) {
      // As it will be shipped, and two to three times as fast as in float32.
      as_it_is_ = &engine_.with_weights_of(start_, options_.name, {}, TensorType::kQ8_0);
    }
    for (auto batch = static_cast<std::size_t>(group_.rank()); batch < drawn_.size();
         batch += static_cast<std::size_t>(group_.world_size())) {
      learn(batch, sums);
    }
    sum_up(group_, sums);
    if (!(sums.weights > 0)) return nothing_to_learn(sums);
    group_.sum_gradients(start_.network->parameters());
    const double progress = static_cast<double>(tokens_before_stage() + stage_tokens_) /
                            static_cast<double>(total_tokens_);
    const Optimizer::Step done = optimizer_.step(sums.weights, progress);
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      drawn_[i] += static_cast<std::int64_t>(sums.lessons[i]);
    }
    remember(sums);
    stage_tokens_ += static_cast<std::int64_t>(sums.tokens);
    tokens_ += static_cast<std::int64_t>(sums.tokens);

    SftStep report = progress_report();
    report.loss = sums.loss / sums.weights;
    report.rate = done.rate;
    report.gradient_norm = done.gradient_norm;
    report.skipped = done.skipped;
    report.seconds = seconds_since(begin);
    if (held_out_.due(report.step)) report.held_out = held_out();
    folder_->log(log_line(report, sums));
    return report;
  }

  // A stage is over when the policy is sure of all that it teaches. One that teaches nothing is a
  // mistake.
  SftStep nothing_to_learn(const StepSums& sums) {
    const Stage& stage = recipe_.stages[stage_];
    if (stage.sure <= 0) {
      fail(ErrorKind::kBadInput, "stage {}: a step's documents have no token to learn", stage.name);
    }
    optimizer_.clear_gradients();
    remember(sums);
    exhausted_ = true;
    return progress_report();
  }

  // How far the run has come.
  SftStep progress_report() const {
    SftStep report;
    report.step = optimizer_.steps();
    report.stage = stage_;
    report.stage_tokens = stage_tokens_;
    report.tokens = tokens_;
    report.total_tokens = total_tokens_;
    report.recent = recent_;
    return report;
  }

  // By the weights that the model's file would have.
  HeldOutScores held_out() {
    optimizer_.swap_average();
    HeldOutScores scores = held_out_.scores(engine_.with_weights_of(start_, options_.name), group_);
    optimizer_.swap_average();
    return scores;
  }

  // Adds the gradients of one of the step's batches, which draws every so many-th lesson.
  void learn(std::size_t batch_index, StepSums& sums) {
    const Stage& stage = recipe_.stages[stage_];
    TrainingBatch batch;
    std::int64_t drawn = drawn_[batch_index];
    std::deque<Lesson>& left = left_[batch_index];
    std::int64_t looked_at = 0;
    const auto enough = [&] {
      return batch.packed.num_tokens() >= recipe_.batch_tokens ||
             looked_at >= kMostLookedAt * recipe_.batch_tokens ||
             drawn - drawn_[batch_index] >= kMostDocuments;
    };
    while (!enough()) {
      if (left.empty()) {
        const std::int64_t number =
            static_cast<std::int64_t>(batch_index) + recipe_.batches * drawn;
        std::vector<Lesson> lessons = next_lessons(number, drawn);
        for (const Lesson& lesson : lessons) looked_at += num_tokens(lesson);
        if (stage.sure > 0) lessons = selected(std::move(lessons), number, sums);
        std::ranges::move(lessons, std::back_inserter(left));
      }
      // All of a document's, which are known again when a run goes on; of the many that a device
      // selects from, what there is room for.
      while (!left.empty() &&
             (!uses_device() || batch.packed.num_tokens() < recipe_.batch_tokens)) {
        batch.add(left.front(), stage.section_weight);
        left.pop_front();
      }
    }
    sums.lessons[batch_index] += static_cast<double>(drawn - drawn_[batch_index]);
    if (batch.packed.rows.empty()) return;
    const torch::Tensor logprobs = start_.network->logprobs(batch.packed).logprobs;
    const std::span<const float> batch_weights = batch.weights;
    const torch::Tensor weights = on_device(batch_weights, start_.network->options().device);
    (-(logprobs * weights).sum()).backward();
    // A device is waited for here, and not for every number.
    const torch::Tensor values = logprobs.detach().to(torch::kCPU, torch::kFloat).contiguous();
    const float* value = values.data_ptr<float>();
    for (std::size_t i = 0; i < batch.weights.size(); ++i) {
      sums.weights += static_cast<double>(batch.weights[i]);
      sums.loss -= static_cast<double>(batch.weights[i]) * static_cast<double>(value[i]);
    }
    sums.tokens += static_cast<double>(batch.packed.num_tokens());
    sums.learnt_tokens += static_cast<double>(batch.packed.rows.size());
    count_replies(batch, values, stage.sure > 0, sums);
  }

  // A document's from `number` on, and counts it. Where the network itself selects from them, some
  // batches' worth, of which about one is left: a device wants much at once.
  std::vector<Lesson> next_lessons(std::int64_t number, std::int64_t& drawn) {
    const bool many = recipe_.stages[stage_].sure > 0 && uses_device();
    std::vector<Lesson> all;
    std::int64_t tokens = 0;
    do {
      for (Lesson& lesson : ahead_.take(stage_, number, recipe_.batches)) {
        tokens += num_tokens(lesson);
        all.push_back(std::move(lesson));
      }
      number += recipe_.batches;
      ++drawn;
    } while (many && tokens < kCandidates * recipe_.batch_tokens);
    return all;
  }

  bool uses_device() const { return !start_.network->options().device.is_cpu(); }

  // A device is fed by all threads but the one that hands it its work.
  LessonAheadOptions ahead_options() const {
    if (!uses_device()) return {};
    const int threads = std::max(1, num_threads(options_.threads) - 1);
    return {.threads = threads, .ahead = 8 * threads};
  }

  // What is left to learn of a lesson, after every reply has been counted.
  std::vector<Lesson> selected(std::vector<Lesson> lessons, std::int64_t number, StepSums& sums) {
    const Stage& stage = recipe_.stages[stage_];
    RandomStream random(derive(derive(derive(recipe_.seed, kSelection), stage_),
                               static_cast<std::uint64_t>(number)));
    std::vector<SelectionCounts> counts(stage.tasks.size());
    const SelectionOptions options{.sure = stage.sure, .keep_sure = stage.keep_sure};
    lessons = uses_device()
                  ? select_lessons(std::move(lessons), *start_.network, options, random, counts)
                  : select_lessons(std::move(lessons), *as_it_is_, options, random, counts);
    for (std::size_t task = 0; task < counts.size(); ++task) {
      for (std::size_t kind = 0; kind < sums.replies.size(); ++kind) {
        for (RecentReplies* replies : {&sums.replies[kind], &sums.by_task[task][kind]}) {
          replies->count += counts[task].asked[kind];
          replies->right += counts[task].right[kind];
        }
      }
    }
    return lessons;
  }

  // Where replies were selected, they have been counted before.
  static void count_replies(const TrainingBatch& batch, const torch::Tensor& logprobs,
                            bool only_texts, StepSums& sums) {
    const float* values = logprobs.data_ptr<float>();
    const float half = std::log(0.5F);
    for (const TrainingBatch::PackedReply& reply : batch.replies) {
      if (only_texts && reply.kind != ReplyKind::kText) continue;
      const bool right = std::all_of(values + reply.begin, values + reply.end,
                                     [half](float logprob) { return logprob > half; });
      const auto kind = static_cast<std::size_t>(reply.kind);
      for (RecentReplies* replies : {&sums.replies[kind], &sums.by_task[reply.task][kind]}) {
        replies->count += 1;
        replies->right += right ? 1 : 0;
      }
    }
  }

  void remember(const StepSums& sums) {
    const auto add = [](RecentReplies& recent, const RecentReplies& now) {
      recent.right = kForget * recent.right + now.right;
      recent.count = kForget * recent.count + now.count;
    };
    for (std::size_t kind = 0; kind < recent_.size(); ++kind) {
      add(recent_[kind], sums.replies[kind]);
      for (std::size_t task = 0; task < by_task_.size(); ++task) {
        add(by_task_[task][kind], sums.by_task[task][kind]);
      }
    }
  }

  std::string log_line(const SftStep& report, const StepSums& sums) const {
    const auto shares = [](const std::array<RecentReplies, kNumReplyKinds>& recent) {
      Json json = Json::object();
      for (int i = 0; i < kNumReplyKinds; ++i) {
        const RecentReplies& replies = recent[static_cast<std::size_t>(i)];
        if (replies.count < 1) continue;
        json[to_string(static_cast<ReplyKind>(i))] = std::round(1e4 * replies.share()) / 1e4;
      }
      return json;
    };
    Json json;
    json["step"] = report.step;
    json["stage"] = recipe_.stages[report.stage].name;
    json["tokens"] = report.tokens;
    json["loss"] = report.loss;
    json["rate"] = report.rate;
    json["gradient_norm"] = report.gradient_norm;
    if (report.skipped) json["skipped"] = true;
    json["learnt_tokens"] = sums.learnt_tokens;
    json["documents"] = std::accumulate(sums.lessons.begin(), sums.lessons.end(), 0.0);
    json["seconds"] = std::round(1e3 * report.seconds) / 1e3;
    if (report.seconds > 0) {
      json["trained_tokens_per_second"] = std::round(sums.tokens / report.seconds);
    }
    json["right"] = shares(recent_);
    for (std::size_t i = 0; i < by_task_.size(); ++i) {
      json["tasks"][recipe_.stages[stage_].tasks[i].task] = shares(by_task_[i]);
    }
    if (!report.held_out.empty()) json["held_out"] = Json::parse(to_json(report.held_out));
    return json.dump();
  }

  std::int64_t tokens_before_stage() const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < stage_; ++i) sum += recipe_.stages[i].tokens;
    return sum;
  }

  bool stage_is_over() const {
    const Stage& stage = recipe_.stages[stage_];
    if (stage_tokens_ >= stage.tokens || exhausted_) return true;
    if (stage.until >= 1) return false;
    // Texts are measured whole, which the long ones rarely are right: they count where there is
    // nothing else.
    const auto believed = [&](const RecentReplies& replies) {
      return replies.count >= kEnough && replies.share() >= stage.until;
    };
    bool any = false;
    for (const ReplyKind kind : {ReplyKind::kKeep, ReplyKind::kUpdate, ReplyKind::kAnswer}) {
      const RecentReplies& replies = recent_[static_cast<std::size_t>(kind)];
      if (replies.count < 1) continue;
      if (!believed(replies)) return false;
      any = true;
    }
    return any || believed(recent_[static_cast<std::size_t>(ReplyKind::kText)]);
  }

  void next_stage() {
    ++stage_;
    std::fill(drawn_.begin(), drawn_.end(), 0);
    for (std::deque<Lesson>& left : left_) left.clear();
    stage_tokens_ = 0;
    exhausted_ = false;
    recent_ = {};
    by_task_.assign(stage_ < recipe_.stages.size() ? recipe_.stages[stage_].tasks.size() : 0, {});
  }

  std::string files() const { return files_of(start_, recipe_.adapter.rank > 0); }

  void save() {
    if (!group_.leads()) return;
    Json state;
    state["stage"] = stage_;
    state["drawn"] = drawn_;
    state["stage_tokens"] = stage_tokens_;
    state["tokens"] = tokens_;
    state["log_bytes"] = folder_->log_bytes();
    const auto to_list = [](const std::array<RecentReplies, kNumReplyKinds>& recent) {
      Json list = Json::array();
      for (const RecentReplies& replies : recent) list.push_back({replies.right, replies.count});
      return list;
    };
    state["recent"] = to_list(recent_);
    state["by_task"] = Json::array();
    for (const auto& kinds : by_task_) state["by_task"].push_back(to_list(kinds));
    state["files"] = files();
    // The checkpoint last: a run that goes on from its end finds the rest there.
    const Stage& stage = recipe_.stages[std::min(stage_, recipe_.stages.size() - 1)];
    write_trained_model(start_, optimizer_, options_.name, stage.section_tokens.back(),
                        folder_->file("model.gguf"));
    write_page(stage_ == recipe_.stages.size() ? RunState::kDone : RunState::kRunning);
    write_checkpoint(folder_->path(), *start_.network, optimizer_, state.dump());
  }

  void write_page(RunState state) const {
    if (!group_.leads()) return;
    write_run_page(
        *folder_,
        {.kind = "sft", .name = options_.name, .recipe_json = to_json(recipe_), .state = state});
  }

  void restore() {
    const auto restored = read_checkpoint(folder_->path(), *start_.network, optimizer_);
    refuse_other_checkpoints(restored, group_);
    if (!restored) return folder_->cut_log(0);
    if (!restored->warning.empty() && options_.on_warning) options_.on_warning(restored->warning);
    const Json state = Json::parse(restored->state_json);
    refuse_other_files(state.value("files", files()), files(), options_.folder);
    stage_ = state.at("stage").get<std::size_t>();
    drawn_ = state.at("drawn").get<std::vector<std::int64_t>>();
    stage_tokens_ = state.at("stage_tokens").get<std::int64_t>();
    tokens_ = state.at("tokens").get<std::int64_t>();
    folder_->cut_log(state.at("log_bytes").get<std::int64_t>());
    const auto from_list = [](const Json& list, std::array<RecentReplies, kNumReplyKinds>& recent) {
      // Checkpoints of before there were as many kinds have fewer.
      for (std::size_t i = 0; i < std::min(recent.size(), list.size()); ++i) {
        recent[i] = {list.at(i).at(0).get<double>(), list.at(i).at(1).get<double>()};
      }
    };
    from_list(state.at("recent"), recent_);
    by_task_.resize(state.at("by_task").size());
    for (std::size_t i = 0; i < by_task_.size(); ++i) {
      from_list(state.at("by_task").at(i), by_task_[i]);
    }
  }

  const SftRecipe& recipe_;
  const RunOptions& options_;
  const DataParallelGroup alone_{Rendezvous()};
  const DataParallelGroup& group_;
  Start start_;
  LessonSource lessons_;
  Optimizer optimizer_;
  std::optional<RunFolder> folder_;
  HeldOut held_out_;
  PolicyEngine engine_;
  LessonAhead ahead_;
  std::vector<std::deque<Lesson>> left_;  // by batch; empty between steps but on a device
  LanguageModel* as_it_is_ = nullptr;     // the engine, in steps of stages that select on a CPU
  bool exhausted_ = false;                // the policy is sure of all that the stage teaches
  std::int64_t total_tokens_ = 0;
  // What a checkpoint keeps.
  std::size_t stage_ = 0;
  std::vector<std::int64_t> drawn_;  // of the stage's lessons, by batch
  std::int64_t stage_tokens_ = 0;
  std::int64_t tokens_ = 0;
  std::array<RecentReplies, kNumReplyKinds> recent_{};
  std::vector<std::array<RecentReplies, kNumReplyKinds>> by_task_;  // of this stage's tasks
};

}  // namespace

void train_sft(const SftRecipe& recipe, const RunOptions& options,
               const std::function<void(const SftStep&)>& on_step) {
  use_threads(options.threads);
  within_memory(fmt::format("batch_tokens (now {}), a stage's replies_per_section or longest "
                            "section_tokens, or the size of the network",
                            recipe.batch_tokens),
                [&] { SftRun(recipe, options).run(on_step); });
}

}  // namespace memagent
