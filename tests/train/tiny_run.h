// A policy of a few thousand weights and a recipe of reinforcement learning for it, which takes a
// step in milliseconds.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/local/local_model.h"
#include "train/rl.h"
#include "train/start.h"
#include "train/step_rollouts.h"
#include "train/tiny_network.h"

namespace memagent {

class TinyRun : public testing::Test {
 protected:
  TinyRun()
      : folder_(std::filesystem::temp_directory_path() /
                ("memagent-rl-" + std::to_string(::getpid()))) {
    recipe_.seed = 2;
    recipe_.steps = 30;
    recipe_.questions = 2;
    recipe_.group = 8;
    recipe_.network = tiny_network(folder_, 300);
    recipe_.reading.policy = Policy::kOverwrite;
    recipe_.reading.question_tokens = 400;
    recipe_.reading.memory_tokens = 20;
    recipe_.reading.output_tokens = 20;
    recipe_.optimizer.learning_rate = 0.02;
    recipe_.optimizer.warmup_steps = 0;
    recipe_.optimizer.schedule = Schedule::kConstant;
    recipe_.loss.kl = 0;
    recipe_.questions_from.section_tokens = {400, 400};
    recipe_.questions_from.document_tokens = {700, 800};
    recipe_.questions_from.tasks = {{"niah_single_1", 1}};
  }
  ~TinyRun() override { std::filesystem::remove_all(folder_); }

  // The engine with a policy's weights.
  static std::unique_ptr<LanguageModel> model_of(const Start& start) {
    return make_local_model(
        std::shared_ptr<const ModelFile>(start.network->model_file(start.tokenizer, "", "test")),
        {.threads = 1});
  }
  // What a run's first step rolls out.
  std::vector<Group> first_groups(const Start& start, LanguageModel& model) const {
    const DataParallelGroup alone{Rendezvous()};
    return StepQuestions(recipe_, start, alone).roll_out(model, 0, 0, nullptr).groups;
  }

  RunOptions options(const char* name, bool resume = false) {
    RunOptions options;
    options.folder = (folder_ / name).string();
    options.resume = resume;
    options.threads = 1;
    options.stop = &stop_;
    return options;
  }

  std::filesystem::path folder_;
  RlRecipe recipe_;
  std::atomic<bool> stop_{false};
};

}  // namespace memagent
