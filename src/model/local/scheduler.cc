#include "model/local/scheduler.h"

#include <algorithm>

#include "model/local/request.h"
#include "model/local/sampler.h"

namespace memagent {
namespace {

// Less of a page is computed as fast as it is copied.
constexpr std::int32_t kWorthCopying = 8;

std::int32_t pages_for(std::int64_t tokens) {
  return static_cast<std::int32_t>((tokens + kPageTokens - 1) / kPageTokens);
}

// What page `page` of a sequence is found after.
PageId before(const std::vector<PageId>& pages, std::size_t page) {
  return page == 0 ? kNoPage : pages[page - 1];
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, std::shared_ptr<const Weights> weights,
                     std::shared_ptr<const Tokenizer> tokenizer, Transformer& transformer,
                     KvCache& cache)
    : options_(options),
      weights_(std::move(weights)),
      tokenizer_(std::move(tokenizer)),
      transformer_(transformer),
      cache_(cache) {}

void Scheduler::submit(RequestId id, GenerationRequest request) {
  check_request(request, {.context_tokens = options_.context_tokens,
                          .cache_tokens = std::int64_t{cache_.capacity()} * kPageTokens,
                          .vocab_size = weights_->config.vocab_size});
  const auto prompt = static_cast<std::int64_t>(request.prompt.tokens.size());
  const std::int64_t total = prompt + request.max_tokens;
  auto entry = std::make_unique<Request>();
  entry->id = id;
  entry->num_prompt = static_cast<std::int32_t>(prompt);
  entry->tokens = request.prompt.tokens;
  entry->tokens.reserve(static_cast<std::size_t>(total));
  entry->request = std::move(request);
  entry->result.id = id;
  entry->result.prompt_tokens = prompt;
  waiting_.push_back(std::move(entry));
}

void Scheduler::cancel(RequestId id) {
  for (const auto& request : running_) {
    if (request->id == id) request->cancelled = true;
  }
  for (const auto& request : waiting_) {
    if (request->id == id) request->cancelled = true;
  }
}

void Scheduler::step(std::vector<GenerationResult>& finished) {
  sweep(finished);
  admit();
  if (running_.empty()) return;

  // Every decoding request gets its token; prompts share what is left of the pass.
  std::vector<TokenRun> runs;
  std::vector<Request*> owners;
  std::int32_t left = options_.prefill_chunk;
  const auto add_run = [&](Request& request, std::int32_t count) {
    const auto first = static_cast<std::size_t>(request.num_computed);
    runs.push_back(
        {.tokens = std::span(request.tokens).subspan(first, static_cast<std::size_t>(count)),
         .first_position = request.num_computed,
         .pages = request.pages,
         .wants_logits = first + static_cast<std::size_t>(count) == request.tokens.size()});
    owners.push_back(&request);
    left -= count;
  };
  for (const auto& request : running_) {
    if (!request->prefilling()) add_run(*request, 1);
  }
  for (const auto& request : running_) {
    if (request->prefilling() && left > 0) {
      add_run(*request, std::min(left, request->num_prompt - request->num_computed));
    }
  }

  const std::span<const float> logits = transformer_.forward(runs, cache_);
  const auto vocabulary = static_cast<std::size_t>(weights_->config.vocab_size);
  std::size_t row = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Request& request = *owners[i];
    const bool was_prefilling = request.prefilling();
    request.num_computed += static_cast<std::int32_t>(runs[i].tokens.size());
    register_pages(request);
    if (!runs[i].wants_logits) continue;
    const std::span<const float> scores = logits.subspan(row++ * vocabulary, vocabulary);
    std::vector<Request*> equals;
    // Before a response of one token lets go of the pages.
    if (was_prefilling && options_.share_prefixes) equals = admit_equals(request);
    accept(request, scores);
    for (Request* equal : equals) accept(*equal, scores);
  }
  sweep(finished);
}

void Scheduler::admit() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (static_cast<std::int32_t>(running_.size()) >= options_.max_running) return;
    switch (try_admit(**at)) {
      case Admission::kAdmitted:
        running_.push_back(std::move(*at));
        at = waiting_.erase(at);
        break;
      case Admission::kPrefixOnTheWay:
        ++at;
        break;
      case Admission::kNoRoom:
        return;  // nothing behind it may overtake
    }
  }
}

Scheduler::Admission Scheduler::try_admit(Request& request) {
  // At least the last prompt token has to be computed, for its logits.
  const auto shareable = options_.share_prefixes
                             ? static_cast<std::size_t>((request.num_prompt - 1) / kPageTokens)
                             : std::size_t{0};
  std::vector<PageId> shared;
  while (shared.size() < shareable) {
    const PageId page =
        cache_.find(before(shared, shared.size()),
                    std::span(request.tokens).subspan(shared.size() * kPageTokens, kPageTokens));
    if (page == kNoPage) break;
    shared.push_back(page);
  }
  if (shared.size() < shareable && being_prefilled(request, shared.size())) {
    return Admission::kPrefixOnTheWay;
  }
  if (options_.share_prefixes && equal_is_prefilled(request)) return Admission::kPrefixOnTheWay;

  for (const PageId page : shared) cache_.hold(page);
  if (!has_room(request, shared.size())) {
    // As in finish().
    while (!shared.empty()) {
      cache_.release(shared.back(), true);
      shared.pop_back();
    }
    return Admission::kNoRoom;
  }
  take_pages(request, std::move(shared));
  if (options_.share_prefixes) copy_beginning(request);
  return Admission::kAdmitted;
}

// Of the page after those that it shares.
void Scheduler::copy_beginning(Request& request) {
  const auto page = static_cast<std::size_t>(request.num_computed / kPageTokens);
  // The last prompt token, as above.
  const std::int32_t rest = std::min(request.num_prompt - 1 - request.num_computed, kPageTokens);
  if (rest < kWorthCopying) return;
  const KvCache::Beginning found = cache_.find_beginning(
      before(request.pages, page),
      std::span(request.tokens)
          .subspan(static_cast<std::size_t>(request.num_computed), static_cast<std::size_t>(rest)));
  if (found.num_tokens < kWorthCopying) return;
  cache_.copy(found.page, request.pages[page]);
  request.num_computed += found.num_tokens;
  request.result.cached_prompt_tokens = request.num_computed;
}

// Those that wait with the prompt that `first` has just computed, at the place where it is.
std::vector<Scheduler::Request*> Scheduler::admit_equals(const Request& first) {
  const auto whole = static_cast<std::size_t>(first.num_prompt / kPageTokens);
  std::vector<Request*> equals;
  for (auto& waiting : waiting_) {
    if (static_cast<std::int32_t>(running_.size()) >= options_.max_running) break;
    if (waiting->cancelled || waiting->tokens != first.request.prompt.tokens) continue;
    if (!has_room(*waiting, whole)) break;
    const auto end = first.pages.begin() + static_cast<std::ptrdiff_t>(whole);
    std::vector<PageId> shared(first.pages.begin(), end);
    for (const PageId page : shared) cache_.hold(page);
    take_pages(*waiting, std::move(shared));
    // Responses go on in the same page, each in one of its own.
    if (first.num_prompt % kPageTokens != 0) cache_.copy(first.pages[whole], waiting->pages[whole]);
    waiting->num_computed = waiting->num_prompt;
    waiting->result.cached_prompt_tokens = waiting->num_prompt;
    equals.push_back(waiting.get());
    running_.push_back(std::move(waiting));
  }
  std::erase(waiting_, nullptr);
  return equals;
}

// For its whole prompt and response.
std::int32_t Scheduler::pages_of(const Request& request) {
  return pages_for(std::int64_t{request.num_prompt} + request.request.max_tokens);
}

// For what is not in the pages that it shares and holds already.
bool Scheduler::has_room(const Request& request, std::size_t num_shared) const {
  return pages_of(request) - static_cast<std::int32_t>(num_shared) <= cache_.available();
}

// `shared` are held already.
void Scheduler::take_pages(Request& request, std::vector<PageId> shared) {
  request.num_registered = static_cast<std::int32_t>(shared.size());
  request.num_computed = request.num_registered * kPageTokens;
  request.result.cached_prompt_tokens = request.num_computed;
  request.pages = std::move(shared);
  const auto total = static_cast<std::size_t>(pages_of(request));
  while (request.pages.size() < total) request.pages.push_back(cache_.allocate());
}

// Whether a running request is about to fill page `page` of this request's prompt, after the same
// beginning.
bool Scheduler::being_prefilled(const Request& request, std::size_t page) const {
  const std::size_t end = (page + 1) * kPageTokens;
  return std::ranges::any_of(running_, [&](const auto& other) {
    return other->prefilling() && static_cast<std::size_t>(other->num_prompt) >= end &&
           static_cast<std::size_t>(other->num_computed) < end && !other->cancelled &&
           std::equal(request.tokens.begin(),
                      request.tokens.begin() + static_cast<std::ptrdiff_t>(end),
                      other->tokens.begin());
  });
}

bool Scheduler::equal_is_prefilled(const Request& request) const {
  return std::ranges::any_of(running_, [&](const auto& other) {
    return other->prefilling() && !other->cancelled && other->tokens == request.tokens;
  });
}

void Scheduler::register_pages(Request& request) {
  const std::int32_t full = std::min(request.num_computed, request.num_prompt) / kPageTokens;
  for (; request.num_registered < full; ++request.num_registered) {
    const auto page = static_cast<std::size_t>(request.num_registered);
    cache_.register_page(request.pages[page], before(request.pages, page),
                         std::span(request.tokens).subspan(page * kPageTokens, kPageTokens));
  }
  if (!options_.share_prefixes) return;
  // What others are likely to share of the page after them.
  const std::int32_t shared = std::min(request.request.shared_prefix_tokens, request.num_prompt);
  const std::int32_t rest = shared % kPageTokens;
  if (request.beginning_kept || request.num_computed < shared || rest < kWorthCopying) return;
  request.beginning_kept = true;
  const auto page = static_cast<std::size_t>(shared / kPageTokens);
  cache_.keep_beginning(
      request.pages[page], before(request.pages, page),
      std::span(request.tokens).subspan(page * kPageTokens, static_cast<std::size_t>(rest)));
}

void Scheduler::accept(Request& request, std::span<const float> logits) {
  GenerationResult& result = request.result;
  const SampledToken sampled = sample(*weights_->kernels, logits, request.request.sampling,
                                      result.generated_tokens, request.request.logprobs);
  if (sampled.token == kNoToken) {
    result.error = "the model's scores are not numbers: its weights are damaged";
    return finish(request, StopReason::kFailed);
  }
  const auto stop = take_token(request.request, *tokenizer_, sampled, result);
  if (stop) return finish(request, *stop);
  request.tokens.push_back(sampled.token);
}

void Scheduler::finish(Request& request, StopReason reason) {
  request.result.stop = reason;
  const std::int32_t kept = request.request.shared_prefix_tokens / kPageTokens;
  // Last pages first: a page must leave the cache after those that build on it.
  for (std::size_t page = request.pages.size(); page-- > 0;) {
    cache_.release(request.pages[page], static_cast<std::int32_t>(page) < kept);
  }
  request.pages.clear();
  for (auto& entry : running_) {
    if (entry.get() == &request) done_.push_back(std::move(entry));
  }
  std::erase(running_, nullptr);
}

// Ends what was cancelled and hands over what is done.
void Scheduler::sweep(std::vector<GenerationResult>& finished) {
  std::vector<Request*> cancelled;
  for (const auto& request : running_) {
    if (request->cancelled) cancelled.push_back(request.get());
  }
  for (Request* request : cancelled) finish(*request, StopReason::kCancelled);
  for (auto& request : waiting_) {
    if (!request->cancelled) continue;
    request->result.stop = StopReason::kCancelled;
    done_.push_back(std::move(request));
  }
  std::erase(waiting_, nullptr);
  for (auto& request : done_) finished.push_back(std::move(request->result));
  done_.clear();
}

}  // namespace memagent
