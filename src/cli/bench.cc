// `memagent bench`: tokens per second of a local model, prefill and decode apart.
//
// Prompts are random tokens, all different, so that no cache helps the prefill. Decoding is timed
// over prompts that are cached by then: the time of 1 + N tokens less that of 1 token, so that what
// is left of the prefill cancels. Works on LanguageModel alone; loading is outside the clock.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/fail.h"
#include "base/random.h"
#include "cli/command.h"
#include "cli/lengths.h"
#include "cli/surroundings.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "memagent/local_model.h"
#include "model/local/shipped_model.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

struct BenchOptions {
  std::string model = kShippedModel;
  std::int32_t threads = 0;
  std::string prompt_tokens;  // empty: 5,000, or what fits the model's context
  std::string decode_tokens = "64";
  std::int32_t batch = 1;
  std::int32_t repetitions = 5;
  std::string seed = "0";
  bool json = false;
};

struct Measured {
  double seconds = 0;
  std::int64_t prompt_tokens = 0;  // not found in the cache
  std::int64_t generated_tokens = 0;
};

using Prompts = std::vector<std::vector<TokenId>>;

Prompts random_prompts(const Tokenizer& tokenizer, std::int32_t count, std::int64_t tokens,
                       std::uint64_t seed) {
  std::vector<TokenId> text;  // tokens that are not control tokens
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.token_bytes(id).empty()) text.push_back(id);
  }
  if (text.empty()) fail(ErrorKind::kBadInput, "bench: the vocabulary has no token of text");
  Prompts prompts(static_cast<std::size_t>(count));
  RandomStream random(derive(seed, 0x62656E6368));
  for (std::vector<TokenId>& prompt : prompts) {
    while (static_cast<std::int64_t>(prompt.size()) < tokens) {
      prompt.push_back(text[random.below(static_cast<std::uint64_t>(text.size()))]);
    }
  }
  return prompts;
}

Measured run_all(LanguageModel& model, const Prompts& prompts, std::int32_t max_tokens) {
  Measured measured;
  const auto started = std::chrono::steady_clock::now();
  for (const std::vector<TokenId>& prompt : prompts) {
    GenerationRequest request;
    request.prompt.tokens = prompt;
    request.max_tokens = max_tokens;
    request.shared_prefix_tokens = static_cast<std::int32_t>(prompt.size());
    model.submit(std::move(request));
  }
  std::vector<GenerationResult> results;
  while (results.size() < prompts.size()) model.wait(results, std::chrono::milliseconds(1000));
  measured.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  for (const GenerationResult& result : results) {
    if (result.stop == StopReason::kFailed) {
      fail(ErrorKind::kModel, "bench: a generation failed: {}", result.error);
    }
    measured.prompt_tokens += result.prompt_tokens - result.cached_prompt_tokens;
    measured.generated_tokens += result.generated_tokens;
  }
  return measured;
}

ordered_json spread(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  const auto rounded = [](double value) { return std::round(value * 10) / 10; };
  return {{"median", rounded(median)},
          {"min", rounded(values.front())},
          {"max", rounded(values.back())}};
}

std::int32_t count_of(const char* flag, const std::string& text) {
  const std::int64_t value = parse_length(flag, text);
  if (value < 1 || value > (1 << 24))
    fail(ErrorKind::kUsage, "{}: {}: choose 1 to 16M", flag, text);
  return static_cast<std::int32_t>(value);
}

int run_bench(const BenchOptions& options) {
  std::int32_t prompt_tokens =
      options.prompt_tokens.empty() ? 5000 : count_of("--prompt-tokens", options.prompt_tokens);
  const std::int32_t decode_tokens = count_of("--decode-tokens", options.decode_tokens);
  const std::uint64_t seed = parse_seed("--seed", options.seed);
  LocalModelOptions open;
  open.threads = options.threads;
  open.max_running = options.batch;
  // What is decoded has been prefilled before, and is found again.
  open.retained_prefix_tokens = std::int64_t{options.batch} * prompt_tokens;
  const std::unique_ptr<LanguageModel> model = open_local_model(options.model, open);
  const std::int32_t context = model->capabilities().context_tokens;
  if (options.prompt_tokens.empty() && context > decode_tokens + 1) {
    prompt_tokens = std::min(prompt_tokens, context - decode_tokens - 1);
  }
  if (context > 0 && prompt_tokens + decode_tokens + 1 > context) {
    fail(ErrorKind::kUsage,
         "bench: --prompt-tokens {} and --decode-tokens {} do not fit the model's context of {}: "
         "choose less",
         prompt_tokens, decode_tokens, context);
  }

  std::vector<double> prefill;
  std::vector<double> decode;
  for (std::int32_t repetition = 0; repetition <= options.repetitions; ++repetition) {
    const Prompts prompts = random_prompts(*model->tokenizer(), options.batch, prompt_tokens,
                                           derive(seed, static_cast<std::uint64_t>(repetition)));
    const Measured cold = run_all(*model, prompts, 1);
    const Measured one = run_all(*model, prompts, 1);
    const Measured many = run_all(*model, prompts, 1 + decode_tokens);
    if (repetition == 0) continue;  // warm-up
    prefill.push_back(static_cast<double>(cold.prompt_tokens) / cold.seconds);
    const std::int64_t decoded = many.generated_tokens - one.generated_tokens;
    if (decoded > 0 && many.seconds > one.seconds) {
      decode.push_back(static_cast<double>(decoded) / (many.seconds - one.seconds));
    }
  }

  const unsigned cores = std::thread::hardware_concurrency();
  const ordered_json object = {
      {"model", model->capabilities().name},
      {"prompt_tokens", prompt_tokens},
      {"decode_tokens", decode_tokens},
      {"batch", options.batch},
      {"repetitions", options.repetitions},
      {"prefill_tokens_per_second", spread(prefill)},
      {"decode_tokens_per_second", spread(decode)},
      {"threads", options.threads > 0 ? options.threads : static_cast<std::int32_t>(cores)},
      {"machine", processor_name()},
      {"cores", cores},
      {"version", kVersion},
      {"commit", kCommit}};
  if (options.json) {
    write_output(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    return 0;
  }
  const auto line = [&](const char* what, const char* key) {
    const ordered_json& value = object[key];
    if (value.is_null()) return fmt::format("{:8} the model ended at once\n", what);
    return fmt::format("{:8} {:>10.1f} tokens/s  ({:.1f} to {:.1f})\n", what,
                       value["median"].get<double>(), value["min"].get<double>(),
                       value["max"].get<double>());
  };
  write_output(fmt::format("{}\n{} threads, {}, batch {}, median of {}\n{}{}",
                           harmless(object["model"].get<std::string>()),
                           object["threads"].get<int>(), processor_name(), options.batch,
                           options.repetitions, line("prefill", "prefill_tokens_per_second"),
                           line("decode", "decode_tokens_per_second")));
  return 0;
}

}  // namespace

Command add_bench_command(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("bench", "Tokens per second of a local model, prefill and decode");
  const auto options = std::make_shared<BenchOptions>();
  app->add_option("--model", options->model,
                  "GGUF file or Hugging Face folder (default: memagent-nano, which comes with the "
                  "program)")
      ->type_name("PATH");
  app->add_option("--threads", options->threads, "Threads (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096).description(""));
  app->add_option("--prompt-tokens", options->prompt_tokens,
                  "Tokens of a prompt (5000, or what the model's context has room for)")
      ->type_name("N");
  app->add_option("--decode-tokens", options->decode_tokens, "Tokens decoded after it (64)")
      ->type_name("N");
  app->add_option("--batch", options->batch, "Requests at once (1)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096).description(""));
  app->add_option("--repetitions", options->repetitions, "Timed repetitions (5)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""));
  app->add_option("--seed", options->seed, "Of the random prompts (0)")->type_name("N");
  app->add_flag("--json", options->json, "Write one JSON object");
  return {app, [options] { return run_bench(*options); }};
}

}  // namespace memagent
