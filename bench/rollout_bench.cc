// Rollouts of reinforcement learning with and without the sharing of what a group's prompts begin
// with: the same trajectories, token for token, timed.
//
//   build/release/bench/rollout_bench [--model FILE | --shape nano] [--prompts FILE]
//       [--task niah_multikey_1]
//       [--questions 4] [--group 16] [--section-tokens 512] [--document-tokens 2048]
//       [--memory-tokens 64] [--policy gated] [--threads 2] [--repeat 3]
//
// For both layouts: seconds (the median), prompt tokens and those of them that were not computed;
// then the tokens of a training batch of these trajectories against the conversations' own. A model
// of random weights (--shape) talks to the end of its budgets, so that most of the time is
// decoding; a trained one, spoken to in its own wording
// (--prompts), says what there is to say. The last line is one JSON object.
#include <fmt/format.h>
#include <torch/types.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "model/local/local_model.h"
#include "model/local/model_init_vocabulary.h"
#include "model/local/model_tools.h"
#include "task/registry.h"
#include "train/policy_network.h"
#include "train/rollout.h"
#include "train/trajectory_batch.h"

namespace {

using namespace memagent;  // NOLINT: a program, not a header

struct Flags {
  std::string model;
  std::string shape = "nano";
  std::string prompts;
  std::string task = "niah_multikey_1";
  std::int64_t questions = 4;
  std::int64_t group = 16;
  std::int32_t section_tokens = 512;
  std::int64_t document_tokens = 2048;
  std::int32_t memory_tokens = 64;
  std::string policy = "gated";
  std::int32_t threads = 2;
  int repeat = 3;
};

struct Tokens {
  std::int64_t prompt = 0;
  std::int64_t cached = 0;
  std::int64_t generated = 0;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::shared_ptr<const ModelFile> model_of(const Flags& flags) {
  if (!flags.model.empty()) return open_model_file(flags.model);
  const ModelConfig config = named_shape(flags.shape).config;
  PolicyNetwork network(config, {});
  network.initialise(1);
  return network.model_file(make_tokenizer(generate_vocabulary(config.vocab_size)), kChatMlTemplate,
                            "random");
}

Tokens tokens_of(const std::vector<Group>& groups) {
  Tokens all;
  for (const Group& group : groups) {
    for (const RolledOut& rolled : group.trajectories) {
      for (const Conversation& conversation : rolled.trajectory.conversations) {
        all.prompt += conversation.response.prompt_tokens;
        all.cached += conversation.response.cached_prompt_tokens;
        all.generated += conversation.response.generated_tokens;
      }
    }
  }
  return all;
}

void check_same(const std::vector<Group>& a, const std::vector<Group>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a[i].trajectories.size(); ++j) {
      const auto& one = a[i].trajectories[j].trajectory.conversations;
      const auto& other = b[i].trajectories[j].trajectory.conversations;
      MEMAGENT_CHECK(one.size() == other.size(), "trajectory {} of question {}", j, i);
      for (std::size_t c = 0; c < one.size(); ++c) {
        MEMAGENT_CHECK(one[c].response.tokens == other[c].response.tokens &&
                           one[c].response.logprobs == other[c].response.logprobs,
                       "conversation {} of trajectory {} of question {}", c, j, i);
      }
    }
  }
}

// Tokens of the training batches of these groups.
std::int64_t packed_tokens(const std::vector<Group>& groups) {
  std::vector<PolicyBatch> batches;
  for (const Group& group : groups) {
    std::vector<std::vector<double>> advantages;
    for (const RolledOut& rolled : group.trajectories) {
      advantages.emplace_back(rolled.trajectory.conversations.size(), 0.0);
    }
    pack_group(group, advantages, {}, batches);
  }
  std::int64_t tokens = 0;
  for (const PolicyBatch& batch : batches) tokens += batch.packed.num_tokens();
  return tokens;
}

nlohmann::ordered_json measure(const Flags& flags, Layout layout,
                               const std::shared_ptr<const ModelFile>& file) {
  LocalModelOptions open;
  open.threads = flags.threads;
  const auto sharing = make_local_model(file, open);
  open.share_prefixes = false;
  const auto apart = make_local_model(file, open);
  const auto renderer = std::make_shared<const PromptRenderer>(
      flags.prompts.empty() ? default_prompts() : load_prompts(flags.prompts), *sharing);
  const auto task = find_tasks({flags.task}, {}).at(0);
  std::vector<RolloutQuestion> questions;
  for (std::int64_t i = 0; i < flags.questions; ++i) {
    questions.push_back({task->sample({.tokens = flags.document_tokens,
                                       .paragraphs = 0,
                                       .seed = 1,
                                       .split = Split::kTrain,
                                       .index = i},
                                      sharing->tokenizer()),
                         static_cast<std::uint64_t>(i)});
  }
  RolloutOptions options;
  options.episode.policy = parse_policy(flags.policy);
  options.episode.layout = layout;
  options.episode.section_tokens = flags.section_tokens;
  options.episode.memory_tokens = flags.memory_tokens;
  options.episode.output_tokens = flags.memory_tokens;
  options.episode.sampling.temperature = 1;
  options.group = flags.group;

  std::vector<double> seconds_sharing;
  std::vector<double> seconds_apart;
  std::vector<Group> of_sharing;
  std::vector<Group> of_apart;
  const auto timed = [&](LanguageModel& model, std::vector<Group>& groups,
                         std::vector<double>& seconds) {
    const double begin = now();
    groups = roll_out(model, renderer, questions, options);
    seconds.push_back(now() - begin);
  };
  for (int i = 0; i <= flags.repeat; ++i) {
    timed(*sharing, of_sharing, seconds_sharing);
    timed(*apart, of_apart, seconds_apart);
  }
  check_same(of_sharing, of_apart);
  const auto median = [](std::vector<double> values) {
    values.erase(values.begin());  // the warm-up
    std::ranges::sort(values);
    return values[values.size() / 2];
  };
  const Tokens tokens = tokens_of(of_sharing);
  const double shared = median(seconds_sharing);
  const double unshared = median(seconds_apart);
  const std::int64_t packed = packed_tokens(of_sharing);
  const std::int64_t whole = tokens.prompt + tokens.generated;
  fmt::print(
      "{}: {:.2f} s shared, {:.2f} s apart, {:.2f}x; {} of {} prompt tokens found, {} generated; "
      "{} tokens to train on instead of {}, {:.2f}x\n",
      to_string(layout), shared, unshared, unshared / shared, tokens.cached, tokens.prompt,
      tokens.generated, packed, whole, static_cast<double>(whole) / static_cast<double>(packed));
  return {{"layout", to_string(layout)},
          {"seconds_shared", shared},
          {"seconds_apart", unshared},
          {"prompt_tokens", tokens.prompt},
          {"cached_prompt_tokens", tokens.cached},
          {"generated_tokens", tokens.generated},
          {"packed_tokens", packed},
          {"conversation_tokens", whole}};
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Rollouts with and without shared beginnings");
  app.add_option("--model", flags.model);
  app.add_option("--shape", flags.shape);
  app.add_option("--prompts", flags.prompts);
  app.add_option("--task", flags.task);
  app.add_option("--questions", flags.questions);
  app.add_option("--group", flags.group);
  app.add_option("--section-tokens", flags.section_tokens);
  app.add_option("--document-tokens", flags.document_tokens);
  app.add_option("--memory-tokens", flags.memory_tokens);
  app.add_option("--policy", flags.policy);
  app.add_option("--threads", flags.threads);
  app.add_option("--repeat", flags.repeat)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto file = model_of(flags);
    nlohmann::ordered_json json = {{"model", flags.model.empty() ? flags.shape : file->name()},
                                   {"questions", flags.questions},
                                   {"group", flags.group},
                                   {"section_tokens", flags.section_tokens},
                                   {"document_tokens", flags.document_tokens},
                                   {"policy", flags.policy},
                                   {"threads", flags.threads}};
    for (const Layout layout : {Layout::kSectionFirst, Layout::kQuestionFirst}) {
      json["layouts"].push_back(measure(flags, layout, file));
    }
    fmt::print("{}\n", json.dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "rollout_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
