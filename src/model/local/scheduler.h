// Continuous batching: which tokens of which requests the next forward pass works on.
//
// Requests are admitted in order as soon as the KV cache has room for their whole prompt and
// response, so none is ever pushed out again. A pass decodes one token of every request that has
// its prompt behind it and fills up with prompt tokens of the others. A request whose beginning is
// just being prefilled by another waits and then shares those pages. Of equal prompts that wait
// together, as a group of trajectories has where they agree so far, one is prefilled, and all
// sample from its logits.
//
// Knows nothing of files or of text beyond comparing complete responses. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "memagent/language_model.h"
#include "model/local/kv_cache.h"
#include "model/local/transformer.h"

namespace memagent {

struct SchedulerOptions {
  std::int32_t max_running = 64;
  std::int32_t prefill_chunk = 512;
  std::int32_t context_tokens = 0;
  bool share_prefixes = true;
};

class Scheduler {
 public:
  Scheduler(SchedulerOptions options, std::shared_ptr<const Weights> weights,
            std::shared_ptr<const Tokenizer> tokenizer, Transformer& transformer, KvCache& cache);

  // Throws Error(kUsage) for a request that can never be carried out.
  void submit(RequestId id, GenerationRequest request);
  void cancel(RequestId id);
  bool idle() const { return waiting_.empty() && running_.empty(); }
  // Others of the same shape, from the next pass on. Only while idle.
  void use(std::shared_ptr<const Weights> weights) { weights_ = std::move(weights); }
  // One forward pass; appends the requests it finished.
  void step(std::vector<GenerationResult>& finished);

 private:
  struct Request {
    RequestId id = 0;
    GenerationRequest request;
    std::vector<TokenId> tokens;  // prompt, then response
    std::vector<PageId> pages;
    std::int32_t num_prompt = 0;
    std::int32_t num_computed = 0;    // positions whose keys and values are in the pages
    std::int32_t num_registered = 0;  // leading pages found or offered for sharing
    bool beginning_kept = false;      // of the page that prompts share in part
    bool cancelled = false;
    GenerationResult result;
    bool prefilling() const { return num_computed < num_prompt; }
  };

  enum class Admission { kAdmitted, kNoRoom, kPrefixOnTheWay };

  void admit();
  Admission try_admit(Request& request);
  std::vector<Request*> admit_equals(const Request& first);
  static std::int32_t pages_of(const Request& request);
  bool has_room(const Request& request, std::size_t num_shared) const;
  void take_pages(Request& request, std::vector<PageId> shared);
  void copy_beginning(Request& request);
  bool being_prefilled(const Request& request, std::size_t page) const;
  bool equal_is_prefilled(const Request& request) const;
  void register_pages(Request& request);
  void accept(Request& request, std::span<const float> logits);
  void finish(Request& request, StopReason reason);
  void sweep(std::vector<GenerationResult>& finished);

  SchedulerOptions options_;
  std::shared_ptr<const Weights> weights_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Transformer& transformer_;
  KvCache& cache_;
  std::deque<std::unique_ptr<Request>> waiting_;
  std::vector<std::unique_ptr<Request>> running_;  // in order of admission
  std::vector<std::unique_ptr<Request>> done_;
};

}  // namespace memagent
