// Conversations a second with a thousand Episodes in flight over an endpoint that answers at once,
// the server's work included: prompts, episodes, runner and client together. The bound is two
// cores; the goal of the design is 2,000 a second.
//
//   episodes_bench [--episodes N] [--sections N] [--section-tokens N] [--policy overwrite|gated]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>

#include "echo_server.h"
#include "loopback.h"
#include "made_document.h"
#include "memagent/remote_model.h"
#include "memagent/runner.h"

namespace {

using namespace memagent;

class Count final : public RunObserver {
 public:
  void on_conversation(std::size_t /*episode*/, const Episode& /*state*/,
                       const Conversation& /*conversation*/) override {
    ++conversations;
  }
  std::int64_t conversations = 0;
};

}  // namespace

int main(int argc, char** argv) {
  int episodes_wanted = 1000;
  int repetitions = 5;
  std::string policy = "gated";
  bench::MadeDocument made{.sections = 10, .section_tokens = 5000, .facts = 2};
  CLI::App app("Conversations a second with many episodes in flight");
  app.add_option("--episodes", episodes_wanted);
  app.add_option("--sections", made.sections);
  app.add_option("--section-tokens", made.section_tokens);
  app.add_option("--facts", made.facts);
  app.add_option("--policy", policy);
  app.add_option("--repetitions", repetitions);
  CLI11_PARSE(app, argc, argv);
  bench::allow_many_connections();
  bench::EchoProcess server({});
  RemoteModelOptions options;
  options.urls = {server.url()};
  options.max_in_flight = episodes_wanted;
  const auto model = open_remote_model(options);
  const std::string text = bench::make_document(made, model->tokenizer());
  const auto renderer = std::make_shared<const PromptRenderer>(default_prompts(), *model);
  EpisodeConfig config;
  config.policy = parse_policy(policy);
  config.section_tokens = made.section_tokens;

  std::vector<double> rates;
  std::int64_t conversations = 0;
  double client = 0;
  for (int i = 0; i < repetitions; ++i) {
    std::deque<Episode> episodes;
    SectionReader document(text_source(text), model->tokenizer(),
                           {.section_tokens = made.section_tokens});
    Runner runner(*model, {});
    const std::size_t number = runner.add_document(document);
    for (int e = 0; e < episodes_wanted; ++e) {
      config.sampling.seed = static_cast<std::uint64_t>(e);
      episodes.emplace_back(config, renderer, "Question " + std::to_string(e) + ": which facts?");
      runner.add_episode(episodes.back(), number);
    }
    Count count;
    const double before = bench::processor_seconds();
    const auto start = std::chrono::steady_clock::now();
    runner.run(count);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    client += bench::processor_seconds() - before;
    for (const Episode& episode : episodes) {
      if (episode.state().memory_changes != made.facts) {
        throw std::runtime_error("an episode missed a fact: " + episode.answer());
      }
    }
    conversations += count.conversations;
    rates.push_back(static_cast<double>(count.conversations) / time.count());
    std::printf("%.0f conversations/s\n", rates.back());
    std::fflush(stdout);
  }
  std::sort(rates.begin(), rates.end());
  const nlohmann::json report = {
      {"benchmark", "episodes"},
      {"conversations_per_second", rates[rates.size() / 2]},
      {"slowest", rates.front()},
      {"fastest", rates.back()},
      {"client_cpu_us_per_conversation", 1e6 * client / static_cast<double>(conversations)},
      {"server_cpu_us_per_conversation",
       1e6 * server.finish() / static_cast<double>(conversations)},
      {"episodes", episodes_wanted},
      {"policy", policy},
      {"sections", made.sections},
      {"section_tokens", made.section_tokens},
      {"document_bytes", text.size()},
      {"repetitions", repetitions},
      {"machine", bench::machine_name()},
      {"client_threads", 1},
      {"commit", bench::source_commit()}};
  std::printf("%s\n", report.dump().c_str());
  return 0;
}
