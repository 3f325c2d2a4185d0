// Supervised training as a whole, on a network so small that a step takes milliseconds: it learns,
// and a run that was stopped, or whose last checkpoint broke, ends with the same bytes.
#include "train/sft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>
#include <stdexcept>

#include "memagent/error.h"
#include "train/checkpoint.h"
#include "train/start.h"
#include "train/tiny_network.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class Sft : public testing::Test {
 protected:
  Sft() : folder_(fs::temp_directory_path() / ("memagent-sft-" + std::to_string(::getpid()))) {
    recipe_.seed = 3;
    recipe_.batch_tokens = 256;
    recipe_.network = tiny_network(folder_, 512);
    recipe_.reading.question_tokens = 256;
    recipe_.optimizer.learning_rate = 0.01;
    recipe_.optimizer.warmup_steps = 2;
    recipe_.optimizer.average = 0.5;
    Stage needles;
    needles.name = "needles";
    needles.tokens = 6'000;
    needles.section_tokens = {100, 200};
    needles.document_tokens = {300, 400};
    needles.tasks = {{"niah_multikey_2", 2}, {"vt", 1}, {"drill", 1}};
    Stage prose = needles;
    prose.name = "prose";
    prose.tokens = 2'000;
    prose.tasks = {{"prose", 1}};
    recipe_.stages = {needles, prose};
  }
  ~Sft() override { fs::remove_all(folder_); }

  RunOptions options(const char* name) {
    RunOptions options;
    options.folder = (folder_ / name).string();
    options.threads = 1;
    options.on_warning = [this](const std::string& warning) { warnings_.push_back(warning); };
    options.stop = &stop_;
    return options;
  }
  void train(const RunOptions& with) {
    train_sft(recipe_, with, [this](const SftStep& step) {
      steps_ = step.step;
      losses_.push_back(step.loss);
      if (step.step == stop_after_) stop_ = true;
    });
  }
  // Trains until step `last`, where the run is stopped.
  void stopped_run(const char* name, std::int64_t last, bool resume) {
    stop_ = false;
    stop_after_ = last;
    RunOptions with = options(name);
    with.resume = resume;
    EXPECT_THROW(train(with), Error);
    stop_ = false;
    stop_after_ = -1;
  }

  fs::path folder_;
  SftRecipe recipe_;
  std::atomic<bool> stop_{false};
  std::int64_t stop_after_ = -1;
  std::int64_t steps_ = 0;
  std::vector<double> losses_;
  std::vector<std::string> warnings_;
};

// With lessons drawn by other threads and selected by the network. Sums of a device may differ in
// their last digits from run to run, so nothing is said of bits.
TEST_F(Sft, LearnsOnADevice) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  recipe_.machine = {.device = "cuda", .compute = ComputeType::kBFloat16};
  recipe_.stages[0].sure = 0.9;
  stopped_run("device", 3, false);
  RunOptions last = options("device");
  last.threads = 3;
  last.resume = true;
  train(last);
  ASSERT_GE(steps_, 8);
  EXPECT_LT(losses_[losses_.size() / 2], losses_.front() - 0.2);
}

TEST_F(Sft, LearnsAndResumesBitForBit) {
  train(options("whole"));
  const std::int64_t all_steps = steps_;
  ASSERT_GE(all_steps, 8);
  EXPECT_LT(losses_[losses_.size() / 2], losses_.front() - 0.2);
  const std::string model = read(folder_ / "whole/model.gguf");

  stopped_run("parts", 3, false);
  stopped_run("parts", all_steps - 2, true);  // in the second stage
  RunOptions last = options("parts");
  last.resume = true;
  train(last);
  EXPECT_EQ(steps_, all_steps);
  EXPECT_EQ(read(folder_ / "parts/model.gguf"), model);
  // The log differs in seconds alone.
  const auto lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines(read(folder_ / "parts/log.jsonl")), all_steps);
  EXPECT_TRUE(warnings_.empty());
}

// Selection goes by the weights of the step, which a resumed run has again.
TEST_F(Sft, SelectsAndResumesBitForBit) {
  recipe_.stages.resize(1);
  recipe_.stages[0].sure = 0.9;
  recipe_.stages[0].keep_sure = 0.5;
  train(options("whole"));
  const std::int64_t all_steps = steps_;
  stopped_run("parts", all_steps / 2, false);
  RunOptions last = options("parts");
  last.resume = true;
  train(last);
  EXPECT_EQ(steps_, all_steps);
  EXPECT_EQ(read(folder_ / "parts/model.gguf"), read(folder_ / "whole/model.gguf"));
}

TEST_F(Sft, GoesOnFromTheCheckpointBeforeWhenTheLastIsBroken) {
  train(options("whole"));
  const std::string model = read(folder_ / "whole/model.gguf");
  stopped_run("cut", 3, false);
  stopped_run("cut", 5, true);
  const fs::path last = folder_ / "cut/checkpoint.safetensors";
  fs::resize_file(last, fs::file_size(last) / 2);
  RunOptions resumed = options("cut");
  resumed.resume = true;
  train(resumed);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(warnings_[0], testing::HasSubstr("going on from the checkpoint before"));
  EXPECT_EQ(read(folder_ / "cut/model.gguf"), model);
}

// A checkpoint that was cut anywhere, or not yet there when the run was killed, costs what was
// learnt since the one before, and is spoken of.
TEST_F(Sft, ACheckpointMayBeCutAnywhere) {
  train(options("whole"));
  const std::string model = read(folder_ / "whole/model.gguf");
  stopped_run("kept", 3, false);
  stopped_run("kept", 5, true);
  const auto size = fs::file_size(folder_ / "kept/checkpoint.safetensors");
  for (const std::uintmax_t left :
       {std::uintmax_t{0}, std::uintmax_t{7}, std::uintmax_t{100}, size - 1}) {
    fs::remove_all(folder_ / "cut");
    fs::copy(folder_ / "kept", folder_ / "cut", fs::copy_options::recursive);
    fs::resize_file(folder_ / "cut/checkpoint.safetensors", left);
    warnings_.clear();
    RunOptions resumed = options("cut");
    resumed.resume = true;
    train(resumed);
    EXPECT_EQ(warnings_.size(), 1U) << left;
    EXPECT_EQ(read(folder_ / "cut/model.gguf"), model) << left;
  }
  // Killed between renaming the last one and writing the next.
  fs::remove_all(folder_ / "cut");
  fs::copy(folder_ / "kept", folder_ / "cut", fs::copy_options::recursive);
  fs::remove(folder_ / "cut/checkpoint.safetensors");
  RunOptions resumed = options("cut");
  resumed.resume = true;
  warnings_.clear();
  train(resumed);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(warnings_[0],
              testing::HasSubstr("is not there: going on from the checkpoint before"));
  EXPECT_EQ(read(folder_ / "cut/model.gguf"), model);
}

// What was cut off does not push the good one out: killed again before it has written a whole one,
// a run still goes on.
TEST_F(Sft, ABrokenCheckpointDoesNotReplaceTheOneBefore) {
  stopped_run("cut", 3, false);
  stopped_run("cut", 5, true);
  const fs::path last = folder_ / "cut/checkpoint.safetensors";
  const std::string before = read(folder_ / "cut/checkpoint-before.safetensors");
  fs::resize_file(last, 1000);
  stopped_run("cut", 4, true);
  EXPECT_EQ(read(folder_ / "cut/checkpoint-before.safetensors"), before);
  EXPECT_GT(fs::file_size(last), 1000U);
}

TEST_F(Sft, WeightsThatAreNotFiniteReplaceNothing) {
  const Start start = make_start(recipe_.network, recipe_.reading, {}, 1);
  Optimizer optimizer(start.network->parameters(), recipe_.optimizer);
  const std::string folder = folder_.string();
  write_checkpoint(folder, *start.network, optimizer, "{}");
  const std::string good = read(folder_ / "checkpoint.safetensors");
  {
    const torch::NoGradGuard no_gradients;
    torch::Tensor(start.network->parameters().back().value).view({-1})[0] = NAN;
  }
  EXPECT_THROW(write_checkpoint(folder, *start.network, optimizer, "{}"), Error);
  EXPECT_EQ(read(folder_ / "checkpoint.safetensors"), good);
  EXPECT_FALSE(fs::exists(folder_ / "checkpoint-before.safetensors"));
}

// A section of one token has none that is predicted.
TEST_F(Sft, WhatTeachesNothingIsRefused) {
  recipe_.stages.erase(recipe_.stages.begin());
  recipe_.stages[0].section_tokens = {1, 1};
  recipe_.stages[0].document_tokens = {1, 1};
  try {
    train(options("nothing"));
    FAIL() << "was trained";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("stage prose: "));
  }
}

// A policy that is sure of everything a stage teaches is done with it, rather than looked at for
// ever.
TEST_F(Sft, AStageIsOverWhenThePolicyIsSureOfAllOfIt) {
  recipe_.network = {};
  recipe_.network.weights = WARM_START;  // which has learnt these very replies
  recipe_.stages.resize(1);
  Stage& stage = recipe_.stages[0];
  stage.tokens = 100'000;
  stage.section_tokens = {100, 200};
  stage.tasks = {{"niah_single_1", 1}};
  stage.sure = 0.01;
  stage.keep_sure = 0;
  recipe_.reading.prompts = PROMPTS;
  recipe_.reading.memory_tokens = 256;
  recipe_.batch_tokens = 200;
  train(options("sure"));
  EXPECT_LT(losses_.size(), 50U);
}

// Killed while it wrote a file, a run leaves a part of it, which the next removes.
TEST_F(Sft, WhatWasNotWrittenToItsEndIsRemoved) {
  stopped_run("killed", 2, false);
  for (const char* name : {"model.gguf.part-a1b2c3", "checkpoint.safetensors.part-zzzzzz",
                           "model.gguf.backup", "mine.part-a1b2c3"}) {
    std::ofstream(folder_ / "killed" / name) << "half";
  }
  stopped_run("killed", 3, true);
  EXPECT_FALSE(fs::exists(folder_ / "killed/model.gguf.part-a1b2c3"));
  EXPECT_FALSE(fs::exists(folder_ / "killed/checkpoint.safetensors.part-zzzzzz"));
  EXPECT_TRUE(fs::exists(folder_ / "killed/model.gguf.backup"));
  EXPECT_TRUE(fs::exists(folder_ / "killed/mine.part-a1b2c3"));
}

// Killed before there was a checkpoint: the run begins again, and so does its log.
TEST_F(Sft, WithoutACheckpointARunBeginsAgain) {
  stopped_run("early", 2, false);
  fs::remove(folder_ / "early/checkpoint.safetensors");
  RunOptions resumed = options("early");
  resumed.resume = true;
  train(resumed);
  const std::string log = read(folder_ / "early/log.jsonl");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), steps_);
}

TEST_F(Sft, CheckpointsOfAnotherNetworkAreRefused) {
  stopped_run("narrow", 3, false);
  recipe_.network.ffn_dim = 64;
  stopped_run("wide", 3, false);
  fs::copy_file(folder_ / "narrow/checkpoint.safetensors", folder_ / "wide/checkpoint.safetensors",
                fs::copy_options::overwrite_existing);
  RunOptions resumed = options("wide");
  resumed.resume = true;
  try {
    train(resumed);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("belongs to another recipe"));
  }
}

TEST_F(Sft, WeightsThatBlowUpEndTheRun) {
  recipe_.optimizer.learning_rate = 1e30;
  recipe_.optimizer.most_skipped = 3;
  recipe_.stages[0].tokens = 100'000;
  try {
    train(options("wild"));
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("3 steps in a row had a gradient that is not"));
  }
  EXPECT_THAT(read(folder_ / "wild/log.jsonl"), testing::HasSubstr("\"skipped\":true"));
  if (fs::exists(folder_ / "wild/run.html")) {  // there is none without web pages
    EXPECT_THAT(read(folder_ / "wild/run.html"), testing::HasSubstr("\"state\":\"stopped\""));
  }
}

// In a process of its own that may not have the memory that this network's weights take.
TEST_F(Sft, OutOfMemorySaysWhatToLower) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  recipe_.network.ffn_dim = 1 << 24;  // matrices of 2 and 4 GB
  const auto with_little = [this] {
    rlimit limit{};
    limit.rlim_cur = limit.rlim_max = 3'000'000'000;
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      train(options("large"));
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::_Exit(exit_code(error.kind()));
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(with_little(), testing::ExitedWithCode(3),
              "out of memory: lower batch_tokens .now 256.");
}

TEST(WithinMemory, WhatLibrariesSayOfItIsOneLine) {
  const auto told = [](const std::function<void()>& work) -> std::string {
    try {
      within_memory("batch_tokens", work);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "nothing";
  };
  const std::string line = "out of memory: lower batch_tokens";
  for (const char* said : {"[enforce fail at alloc_cpu.cpp:75] . DefaultCPUAllocator: can't "
                           "allocate memory: you tried to allocate 8 bytes.",
                           "CUDA out of memory. Tried to allocate 2.00 GiB",
                           "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling "
                           "`cublasCreate(handle)`",
                           "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"}) {
    EXPECT_EQ(told([&] { TORCH_CHECK(false, said); }), line) << said;
  }
  EXPECT_EQ(told([] { throw std::runtime_error("NCCL: Cuda failure 'out of memory'"); }), line);
  EXPECT_EQ(told([] { throw std::bad_alloc(); }), line);
  EXPECT_EQ(told([] {}), "nothing");
  // All else goes through as it is.
  EXPECT_THROW(told([] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED"); }),
               c10::Error);
  EXPECT_THROW(told([] { throw std::runtime_error("NCCL: unhandled system error"); }),
               std::runtime_error);
  EXPECT_EQ(told([] { throw Error(ErrorKind::kBadInput, "out of memory or not"); }),
            "out of memory or not");
}

TEST_F(Sft, HeldOutRowsAreReadBesideTheRun) {
  train(options("without"));
  recipe_.held_out.steps = 4;
  recipe_.held_out.rows = 2;
  recipe_.held_out.document_tokens = {400};
  recipe_.held_out.tasks = {{"niah_single_1", 1}};
  train(options("with"));
  EXPECT_EQ(read(folder_ / "with/model.gguf"), read(folder_ / "without/model.gguf"));
  const std::string log = read(folder_ / "with/log.jsonl");
  EXPECT_THAT(log, testing::ContainsRegex("trained_tokens_per_second\":[1-9]"));
  EXPECT_THAT(log, testing::StartsWith(R"({"step":0,"tokens":0,"held_out":{"400":0.0}})"));
  std::size_t measured = 0;
  for (std::size_t at = 0; (at = log.find("held_out", at)) != std::string::npos; ++at) ++measured;
  EXPECT_EQ(measured, static_cast<std::size_t>(1 + steps_ / 4));
}

TEST_F(Sft, RefusesFoldersOfOtherRuns) {
  stopped_run("one", 1, false);
  EXPECT_THROW(train(options("one")), Error);  // without resume
  recipe_.seed = 4;
  RunOptions resumed = options("one");
  resumed.resume = true;
  EXPECT_THROW(train(resumed), Error);
}

TEST_F(Sft, RefusesSectionsThatTheNetworkCannotHold) {
  recipe_.stages[0].section_tokens = {100, 5000};
  EXPECT_THROW(train(options("long")), Error);
}

}  // namespace
}  // namespace memagent
