#include "train/sft.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fail.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/run_folder.h"
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

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class SftRun {
 public:
  SftRun(const SftRecipe& recipe, const RunOptions& options)
      : recipe_(recipe),
        options_(options),
        start_(make_start(recipe.network, recipe.reading, {}, recipe.seed)),
        lessons_(recipe, start_.renderer, start_.tokenizer,
                 start_.network->config().context_tokens),
        optimizer_(start_.network->parameters(), recipe.optimizer),
        folder_(options.folder, to_json(recipe), options.resume) {
    for (const Stage& stage : recipe_.stages) total_tokens_ += stage.tokens;
    by_task_.resize(recipe_.stages[0].tasks.size());
    if (options_.resume) restore();
  }

  void run(const std::function<void(const SftStep&)>& on_step) {
    auto saved = Clock::now();
    while (stage_ < recipe_.stages.size()) {
      const SftStep done = step();
      if (on_step) on_step(done);
      if (stage_is_over()) next_stage();
      const bool stopped = options_.stop != nullptr && options_.stop->load();
      const bool due =
          seconds_since(saved) > 60.0 * static_cast<double>(recipe_.checkpoint_minutes);
      if (stopped || due || stage_ == recipe_.stages.size()) {
        save();
        saved = Clock::now();
      }
      if (stopped && stage_ < recipe_.stages.size()) {
        fail(ErrorKind::kInterrupted, "{}: stopped after step {}: go on with --resume",
             options_.folder, optimizer_.steps());
      }
    }
  }

 private:
  SftStep step() {
    const auto begin = Clock::now();
    const Stage& stage = recipe_.stages[stage_];
    TrainingBatch batch;
    while (batch.packed.num_tokens() < recipe_.batch_tokens) {
      for (const Lesson& lesson : lessons_.draw(stage_, number_++)) {
        batch.add(lesson, stage.section_weight);
      }
    }
    const torch::Tensor logprobs = start_.network->logprobs(batch.packed).logprobs;
    const torch::Tensor weights = torch::tensor(batch.weights);
    const double count = weights.sum().item<double>();
    const torch::Tensor loss = -(logprobs * weights).sum();
    loss.backward();
    count_replies(batch, logprobs.detach().contiguous());
    const double progress = static_cast<double>(tokens_before_stage() + stage_tokens_) /
                            static_cast<double>(total_tokens_);
    const Optimizer::Step done = optimizer_.step(count, progress);
    stage_tokens_ += batch.packed.num_tokens();
    tokens_ += batch.packed.num_tokens();

    SftStep report;
    report.step = optimizer_.steps();
    report.stage = stage_;
    report.stage_tokens = stage_tokens_;
    report.tokens = tokens_;
    report.total_tokens = total_tokens_;
    report.loss = loss.item<double>() / count;
    report.rate = done.rate;
    report.gradient_norm = done.gradient_norm;
    report.skipped = done.skipped;
    report.seconds = seconds_since(begin);
    report.recent = recent_;
    folder_.log(log_line(report, batch));
    return report;
  }

  void count_replies(const TrainingBatch& batch, const torch::Tensor& logprobs) {
    const float* values = logprobs.data_ptr<float>();
    const auto forget = [](RecentReplies& replies) {
      replies.right *= kForget;
      replies.count *= kForget;
    };
    for (RecentReplies& replies : recent_) forget(replies);
    for (auto& kinds : by_task_) {
      for (RecentReplies& replies : kinds) forget(replies);
    }
    const float half = std::log(0.5F);
    for (const TrainingBatch::PackedReply& reply : batch.replies) {
      const bool right = std::all_of(values + reply.begin, values + reply.end,
                                     [half](float logprob) { return logprob > half; });
      const auto kind = static_cast<std::size_t>(reply.kind);
      for (RecentReplies* replies : {&recent_[kind], &by_task_[reply.task][kind]}) {
        replies->count += 1;
        replies->right += right ? 1 : 0;
      }
    }
  }

  std::string log_line(const SftStep& report, const TrainingBatch& batch) const {
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
    json["learnt_tokens"] = batch.packed.rows.size();
    json["seconds"] = std::round(1e3 * report.seconds) / 1e3;
    json["right"] = shares(recent_);
    for (std::size_t i = 0; i < by_task_.size(); ++i) {
      json["tasks"][recipe_.stages[stage_].tasks[i].task] = shares(by_task_[i]);
    }
    return json.dump();
  }

  std::int64_t tokens_before_stage() const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < stage_; ++i) sum += recipe_.stages[i].tokens;
    return sum;
  }

  bool stage_is_over() const {
    const Stage& stage = recipe_.stages[stage_];
    if (stage_tokens_ >= stage.tokens) return true;
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
    number_ = 0;
    stage_tokens_ = 0;
    recent_ = {};
    by_task_.assign(stage_ < recipe_.stages.size() ? recipe_.stages[stage_].tasks.size() : 0, {});
  }

  void save() {
    Json state;
    state["stage"] = stage_;
    state["number"] = number_;
    state["stage_tokens"] = stage_tokens_;
    state["tokens"] = tokens_;
    state["log_bytes"] = folder_.log_bytes();
    const auto to_list = [](const std::array<RecentReplies, kNumReplyKinds>& recent) {
      Json list = Json::array();
      for (const RecentReplies& replies : recent) list.push_back({replies.right, replies.count});
      return list;
    };
    state["recent"] = to_list(recent_);
    state["by_task"] = Json::array();
    for (const auto& kinds : by_task_) state["by_task"].push_back(to_list(kinds));
    write_checkpoint(folder_.path(), *start_.network, optimizer_, state.dump());
    optimizer_.swap_average();
    const Stage& stage = recipe_.stages[std::min(stage_, recipe_.stages.size() - 1)];
    write_model(start_, options_.name, stage.section_tokens.back(), folder_.file("model.gguf"));
    optimizer_.swap_average();
  }

  void restore() {
    const auto restored = read_checkpoint(folder_.path(), *start_.network, optimizer_);
    if (!restored) return;
    if (!restored->warning.empty() && options_.on_warning) options_.on_warning(restored->warning);
    const Json state = Json::parse(restored->state_json);
    stage_ = state.at("stage").get<std::size_t>();
    number_ = state.at("number").get<std::int64_t>();
    stage_tokens_ = state.at("stage_tokens").get<std::int64_t>();
    tokens_ = state.at("tokens").get<std::int64_t>();
    folder_.cut_log(state.at("log_bytes").get<std::int64_t>());
    const auto from_list = [](const Json& list, std::array<RecentReplies, kNumReplyKinds>& recent) {
      for (std::size_t i = 0; i < recent.size(); ++i) {
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
  Start start_;
  LessonSource lessons_;
  Optimizer optimizer_;
  RunFolder folder_;
  std::int64_t total_tokens_ = 0;
  // What a checkpoint keeps.
  std::size_t stage_ = 0;
  std::int64_t number_ = 0;  // of the stage's next lesson
  std::int64_t stage_tokens_ = 0;
  std::int64_t tokens_ = 0;
  std::array<RecentReplies, kNumReplyKinds> recent_{};
  std::vector<std::array<RecentReplies, kNumReplyKinds>> by_task_;  // of this stage's tasks
};

}  // namespace

void train_sft(const SftRecipe& recipe, const RunOptions& options,
               const std::function<void(const SftStep&)>& on_step) {
  use_threads(options.threads);
  SftRun(recipe, options).run(on_step);
}

}  // namespace memagent
