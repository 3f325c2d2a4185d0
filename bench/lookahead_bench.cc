// Reading ahead over an endpoint that takes a fixed time for every call, however many are under
// way: a fleet with room to spare. One reader, sparse evidence; wall time, calls made and
// discarded, and whether the traces are the same for every lookahead.
//
//   lookahead_bench [--sections N] [--facts N] [--delay-ms N] [--lookahead 1 8 32]
//
// The bound: with changes in F of K sections, no order of asking needs fewer rounds of waiting than
// the chain of F + 1 memories and the answer, and B at once need at least K / B.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/trace.h"
#include "echo_server.h"
#include "loopback.h"
#include "made_document.h"
#include "memagent/remote_model.h"
#include "memagent/runner.h"

namespace {

using namespace memagent;

class Traces final : public RunObserver {
 public:
  void on_conversation(std::size_t episode, const Episode& /*state*/,
                       const Conversation& conversation) override {
    text += trace_line(episode, conversation) + "\n";
  }
  std::string text;
};

struct Outcome {
  double seconds = 0;
  std::string trace;
  std::string answer;
  EpisodeState state;
};

Outcome read_document(LanguageModel& model, const std::string& text, std::int32_t section_tokens,
                      std::int32_t lookahead) {
  const auto renderer = std::make_shared<const PromptRenderer>(default_prompts(), model);
  EpisodeConfig config;
  config.policy = Policy::kGated;
  config.section_tokens = section_tokens;
  config.lookahead = lookahead;
  Episode episode(config, renderer, "Which facts does the document state?");
  SectionReader document(text_source(text), model.tokenizer(), {.section_tokens = section_tokens});
  Runner runner(model, {});
  runner.add_episode(episode, runner.add_document(document));
  Traces traces;
  const auto start = std::chrono::steady_clock::now();
  runner.run(traces);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  return {time.count(), traces.text, episode.answer(), episode.state()};
}

}  // namespace

int main(int argc, char** argv) {
  bench::MadeDocument made;
  int delay_ms = 500;
  std::vector<int> lookaheads = {1, 8, 32};
  CLI::App app("Reading ahead over an endpoint with latency");
  app.add_option("--sections", made.sections);
  app.add_option("--section-tokens", made.section_tokens);
  app.add_option("--facts", made.facts);
  app.add_option("--delay-ms", delay_ms);
  app.add_option("--lookahead", lookaheads);
  CLI11_PARSE(app, argc, argv);
  bench::EchoProcess server({"--delay-ms", std::to_string(delay_ms), "--keep",
                             default_prompts().gate_keep, "--update",
                             default_prompts().gate_update});
  RemoteModelOptions options;
  options.urls = {server.url()};
  options.max_in_flight = *std::max_element(lookaheads.begin(), lookaheads.end());
  const auto model = open_remote_model(options);
  const std::string text = bench::make_document(made, model->tokenizer());

  nlohmann::json rows = nlohmann::json::array();
  std::string first_trace;
  std::printf("lookahead  seconds  calls  discarded  changes  speed-up  same trace\n");
  double first_seconds = 0;
  for (const int lookahead : lookaheads) {
    const Outcome outcome = read_document(*model, text, made.section_tokens, lookahead);
    if (first_trace.empty()) {
      first_trace = outcome.trace;
      first_seconds = outcome.seconds;
    }
    const bool same = outcome.trace == first_trace;
    const std::int64_t calls =
        outcome.state.sections_read + 1 + outcome.state.discarded_generations;
    std::printf("%9d %8.2f %6lld %10lld %8lld %9.2f  %s\n", lookahead, outcome.seconds,
                static_cast<long long>(calls),
                static_cast<long long>(outcome.state.discarded_generations),
                static_cast<long long>(outcome.state.memory_changes),
                first_seconds / outcome.seconds, same ? "yes" : "NO");
    std::fflush(stdout);
    rows.push_back({{"lookahead", lookahead},
                    {"seconds", outcome.seconds},
                    {"sections", outcome.state.sections_read},
                    {"calls", calls},
                    {"discarded", outcome.state.discarded_generations},
                    {"memory_changes", outcome.state.memory_changes},
                    {"answer", outcome.answer},
                    {"same_trace", same}});
  }
  const nlohmann::json report = {{"benchmark", "lookahead"},
                                 {"delay_ms", delay_ms},
                                 {"sections", made.sections},
                                 {"section_tokens", made.section_tokens},
                                 {"facts", made.facts},
                                 {"rows", rows},
                                 {"machine", bench::machine_name()},
                                 {"client_threads", 1},
                                 {"commit", bench::source_commit()}};
  std::printf("%s\n", report.dump().c_str());
  return 0;
}
