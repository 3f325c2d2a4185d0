// Processes that train together, here as threads that meet on the loopback interface: sums are the
// same everywhere, two of them learn what one learns from all the data, and one that is gone ends
// the others' wait.
#include "train/data_parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "memagent/error.h"
#include "support/free_port.h"
#include "train/checkpoint.h"
#include "train/nccl_group.h"
#include "train/rl.h"
#include "train/sft.h"
#include "train/start.h"
#include "train/tiny_network.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

using testing::Gt;
using testing::Lt;

// Every rank of `where` as a thread.
void together(const Rendezvous& where, const std::function<void(const DataParallelGroup&)>& work) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < where.world_size; ++rank) {
    threads.emplace_back([=] {
      Rendezvous own = where;
      own.rank = rank;
      work(DataParallelGroup(own));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void together(int world_size, const std::function<void(const DataParallelGroup&)>& work) {
  together({0, world_size, "127.0.0.1", free_port(), std::chrono::seconds(120)}, work);
}

void expect_sums(const DataParallelGroup& group) {
  std::vector<double> values{1};
  group.sum(values);
  EXPECT_EQ(values[0], group.world_size());
}

// One that none of the ranks keeps.
std::unique_ptr<c10d::TCPStore> store_of_another() {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  return std::make_unique<c10d::TCPStore>("127.0.0.1", options);
}

TEST(DataParallel, SumsAndGathers) {
  together(3, [](const DataParallelGroup& group) {
    std::vector<double> values{1, 10.0 * group.rank()};
    group.sum(values);
    EXPECT_THAT(values, testing::ElementsAre(3, 30));
    const std::string text = group.rank() == 1 ? "" : std::string(1, 'a') + "\0\xFF";
    EXPECT_THAT(group.gather(text), testing::ElementsAre("a", "", "a"));
    const std::string own(static_cast<std::size_t>(group.rank()), 'x');
    EXPECT_THAT(group.gather(own), testing::ElementsAre("", "x", "xx"));
  });
}

TEST(DataParallel, SumsGradientsAndTakesNoneForZero) {
  together(2, [](const DataParallelGroup& group) {
    std::vector<Parameter> parameters(2);
    parameters[0].value = torch::ones({2, 3}).requires_grad_();
    parameters[1].value = torch::ones({4}).requires_grad_();
    const double factor = group.rank() + 1;
    torch::Tensor loss = (parameters[0].value * factor).sum();
    if (group.rank() == 1) loss = loss + (parameters[1].value * 5).sum();
    loss.backward();
    group.sum_gradients(parameters);
    EXPECT_TRUE(torch::equal(parameters[0].value.grad(), torch::full({2, 3}, 3.0)));
    EXPECT_TRUE(torch::equal(parameters[1].value.grad(), torch::full({4}, 5.0)));
  });
}

// Whatever fits into a message: each tensor alone, some of them together, all at once.
TEST(DataParallel, SumsGradientsInMessagesOfAnySize) {
  together(3, [](const DataParallelGroup& group) {
    const torch::Tensor numbers = torch::arange(12).to(torch::kFloat);
    for (const std::int64_t bucket_bytes : {1, 20, 24, 100, 1 << 20}) {
      std::vector<Parameter> parameters;
      for (const std::int64_t size : {1, 5, 30, 2, 3, 1, 70}) {
        torch::Tensor value = torch::zeros({size}).requires_grad_();
        const auto number = static_cast<double>(parameters.size() + 1);
        if (group.rank() != 1 || size != 2) {
          value.mutable_grad() = torch::full({size}, number * (group.rank() + 1));
        }
        parameters.push_back({"", value});
      }
      torch::Tensor turned = torch::zeros({3, 4}).requires_grad_();
      turned.mutable_grad() = numbers.view({4, 3}).t().clone(torch::MemoryFormat::Preserve);
      EXPECT_FALSE(turned.grad().is_contiguous());
      parameters.push_back({"", turned});
      group.sum_gradients(parameters, bucket_bytes);
      for (std::size_t i = 0; i + 1 < parameters.size(); ++i) {
        const torch::Tensor gradient = parameters[i].value.grad();
        const double all = static_cast<double>(i + 1) * (gradient.numel() == 2 ? 1 + 3 : 1 + 2 + 3);
        EXPECT_TRUE(torch::equal(gradient, torch::full_like(gradient, all))) << i;
      }
      EXPECT_TRUE(torch::equal(turned.grad(), 3 * numbers.view({4, 3}).t()));
    }
  });
}

TEST(DataParallel, NcclWantsADeviceForEachProcess) {
  EXPECT_TRUE(a_device_each({"one", "two", "three"}));
  EXPECT_FALSE(a_device_each({"one", "two", "one"}));  // two processes share a device
  EXPECT_FALSE(a_device_each({"one", ""}));            // one computes on its CPU, or has no NCCL
  EXPECT_FALSE(a_device_each({"", ""}));
  EXPECT_EQ(device_identity(torch::kCPU), "");
}

int devices_for_nccl() {
  if (!torch::cuda::is_available() || device_identity(torch::Device(torch::kCUDA, 0)).empty()) {
    return 0;
  }
  return static_cast<int>(torch::cuda::device_count());
}

TEST(DataParallel, NcclSumsOverItsDevices) {
  if (devices_for_nccl() == 0) GTEST_SKIP() << "no CUDA device, or built without NCCL";
  const torch::Device device(torch::kCUDA, 0);
  NcclGroup alone(NcclGroup::make_id(), 0, 1, device, std::chrono::seconds(60));
  for (const std::int64_t size : {1, 1000, 5'000'000}) {
    torch::Tensor values = torch::arange(size, device).to(torch::kFloat);
    const torch::Tensor before = values.clone();
    alone.sum(values);
    EXPECT_TRUE(torch::equal(values, before)) << size;
  }
}

// Each process with a device of its own, and all of them with the same one, which NCCL would
// refuse.
TEST(DataParallel, SumsGradientsOfGpus) {
  const int devices = devices_for_nccl();
  if (devices == 0) GTEST_SKIP() << "no CUDA device, or built without NCCL";
  for (const bool shared : {true, false}) {
    const int processes = shared ? 2 : std::min(devices, 4);
    together(processes, [&](const DataParallelGroup& group) {
      const torch::Device device(torch::kCUDA,
                                 static_cast<torch::DeviceIndex>(shared ? 0 : group.rank()));
      std::vector<Parameter> parameters(1);
      parameters[0].value = torch::ones({3, 5}, device).requires_grad_();
      for (int step = 1; step < 3; ++step) {
        parameters[0].value.mutable_grad() =
            torch::full({3, 5}, step * (group.rank() + 1.0), device);
        group.sum_gradients(parameters);
        const torch::Tensor gradient = parameters[0].value.grad();
        EXPECT_EQ(gradient.device(), device);
        const int all = processes * (processes + 1) / 2;
        EXPECT_TRUE(torch::equal(gradient, torch::full({3, 5}, step * 1.0 * all, device)));
      }
    });
  }
}

TEST(DataParallel, WhoIsGoneEndsTheOthersWait) {
  together(2, [](const DataParallelGroup& group) {
    if (group.rank() == 1) return;  // leaves
    std::vector<double> values{1};
    try {
      group.sum(values);
      ADD_FAILURE() << "summed with nobody";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      EXPECT_THAT(error.what(), testing::HasSubstr("--resume"));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
  });
}

// torchrun listens on MASTER_PORT itself, and its store outlives the processes that it starts
// again.
TEST(DataParallel, MeetsThroughAStoreThatIsKept) {
  const auto store = store_of_another();
  Rendezvous rendezvous{0, 2, "127.0.0.1", store->getPort(), std::chrono::seconds(60)};
  rendezvous.store_is_kept = true;
  for (const char* attempt : {"0", "1"}) {
    rendezvous.attempt = attempt;
    together(rendezvous, expect_sums);
  }
}

std::string refusal(const Rendezvous& rendezvous, ErrorKind kind) {
  try {
    const DataParallelGroup group(rendezvous);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "none";
}

TEST(DataParallel, WhereTheyCannotMeetIsToldAsThat) {
  const auto listens = store_of_another();
  Rendezvous rendezvous{0, 2, "127.0.0.1", listens->getPort(), std::chrono::seconds(5)};
  EXPECT_THAT(refusal(rendezvous, ErrorKind::kModel),
              testing::AllOf(testing::HasSubstr("MASTER_PORT"),
                             testing::Not(testing::HasSubstr("--resume")),
                             testing::Not(testing::HasSubstr("\n"))));
  rendezvous.interfaces = {"nosuch0"};
  EXPECT_THAT(refusal(rendezvous, ErrorKind::kUsage),
              testing::AllOf(testing::HasSubstr("GLOO_SOCKET_IFNAME: nosuch0"),
                             testing::Not(testing::HasSubstr("\n"))));
}

TEST(DataParallel, TalksOverTheInterfaceThatIsNamed) {
  Rendezvous rendezvous{0, 2, "127.0.0.1", free_port(), std::chrono::seconds(60)};
  rendezvous.interfaces = {"lo"};
  together(rendezvous, expect_sums);
}

class TrainingTogether : public testing::Test {
 protected:
  TrainingTogether()
      : folder_(fs::temp_directory_path() / ("memagent-together-" + std::to_string(::getpid()))) {
    network_ = tiny_network(folder_, 400);
  }
  ~TrainingTogether() override { fs::remove_all(folder_); }

  template <typename Recipe>
  void shape(Recipe& recipe) const {
    recipe.seed = 5;
    recipe.network = network_;
    recipe.reading.question_tokens = 400;
    recipe.reading.memory_tokens = 20;
    recipe.reading.output_tokens = 20;
    recipe.optimizer.learning_rate = 0.1;
    recipe.optimizer.warmup_steps = 0;
    recipe.optimizer.weight_decay = 0;
  }
  RunOptions options(const char* name, const DataParallelGroup* group) const {
    RunOptions options;
    options.folder = (folder_ / name).string();
    options.threads = 1;
    options.group = group;
    return options;
  }
  NetworkConfig trained(const char* name) const {
    NetworkConfig network;
    network.weights = (folder_ / name / "model.gguf").string();
    return network;
  }
  // Of every parameter, how far a weight is at most from where it is in the other.
  template <typename Recipe>
  static std::vector<float> distances(const NetworkConfig& one, const NetworkConfig& other,
                                      const Recipe& recipe) {
    const Start a = make_start(one, recipe.reading, {}, recipe.seed);
    const Start b = make_start(other, recipe.reading, {}, recipe.seed);
    const std::vector<Parameter>& of_a = a.network->parameters();
    const std::vector<Parameter>& of_b = b.network->parameters();
    EXPECT_EQ(of_a.size(), of_b.size());
    const torch::NoGradGuard no_gradients;
    std::vector<float> all;
    for (std::size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
      EXPECT_EQ(of_a[i].name, of_b[i].name);
      all.push_back((of_a[i].value - of_b[i].value).abs().max().item<float>());
    }
    return all;
  }
  template <typename Recipe>
  void expect_close(const Recipe& recipe) const {
    EXPECT_THAT(distances(trained("alone"), trained("two"), recipe), testing::Each(Lt(kTolerance)));
  }
  // Further than what is put up with, in every parameter: gradients that were left out, or counted
  // twice, would be seen.
  template <typename Recipe>
  void expect_learnt(const Recipe& recipe) const {
    EXPECT_THAT(distances(recipe.network, trained("two"), recipe),
                testing::Each(Gt(10 * kTolerance)));
  }
  std::int64_t log_lines(const char* name) const {
    std::ifstream in(folder_ / name / "log.jsonl");
    return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  }

  static constexpr float kTolerance = 1e-5F;
  fs::path folder_;
  NetworkConfig network_;
};

// Adam divides by the gradient's own size, so that a weight whose gradient is nearly zero moves by
// the whole rate in a direction that the order of a sum decides. A large epsilon keeps updates
// proportional to gradients, which are what is compared. With gradients as small as they are here
// (a norm of 0.7 in the warm start, of 0.03 in reinforcement learning), it takes a large rate to
// get anywhere.
constexpr double kEpsilon = 1;
constexpr double kSftRate = 1;
constexpr double kRlRate = 20;

TEST_F(TrainingTogether, TwoProcessesLearnWhatOneLearnsFromTwiceTheBatches) {
  SftRecipe recipe;
  shape(recipe);
  recipe.batch_tokens = 300;
  recipe.batches = 2;
  recipe.reading.memory_tokens = 256;
  recipe.reading.output_tokens = 256;
  recipe.optimizer.epsilon = kEpsilon;
  recipe.optimizer.learning_rate = kSftRate;
  Stage stage;
  stage.tokens = 90'000;
  stage.section_tokens = {100, 200};
  stage.document_tokens = {300, 400};
  stage.tasks = {{"niah_multikey_2", 2}, {"drill", 1}};
  recipe.stages = {stage};
  train_sft(recipe, options("alone", nullptr), nullptr);
  std::int64_t steps[2] = {0, 0};
  together(2, [&](const DataParallelGroup& group) {
    train_sft(recipe, options("two", &group),
              [&](const SftStep& step) { steps[group.rank()] = step.step; });
  });
  EXPECT_EQ(steps[0], steps[1]);
  EXPECT_GE(steps[0], 4);
  EXPECT_EQ(log_lines("two"), log_lines("alone"));
  expect_close(recipe);
  expect_learnt(recipe);
}

TEST_F(TrainingTogether, BatchesThatCannotBeSharedOutAreRefused) {
  SftRecipe recipe;
  shape(recipe);
  Stage stage;
  stage.section_tokens = {100, 200};
  stage.tasks = {{"drill", 1}};
  recipe.stages = {stage};
  recipe.batches = 3;
  together(2, [&](const DataParallelGroup& group) {
    EXPECT_THROW(train_sft(recipe, options("odd", &group), nullptr), Error);
  });
}

// A step from which nothing is learnt, for every trajectory has the same reward, still decays
// weights, whoever shares it.
TEST_F(TrainingTogether, StepsThatTeachNothingAreTheSameForAll) {
  RlRecipe recipe;
  shape(recipe);
  recipe.steps = 4;
  recipe.questions = 2;
  recipe.group = 2;
  recipe.reading.policy = Policy::kOverwrite;
  recipe.loss.kl = 0;
  recipe.optimizer.weight_decay = 0.5;
  recipe.questions_from.section_tokens = {400, 400};
  recipe.questions_from.document_tokens = {700, 800};
  recipe.questions_from.tasks = {{"niah_single_1", 1}};
  train_rl(recipe, options("alone", nullptr),
           [](const RlStep& step) { EXPECT_EQ(step.rollouts.taught, 0); });
  together(2, [&](const DataParallelGroup& group) {
    train_rl(recipe, options("two", &group), nullptr);
  });
  expect_close(recipe);
  // Norms do not decay.
  EXPECT_THAT(distances(recipe.network, trained("two"), recipe),
              testing::Contains(Gt(100 * kTolerance)));
}

TEST_F(TrainingTogether, ProcessesGoOnFromOneCheckpoint) {
  together(2, [&](const DataParallelGroup& group) {
    EXPECT_NO_THROW(refuse_other_checkpoints(RestoredCheckpoint{"7", ""}, group));
    EXPECT_NO_THROW(refuse_other_checkpoints(std::nullopt, group));
    std::optional<RestoredCheckpoint> own;
    if (group.leads()) own = RestoredCheckpoint{"7", ""};
    EXPECT_THROW(refuse_other_checkpoints(own, group), Error);
  });
}

class RollingOutTogether : public TrainingTogether {
 protected:
  RollingOutTogether() {
    shape(recipe_);
    recipe_.steps = 4;
    recipe_.questions = 4;
    recipe_.group = 4;
    recipe_.reading.policy = Policy::kOverwrite;
    recipe_.overlong_tokens = 20;
    recipe_.loss.kl = 0.01;
    recipe_.optimizer.epsilon = kEpsilon;
    recipe_.optimizer.learning_rate = kRlRate;
    recipe_.questions_from.section_tokens = {400, 400};
    recipe_.questions_from.document_tokens = {700, 800};
    recipe_.questions_from.tasks = {{"niah_single_1", 1}};
  }

  void expect_two_learn_what_one_learns() {
    std::vector<RlStep> alone;
    std::vector<RlStep> two;
    train_rl(recipe_, options("alone", nullptr),
             [&](const RlStep& step) { alone.push_back(step); });
    together(2, [&](const DataParallelGroup& group) {
      train_rl(recipe_, options("two", &group), [&](const RlStep& step) {
        if (group.leads()) two.push_back(step);
      });
    });
    ASSERT_EQ(alone.size(), two.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(two[i].rollouts.groups, recipe_.questions);
      EXPECT_EQ(two[i].rollouts.reply_tokens.sum, alone[i].rollouts.reply_tokens.sum);
      EXPECT_EQ(two[i].loss.count, alone[i].loss.count);
      EXPECT_EQ(two[i].trained_tokens, alone[i].trained_tokens);
    }
    expect_close(recipe_);
    expect_learnt(recipe_);
  }

  RlRecipe recipe_;
};

TEST_F(RollingOutTogether, TwoProcessesRollOutHalfTheQuestionsEach) {
  expect_two_learn_what_one_learns();
}

// Three updates a step: of the first two questions, which are one's and the other's, of the next,
// of the last two.
TEST_F(RollingOutTogether, MiniBatchesAreOfTheSameQuestions) {
  recipe_.questions = 6;
  recipe_.mini_batches = 3;
  recipe_.steps = 2;
  expect_two_learn_what_one_learns();
}

// One question each, so that of every update one process has nothing to learn from.
TEST_F(RollingOutTogether, AMiniBatchMayBeOneProcesss) {
  recipe_.questions = 2;
  recipe_.mini_batches = 2;
  recipe_.steps = 2;
  expect_two_learn_what_one_learns();
}

}  // namespace
}  // namespace memagent
