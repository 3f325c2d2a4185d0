// The CPU engine as a LanguageModel: file, weights, cache and scheduler put together.
#include "model/local/local_model.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/check.h"
#include "base/fail.h"
#include "base/thread_pool.h"
#include "model/local/model_file.h"
#include "model/local/scheduler.h"
#include "model/local/weights.h"

namespace memagent {
namespace {

constexpr std::int32_t kMaxDefaultContext = 32'768;
constexpr std::int64_t kMaxDefaultCacheBytes = std::int64_t{1} << 30;

class Engine final : public LocalModel {
 public:
  Engine(const std::shared_ptr<const ModelFile>& file, const LocalModelOptions& options)
      : pool_(threads(options)),
        tokenizer_(file->tokenizer()),
        chat_template_(file->chat_template()) {
    if (tokenizer_ == nullptr) {
      fail(ErrorKind::kBadInput,
           "{}: no vocabulary: expected tokenizer metadata in a GGUF file or "
           "tokenizer.json beside the weights",
           file->name());
    }
    weights_ = load_weights(file, best_kernels(), pool_);
    const ModelConfig& config = weights_->config;

    capabilities_.tokens = true;
    capabilities_.logprobs = true;
    capabilities_.prefix_sharing = options.share_prefixes;
    capabilities_.parallel = options.max_running;
    capabilities_.name = file->name();
    capabilities_.context_tokens = options.context_tokens > 0
                                       ? options.context_tokens
                                       : std::min(config.context_tokens, kMaxDefaultContext);

    const std::int64_t page_bytes = KvCache::page_bytes(config);
    const std::int64_t context_pages =
        (std::int64_t{capabilities_.context_tokens} + kPageTokens - 1) / kPageTokens;
    const std::int64_t pages =
        options.kv_cache_bytes > 0
            ? options.kv_cache_bytes / page_bytes
            : std::max(context_pages, std::min(context_pages * options.max_running,
                                               kMaxDefaultCacheBytes / page_bytes));
    if (pages < context_pages) {
      fail(ErrorKind::kUsage,
           "a KV cache of {} bytes holds {} tokens, fewer than the context of {}: raise "
           "kv_cache_bytes or lower context_tokens",
           options.kv_cache_bytes, pages * kPageTokens, capabilities_.context_tokens);
    }
    const std::int64_t retained = options.retained_prefix_tokens > 0
                                      ? options.retained_prefix_tokens / kPageTokens
                                      : context_pages;
    cache_ = std::make_unique<KvCache>(config, static_cast<std::int32_t>(pages),
                                       static_cast<std::int32_t>(std::min(retained, pages)));
    transformer_ = std::make_unique<Transformer>(
        weights_, pool_, std::max(options.prefill_chunk, options.max_running));
    scheduler_ =
        std::make_unique<Scheduler>(SchedulerOptions{.max_running = options.max_running,
                                                     .prefill_chunk = options.prefill_chunk,
                                                     .context_tokens = capabilities_.context_tokens,
                                                     .share_prefixes = options.share_prefixes},
                                    weights_, tokenizer_, *transformer_, *cache_);
  }

  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  const std::string& chat_template() const override { return chat_template_; }

  RequestId submit(GenerationRequest request) override {
    scheduler_->submit(next_id_, std::move(request));
    return next_id_++;
  }

  void cancel(RequestId id) override { scheduler_->cancel(id); }

  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const std::size_t before = results.size();
    while (!scheduler_->idle() && !woken_.exchange(false)) {
      scheduler_->step(results);
      if (results.size() > before || std::chrono::steady_clock::now() >= deadline) return;
    }
  }

  void wake() override { woken_.store(true); }

  void replace_weights(std::shared_ptr<const ModelFile> file) override {
    MEMAGENT_CHECK(scheduler_->idle(), "weights are replaced while requests are in flight");
    MEMAGENT_CHECK(file->config() == weights_->config, "weights of '{}' have another configuration",
                   file->name());
    weights_ = load_weights(std::move(file), *weights_->kernels, pool_);
    transformer_->use(weights_);
    scheduler_->use(weights_);
    cache_->forget();
  }

 private:
  static int threads(const LocalModelOptions& options) {
    if (options.threads < 0 || options.max_running < 1 || options.prefill_chunk < 1 ||
        options.context_tokens < 0 || options.kv_cache_bytes < 0 ||
        options.retained_prefix_tokens < 0) {
      fail(ErrorKind::kUsage,
           "local model: threads {}, max_running {}, prefill_chunk {}, context_tokens {}: expected "
           "positive numbers",
           options.threads, options.max_running, options.prefill_chunk, options.context_tokens);
    }
    if (options.threads > 0) return options.threads;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  ThreadPool pool_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string chat_template_;
  std::shared_ptr<const Weights> weights_;
  Capabilities capabilities_;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<Scheduler> scheduler_;
  RequestId next_id_ = 1;
  std::atomic<bool> woken_{false};
};

}  // namespace

// The engine keeps the file. NOLINTNEXTLINE(performance-unnecessary-value-param)
std::unique_ptr<LocalModel> make_local_model(std::shared_ptr<const ModelFile> file,
                                             const LocalModelOptions& options) {
  return std::make_unique<Engine>(file, options);
}

std::unique_ptr<LanguageModel> open_local_model(const std::string& path,
                                                const LocalModelOptions& options) {
  return make_local_model(open_model_file(path), options);
}

}  // namespace memagent
