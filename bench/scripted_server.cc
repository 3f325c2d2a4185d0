// The server of `memagent serve` over a model that is a script, for bench/serve_load.mjs: what is
// measured is the server, since the model costs next to nothing.
//
//   scripted_server [--max-concurrent N] [--batch N]     prints "at http://127.0.0.1:PORT/v1"
//
// A conversation says what the model does with it, in the question so that every prompt has it:
//
//   first_ms=N   the first word, or the first update, comes so long after it was asked for
//   pace_ms=N    and each one after it so long after the one before, half of it more or less; 0: at
//                once
//   words=N      of the answer
//
// Every word, and every memory, is "@" and the time at which the model had it: nanoseconds of the
// machine's monotonic clock, which clients can read, too. Tokens are bytes.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>

#include "base/random.h"
#include "server/server.h"
#include "support/byte_tokenizer.h"

namespace memagent::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::string stamp() {
  return fmt::format(
      "@{} ", std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
                  .count());
}

class StampingModel : public LanguageModel {
 public:
  // Gives at most `batch` results together, as an engine does that computes so many at a time.
  explicit StampingModel(std::size_t batch) : batch_(batch) {
    capabilities_.tokens = true;
    capabilities_.parallel = 1 << 20;
    capabilities_.name = "scripted";
  }
  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  const std::string& chat_template() const override { return chat_template_; }

  RequestId submit(GenerationRequest request) override {
    const std::string prompt = tokenizer_->decode_all(request.prompt.tokens);
    const auto told = [&](const char* name, int otherwise) {
      const std::size_t at = prompt.find(name);
      return at == std::string::npos ? otherwise : std::atoi(prompt.c_str() + at + strlen(name));
    };
    Answer answer;
    answer.id = ++last_id_;
    answer.prompt_tokens = static_cast<std::int64_t>(request.prompt.tokens.size());
    answer.pace = std::chrono::milliseconds(told("pace_ms=", 0));
    answer.words = request.on_text ? told("words=", 1) : 1;
    answer.on_text = std::move(request.on_text);
    const bool is_first = prompt.find('@') == std::string::npos;
    const int first_ms = is_first ? told("first_ms=", 0) : 0;
    const Clock::time_point due = next(answer, Clock::now() + std::chrono::milliseconds(first_ms));
    due_[answer.id] = due;
    waiting_.emplace(due, std::move(answer));
    return last_id_;
  }

  void cancel(RequestId id) override {
    const auto found = due_.find(id);
    if (found == due_.end()) return;
    const auto [begin, end] = waiting_.equal_range(found->second);
    for (auto it = begin; it != end; ++it) {
      if (it->second.id != id) continue;
      it->second.cancelled = true;
      auto node = waiting_.extract(it);
      node.key() = found->second = {};
      waiting_.insert(std::move(node));
      return;
    }
  }

  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override {
    const Clock::time_point until = Clock::now() + timeout;
    while (!waiting_.empty()) {
      const Clock::time_point due = waiting_.begin()->first;
      {
        std::unique_lock lock(mutex_);
        if (due > Clock::now()) {
          changed_.wait_until(lock, std::min(due, until), [this] { return woken_; });
        }
        if (std::exchange(woken_, false)) return;
      }
      if (due <= Clock::now()) {
        go_on(results);
        // All that is due, up to a batch.
        while (!waiting_.empty() && waiting_.begin()->first <= Clock::now() &&
               results.size() < batch_) {
          go_on(results);
        }
        if (!results.empty()) return;
      }
      if (Clock::now() >= until) return;
    }
  }

  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

 private:
  struct Answer {
    RequestId id = 0;
    std::int64_t prompt_tokens = 0;
    std::chrono::milliseconds pace{0};
    int words = 1;
    bool cancelled = false;
    std::string text = {};
    std::function<void(std::string_view)> on_text = {};
  };

  // When the next word comes. Answers drift apart, so that they do not come in step.
  Clock::time_point next(const Answer& answer, Clock::time_point from) {
    const double share = 0.5 + uniform(7, ++draws_);
    return from + std::chrono::duration_cast<Clock::duration>(answer.pace * share);
  }

  // The next word of the answer that is due first, or its result.
  void go_on(std::vector<GenerationResult>& results) {
    auto node = waiting_.extract(waiting_.begin());
    Answer& answer = node.mapped();
    if (!answer.cancelled) answer.text += stamp();
    if (answer.on_text && !answer.cancelled) answer.on_text(answer.text);
    if (--answer.words > 0 && !answer.cancelled) {
      node.key() = due_[answer.id] = next(answer, Clock::now());
      waiting_.insert(std::move(node));
      return;
    }
    due_.erase(answer.id);
    GenerationResult result;
    result.id = answer.id;
    result.stop = answer.cancelled ? StopReason::kCancelled : StopReason::kEnd;
    result.prompt_tokens = answer.prompt_tokens;
    result.tokens = tokenizer_->encode(answer.text);
    result.generated_tokens = static_cast<std::int64_t>(result.tokens.size()) + 1;
    result.text = std::move(answer.text);
    results.push_back(std::move(result));
  }

  const std::size_t batch_;
  Capabilities capabilities_;
  std::shared_ptr<const test::ByteTokenizer> tokenizer_ = test::byte_tokenizer();
  std::string chat_template_;
  // By when they are due. Of the thread that owns the model alone.
  std::multimap<Clock::time_point, Answer> waiting_;
  std::map<RequestId, Clock::time_point> due_;
  RequestId last_id_ = 0;
  std::uint64_t draws_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

int serve(std::size_t max_concurrent, std::size_t batch) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  StampingModel model(batch);
  ServerOptions options;
  options.http.port = 0;
  options.service.max_concurrent = max_concurrent;
  options.completions.model_name = "scripted";
  options.completions.plan = [](const std::string&) {
    ReadingPlan plan;
    plan.config.section_tokens = 500;
    plan.sections = {.section_tokens = 500, .cut = Cut::kExact};
    return plan;
  };
  // As `memagent serve` does, to a log that nobody keeps.
  std::FILE* log = std::fopen("/dev/null", "w");
  options.log = [log](const std::string& line) { fmt::print(log, "{}\n", line); };
  const auto renderer = std::make_shared<const PromptRenderer>(
      default_prompts(), ChatFormat::kPlain, model.tokenizer(), true, false);
  Server server(model, renderer, {.format = ChatFormat::kPlain, .as_tokens = true},
                std::move(options));
  server.start();
  fmt::print("at http://127.0.0.1:{}/v1\n", server.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  server.stop(std::chrono::seconds(0));
  return 0;
}

}  // namespace
}  // namespace memagent::bench

int main(int argc, char** argv) {
  std::size_t max_concurrent = 4096;
  CLI::App app("The server over a model that answers by the clock");
  app.add_option("--max-concurrent", max_concurrent);
  std::size_t batch = 64;
  app.add_option("--batch", batch);
  CLI11_PARSE(app, argc, argv);
  return memagent::bench::serve(max_concurrent, batch);
}
