// Processes that train together, here as threads that meet on the loopback interface: sums are the
// same everywhere, two of them learn what one learns from all the data, and one that is gone ends
// the others' wait.
#include "train/data_parallel.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
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
#include "train/checkpoint.h"
#include "train/nccl_group.h"
#include "train/rl.h"
#include "train/sft.h"
#include "train/start.h"
#include "train/tiny_network.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

// A port that nobody listens on. Another process may take it before it is used, with odds that a
// test can live with.
int free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

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
    recipe.optimizer.learning_rate = 0.01;
    recipe.optimizer.warmup_steps = 0;
  }
  RunOptions options(const char* name, const DataParallelGroup* group) const {
    RunOptions options;
    options.folder = (folder_ / name).string();
    options.threads = 1;
    options.group = group;
    return options;
  }
  std::vector<torch::Tensor> weights(const char* name, const ReadingConfig& reading) const {
    NetworkConfig from;
    from.weights = (folder_ / name / "model.gguf").string();
    const Start start = make_start(from, reading, {}, 0);
    std::vector<torch::Tensor> all;
    for (const Parameter& parameter : start.network->parameters()) {
      all.push_back(parameter.value.detach().clone());
    }
    return all;
  }
  void expect_close(const char* one, const char* other, const ReadingConfig& reading) const {
    const auto a = weights(one, reading);
    const auto b = weights(other, reading);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_LT((a[i] - b[i]).abs().max().item<float>(), 1e-5) << i;
    }
  }
  std::int64_t log_lines(const char* name) const {
    std::ifstream in(folder_ / name / "log.jsonl");
    return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  }

  fs::path folder_;
  NetworkConfig network_;
};

// Adam divides by the gradient's own size, so that a weight whose gradient is nearly zero moves by
// the whole rate in a direction that the order of a sum decides. A large epsilon keeps updates
// proportional to gradients, which are what is compared.
constexpr double kEpsilon = 1;

TEST_F(TrainingTogether, TwoProcessesLearnWhatOneLearnsFromTwiceTheBatches) {
  SftRecipe recipe;
  shape(recipe);
  recipe.batch_tokens = 300;
  recipe.batches = 2;
  recipe.reading.memory_tokens = 256;
  recipe.reading.output_tokens = 256;
  recipe.optimizer.epsilon = kEpsilon;
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
  expect_close("alone", "two", recipe.reading);
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
  expect_close("alone", "two", recipe.reading);
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
    expect_close("alone", "two", recipe_.reading);
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
