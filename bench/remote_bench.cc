// Conversations a second over an endpoint that answers at once, the server's work included: how
// much the client costs when the model costs nothing. The bound is two cores; the goal of the
// design is 2,000 conversations a second with 1,000 in flight.
//
//   remote_bench [--conversations N] [--in-flight N] [--prompt-bytes N] [--stream] [--repetitions
//   N]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "echo_server.h"
#include "loopback.h"
#include "memagent/remote_model.h"

namespace {

struct Config {
  int conversations = 20'000;
  int in_flight = 1000;
  int prompt_bytes = 20'000;  // a section of 5,000 tokens
  bool stream = false;
  int repetitions = 5;
};

// Seconds that `config.conversations` take.
double measure(memagent::LanguageModel& model, const Config& config) {
  std::string text;
  while (text.size() < static_cast<std::size_t>(config.prompt_bytes)) {
    text += "It was a quiet morning, and \"nothing\" of note had happened yet.\n";
  }
  const auto submit = [&](int number) {
    memagent::GenerationRequest request;
    request.prompt.messages = {{"user", "Question " + std::to_string(number) + "\n" + text}};
    request.max_tokens = 1024;
    if (config.stream) request.complete_responses = {"KEEP"};
    model.submit(std::move(request));
  };
  const auto start = std::chrono::steady_clock::now();
  int submitted = 0;
  int finished = 0;
  std::vector<memagent::GenerationResult> results;
  while (finished < config.conversations) {
    while (submitted < config.conversations && submitted - finished < config.in_flight) {
      submit(submitted++);
    }
    results.clear();
    model.wait(results, std::chrono::seconds(10));
    for (const memagent::GenerationResult& result : results) {
      if (result.stop == memagent::StopReason::kFailed) throw std::runtime_error(result.error);
      ++finished;
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  Config config;
  CLI::App app("Conversations a second over an endpoint that answers at once");
  app.add_option("--conversations", config.conversations);
  app.add_option("--in-flight", config.in_flight);
  app.add_option("--prompt-bytes", config.prompt_bytes);
  app.add_flag("--stream", config.stream, "as gated updates are asked for");
  app.add_option("--repetitions", config.repetitions);
  CLI11_PARSE(app, argc, argv);
  namespace bench = memagent::bench;
  bench::allow_many_connections();
  bench::EchoProcess server({});
  memagent::RemoteModelOptions options;
  options.urls = {server.url()};
  options.max_in_flight = config.in_flight;
  const auto model = memagent::open_remote_model(options);
  Config warm_up = config;
  warm_up.conversations = config.in_flight * 2;
  measure(*model, warm_up);
  const double before = bench::processor_seconds();
  std::vector<double> rates;
  for (int i = 0; i < config.repetitions; ++i) {
    rates.push_back(config.conversations / measure(*model, config));
    std::printf("%.0f conversations/s\n", rates.back());
    std::fflush(stdout);
  }
  const double total = static_cast<double>(config.conversations) * config.repetitions;
  const double client = bench::processor_seconds() - before;
  const double all = total + warm_up.conversations;
  std::sort(rates.begin(), rates.end());
  const nlohmann::json report = {{"benchmark", "remote"},
                                 {"conversations_per_second", rates[rates.size() / 2]},
                                 {"slowest", rates.front()},
                                 {"fastest", rates.back()},
                                 {"client_cpu_us_per_conversation", 1e6 * client / total},
                                 {"server_cpu_us_per_conversation", 1e6 * server.finish() / all},
                                 {"in_flight", config.in_flight},
                                 {"prompt_bytes", config.prompt_bytes},
                                 {"stream", config.stream},
                                 {"conversations", config.conversations},
                                 {"repetitions", config.repetitions},
                                 {"machine", bench::machine_name()},
                                 {"client_threads", 1},
                                 {"commit", bench::source_commit()}};
  std::printf("%s\n", report.dump().c_str());
  return 0;
}
