// What memagent itself costs per conversation: many Episodes over one document and a model that
// answers at once, with sections, memories and prompts of real size.
//
// There is no hardware bound worth naming here; the one that counts is the target of 2,000
// conversations a second, which leaves 500 us for each, HTTP client and server included.
//
//   build/release/bench/runner_bench [--episodes N] [--sections N] [--section-tokens N] ...
//
// Prints one line per kind of model and, at the end, one JSON object.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <vector>

#include "memagent/runner.h"
#include "support/scripted_model.h"

namespace memagent::test {
namespace {

struct Size {
  std::size_t episodes = 1000;
  std::int64_t sections = 20;
  std::int32_t section_tokens = 5000;
  std::int32_t lookahead = 1;
};

// Seconds for all episodes; the model of bytes does no work, so this is the Runner, the Episodes,
// the rendering of prompts and the cutting of sections.
double seconds_for(const Size& size, bool tokens, std::int32_t in_flight) {
  ScriptedModelOptions options;
  options.tokens = tokens;
  options.parallel = in_flight;
  options.record = false;
  const std::string memory(400, 'm');
  const std::string other(400, 'n');
  std::size_t calls = 0;
  // Every tenth update changes the memory.
  ScriptedModel model(options, [&](const GenerationRequest&) {
    return Reply{.text = ++calls % 10 == 0 ? other : memory};
  });
  const auto renderer = std::make_shared<const PromptRenderer>(default_prompts(), model);
  EpisodeConfig config;
  config.section_tokens = size.section_tokens;
  config.memory_tokens = 1024;
  config.lookahead = size.lookahead;
  std::vector<Episode> episodes;
  for (std::size_t i = 0; i < size.episodes; ++i) {
    config.sampling.seed = i;
    episodes.emplace_back(config, renderer, fmt::format("question {}: who, where and when?", i));
  }
  const std::string text(static_cast<std::size_t>(size.sections * size.section_tokens), 'a');
  SectionReader reader(text_source(text), options.tokenizer,
                       {.section_tokens = size.section_tokens, .cut = Cut::kExact});
  RunObserver observer;
  const auto begin = std::chrono::steady_clock::now();
  run_episodes(model, episodes, reader, observer);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int run(const Size& size) {
  constexpr int kRepetitions = 5;
  const double conversations =
      static_cast<double>(size.episodes) * static_cast<double>(size.sections + 1);
  std::string fields;
  for (const bool tokens : {true, false}) {
    std::vector<double> rates;
    seconds_for({size.episodes, 2, size.section_tokens, size.lookahead}, tokens, 1000);  // warm-up
    for (int i = 0; i < kRepetitions; ++i) {
      rates.push_back(conversations / seconds_for(size, tokens, 1000));
    }
    std::sort(rates.begin(), rates.end());
    const char* kind = tokens ? "token" : "text";
    fmt::print(
        "{:5} model: {:8.0f} conversations/s (lowest {:.0f}, highest {:.0f}), {:.1f} us each\n",
        kind, rates[kRepetitions / 2], rates.front(), rates.back(), 1e6 / rates[kRepetitions / 2]);
    fields += fmt::format(",\"{}_conversations_per_s\":{:.0f}", kind, rates[kRepetitions / 2]);
  }
  fmt::print(
      "{{\"bench\":\"runner\",\"episodes\":{},\"sections\":{},\"section_tokens\":{},"
      "\"lookahead\":{},\"in_flight\":1000{}}}\n",
      size.episodes, size.sections, size.section_tokens, size.lookahead, fields);
  return 0;
}

}  // namespace
}  // namespace memagent::test

int main(int argc, char** argv) {
  memagent::test::Size size;
  CLI::App app("What memagent itself costs per conversation");
  app.add_option("--episodes", size.episodes)->check(CLI::PositiveNumber);
  app.add_option("--sections", size.sections)->check(CLI::NonNegativeNumber);
  app.add_option("--section-tokens", size.section_tokens)->check(CLI::PositiveNumber);
  app.add_option("--lookahead", size.lookahead)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return memagent::test::run(size);
}
