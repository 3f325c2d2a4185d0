// Requests and the cache: who runs, in which slot, on which shared beginning.
//
// The slot of a running request is its place in `running`: when one ends, the last takes its place,
// in the list and in the cache. Slots of shared beginnings are places in `prefixes`, which stay.
#include "train/torch_model.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "model/local/request.h"
#include "train/cached_network.h"
#include "train/draw_rows.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;

// Beginnings shorter than this are cheaper computed again than kept apart.
constexpr std::int64_t kLeastShared = 16;
constexpr std::int64_t kSlotRounding = 64;

struct Request {
  RequestId id = 0;
  GenerationRequest request;
  GenerationResult result;
  std::int64_t prefix = -1;  // slot of its shared beginning
  std::int64_t prefix_tokens = 0;
  std::int64_t slot_tokens = 0;  // in the cache, those of the beginning apart
  TokenId last = 0;              // sampled, and not in the cache yet
  bool cancelled = false;

  // The prompt but for the shared beginning.
  std::span<const TokenId> own_prompt() const {
    return std::span(request.prompt.tokens).subspan(static_cast<std::size_t>(prefix_tokens));
  }
  std::int64_t own_need() const { return std::ssize(own_prompt()) + request.max_tokens; }
};

struct Prefix {
  std::vector<TokenId> tokens;  // none: the slot is free
  std::int64_t users = 0;
  std::uint64_t last_used = 0;
};

std::int64_t rounded(std::int64_t tokens, std::int64_t most) {
  return std::min((tokens + kSlotRounding - 1) / kSlotRounding * kSlotRounding, most);
}

}  // namespace

struct TorchModel::State {
  TorchModelOptions options;
  std::int32_t max_running = 0;  // of the options, settled
  Capabilities capabilities;
  ModelConfig config;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string chat_template;
  std::shared_ptr<const PolicyNetwork> network;
  std::unique_ptr<CachedNetwork> cached;  // made with the first request
  std::int64_t sequence_budget = 0;       // tokens of the cache
  std::int64_t prefix_budget = 0;

  std::deque<std::unique_ptr<Request>> waiting;
  std::vector<std::unique_ptr<Request>> running;
  std::vector<GenerationResult> done;
  std::vector<Prefix> prefixes;
  std::uint64_t uses = 0;
  RequestId next_id = 1;
  std::atomic<bool> woken{false};

  bool idle() const { return waiting.empty() && running.empty(); }
  void step();
  void sweep(std::vector<GenerationResult>& results);
  void admit();
  void choose_prefix(Request& request, std::int64_t& slot_tokens, std::vector<std::int64_t>& added);
  void prefill(std::size_t first, const std::vector<std::int64_t>& new_prefixes);
  void decode();
  void accept(std::size_t first, const torch::Tensor& logits);
  void finish(std::size_t place, StopReason reason);
};

// Slot of a beginning that request shares: one that is there, or a new one, then also in `added`.
// `slot_tokens` grows to what the longest needs. None where there is no room: the request then has
// its whole prompt to itself.
void TorchModel::State::choose_prefix(Request& request, std::int64_t& slot_tokens,
                                      std::vector<std::int64_t>& added) {
  const std::vector<TokenId>& prompt = request.request.prompt.tokens;
  // The last token of a prompt is computed for its logits.
  const std::int64_t shared =
      std::min<std::int64_t>(request.request.shared_prefix_tokens, std::ssize(prompt) - 1);
  if (!options.share_prefixes || shared < kLeastShared || shared > prefix_budget) return;
  const auto end = prompt.begin() + static_cast<std::ptrdiff_t>(shared);
  const auto take = [&](std::size_t slot) {
    request.prefix = static_cast<std::int64_t>(slot);
    request.prefix_tokens = shared;
    ++prefixes[slot].users;
  };
  for (std::size_t slot = 0; slot < prefixes.size(); ++slot) {
    if (!std::equal(prompt.begin(), end, prefixes[slot].tokens.begin(),
                    prefixes[slot].tokens.end()))
      continue;
    request.result.cached_prompt_tokens = shared;
    return take(slot);
  }
  const std::int64_t needed = std::max(slot_tokens, rounded(shared, prefix_budget));
  const auto most = static_cast<std::size_t>(prefix_budget / needed);
  // Longer slots are fewer.
  while (prefixes.size() > most && prefixes.back().users == 0) prefixes.pop_back();
  if (prefixes.size() > most) return;
  std::optional<std::size_t> chosen;
  for (std::size_t slot = 0; slot < prefixes.size(); ++slot) {
    const Prefix& prefix = prefixes[slot];
    if (prefix.users > 0) continue;
    if (!chosen || prefix.last_used < prefixes[*chosen].last_used) chosen = slot;
  }
  const bool has_free = chosen && prefixes[*chosen].tokens.empty();
  if (!has_free && prefixes.size() < most) {
    chosen = prefixes.size();
    prefixes.emplace_back();
  }
  if (!chosen) return;
  prefixes[*chosen] = {.tokens = {prompt.begin(), end}};
  slot_tokens = needed;
  added.push_back(static_cast<std::int64_t>(*chosen));
  take(*chosen);
}

// Takes requests in order, as many as the cache and one prefill have room for.
void TorchModel::State::admit() {
  const std::size_t before = running.size();
  KvSlots& sequences = cached->sequences();
  std::int64_t slot_tokens = sequences.slot_tokens();
  std::int64_t prefix_slot_tokens = cached->prefixes().slot_tokens();
  std::int64_t left = options.prefill_tokens;
  std::vector<std::int64_t> new_prefixes;
  while (!waiting.empty() && std::ssize(running) < max_running && left > 0) {
    Request& request = *waiting.front();
    const std::size_t added = new_prefixes.size();
    choose_prefix(request, prefix_slot_tokens, new_prefixes);
    const std::int64_t needed = std::max(slot_tokens, rounded(request.own_need(), sequence_budget));
    if ((std::ssize(running) + 1) * needed > sequence_budget) {
      // Nothing behind it may overtake. Its beginning, if it is new, is not computed yet.
      if (request.prefix >= 0) --prefixes[static_cast<std::size_t>(request.prefix)].users;
      if (new_prefixes.size() > added) {
        prefixes[static_cast<std::size_t>(new_prefixes.back())] = {};
        new_prefixes.pop_back();
      }
      request.prefix = -1;
      request.prefix_tokens = 0;
      request.result.cached_prompt_tokens = 0;
      break;
    }
    slot_tokens = needed;
    left -= std::ssize(request.own_prompt());
    if (new_prefixes.size() > added) left -= request.prefix_tokens;
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
  if (running.size() == before) return;

  if (std::ssize(running) > sequences.slots() || slot_tokens > sequences.slot_tokens()) {
    const auto wanted =
        std::min<std::int64_t>(std::ssize(running) + std::ssize(waiting), max_running);
    sequences.reserve(std::min(std::max(wanted, sequences.slots()), sequence_budget / slot_tokens),
                      slot_tokens, static_cast<std::int64_t>(before));
  }
  KvSlots& shared = cached->prefixes();
  if (std::ssize(prefixes) > shared.slots() || prefix_slot_tokens > shared.slot_tokens()) {
    const std::int64_t slots = std::min(std::max(std::ssize(prefixes), 2 * shared.slots()),
                                        prefix_budget / prefix_slot_tokens);
    shared.reserve(slots, prefix_slot_tokens, std::min(slots, shared.slots()));
  }
  prefill(before, new_prefixes);
}

// Requests from place `first` on.
void TorchModel::State::prefill(std::size_t first, const std::vector<std::int64_t>& new_prefixes) {
  std::vector<NewTokens> beginnings;
  for (const std::int64_t slot : new_prefixes) {
    beginnings.push_back({.slot = slot, .tokens = prefixes[static_cast<std::size_t>(slot)].tokens});
  }
  if (!beginnings.empty()) cached->add_prefixes(beginnings);
  std::vector<NewTokens> pieces;
  for (std::size_t place = first; place < running.size(); ++place) {
    Request& request = *running[place];
    pieces.push_back({.slot = static_cast<std::int64_t>(place),
                      .tokens = request.own_prompt(),
                      .prefix = request.prefix,
                      .prefix_tokens = request.prefix_tokens});
    request.slot_tokens = std::ssize(request.own_prompt());
  }
  accept(first, cached->add(pieces));
}

void TorchModel::State::decode() {
  if (running.empty()) return;
  std::vector<NextToken> next;
  for (const auto& request : running) {
    next.push_back({.token = request->last,
                    .slot_tokens = request->slot_tokens,
                    .prefix = request->prefix,
                    .prefix_tokens = request->prefix_tokens});
    ++request->slot_tokens;
  }
  accept(0, cached->step(next));
}

// Draws a token for each of the requests from place `first` on.
void TorchModel::State::accept(std::size_t first, const torch::Tensor& logits) {
  std::vector<RowDraw> draws;
  for (std::size_t place = first; place < running.size(); ++place) {
    const Request& request = *running[place];
    draws.push_back({.sampling = &request.request.sampling,
                     .position = request.result.generated_tokens,
                     .logprob = request.request.logprobs});
  }
  const std::vector<SampledToken> drawn = draw_rows(logits, draws);
  std::vector<std::optional<StopReason>> stops;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    Request& request = *running[first + i];
    request.last = drawn[i].token;
    stops.push_back(take_token(request.request, *tokenizer, drawn[i], request.result));
  }
  // From the last on, so that what takes a place has been looked at.
  for (std::size_t i = stops.size(); i-- > 0;) {
    if (stops[i]) finish(first + i, *stops[i]);
  }
}

void TorchModel::State::finish(std::size_t place, StopReason reason) {
  Request& request = *running[place];
  request.result.stop = reason;
  if (request.prefix >= 0) {
    Prefix& prefix = prefixes[static_cast<std::size_t>(request.prefix)];
    --prefix.users;
    prefix.last_used = ++uses;
  }
  done.push_back(std::move(request.result));
  const std::size_t last = running.size() - 1;
  cached->sequences().move(static_cast<std::int64_t>(last), static_cast<std::int64_t>(place),
                           running[last]->slot_tokens);
  if (place != last) running[place] = std::move(running[last]);
  running.pop_back();
}

void TorchModel::State::step() {
  if (cached == nullptr) {
    MEMAGENT_CHECK(network != nullptr, "{}: a request without a network", capabilities.name);
    cached = std::make_unique<CachedNetwork>(network);
  }
  admit();
  decode();
}

// Ends what was cancelled and hands over what is done.
void TorchModel::State::sweep(std::vector<GenerationResult>& results) {
  for (std::size_t place = running.size(); place-- > 0;) {
    if (running[place]->cancelled) finish(place, StopReason::kCancelled);
  }
  for (auto& request : waiting) {
    if (!request->cancelled) continue;
    request->result.stop = StopReason::kCancelled;
    done.push_back(std::move(request->result));
    request.reset();
  }
  std::erase(waiting, nullptr);
  for (GenerationResult& result : done) results.push_back(std::move(result));
  done.clear();
}

TorchModel::TorchModel(std::shared_ptr<const PolicyNetwork> network,
                       std::shared_ptr<const Tokenizer> tokenizer, std::string chat_template,
                       std::string name, const TorchModelOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  s.config = network->config();
  s.tokenizer = std::move(tokenizer);
  s.chat_template = std::move(chat_template);
  s.max_running = options.max_running.value_or(network->options().device.is_cpu() ? 64 : 256);
  if (s.max_running < 1 || options.prefill_tokens < 1 || options.context_tokens < 0) {
    fail(ErrorKind::kUsage,
         "torch model: max_running {}, prefill_tokens {}, context_tokens {}: expected positive "
         "numbers",
         s.max_running, options.prefill_tokens, options.context_tokens);
  }
  const KvSlots one_token(s.config,
                          torch::TensorOptions(torch::kCPU).dtype(network->options().compute));
  const std::int64_t tokens = options.cache_bytes / one_token.token_bytes();
  s.prefix_budget = options.share_prefixes ? tokens / 4 : 0;
  s.sequence_budget = tokens - s.prefix_budget;
  if (tokens < 1) {
    fail(ErrorKind::kUsage, "a KV cache of {} bytes holds no token of {} bytes: give it more",
         options.cache_bytes, one_token.token_bytes());
  }
  s.network = std::move(network);
  s.capabilities.tokens = true;
  s.capabilities.logprobs = true;
  s.capabilities.prefix_sharing = options.share_prefixes;
  s.capabilities.context_tokens =
      options.context_tokens > 0 ? options.context_tokens : s.config.context_tokens;
  s.capabilities.parallel = s.max_running;
  s.capabilities.name = std::move(name);
}

TorchModel::~TorchModel() = default;

void TorchModel::use(std::shared_ptr<const PolicyNetwork> network) {
  State& s = *state_;
  MEMAGENT_CHECK(s.idle(), "the network is replaced while requests are in flight");
  MEMAGENT_CHECK(network == nullptr || network->config() == s.config,
                 "a network of another configuration than {}'s", s.capabilities.name);
  s.cached.reset();
  s.prefixes.clear();
  s.network = std::move(network);
}

const Capabilities& TorchModel::capabilities() const { return state_->capabilities; }
std::shared_ptr<const Tokenizer> TorchModel::tokenizer() const { return state_->tokenizer; }
const std::string& TorchModel::chat_template() const { return state_->chat_template; }

RequestId TorchModel::submit(GenerationRequest request) {
  State& s = *state_;
  check_request(request, {.context_tokens = s.capabilities.context_tokens,
                          .cache_tokens = s.sequence_budget,
                          .vocab_size = s.config.vocab_size});
  auto entry = std::make_unique<Request>();
  entry->id = s.next_id++;
  entry->result.id = entry->id;
  entry->result.prompt_tokens = std::ssize(request.prompt.tokens);
  entry->request = std::move(request);
  s.waiting.push_back(std::move(entry));
  return s.waiting.back()->id;
}

void TorchModel::cancel(RequestId id) {
  for (const auto& request : state_->running) {
    if (request->id == id) request->cancelled = true;
  }
  for (const auto& request : state_->waiting) {
    if (request->id == id) request->cancelled = true;
  }
}

void TorchModel::wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) {
  State& s = *state_;
  const auto deadline = Clock::now() + timeout;
  const std::size_t before = results.size();
  s.sweep(results);
  while (results.size() == before && !s.idle() && !s.woken.exchange(false)) {
    if (Clock::now() >= deadline) return;
    s.step();
    s.sweep(results);
  }
}

void TorchModel::wake() { state_->woken.store(true); }

}  // namespace memagent
