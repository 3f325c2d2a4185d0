// Episode: the reading loop turned inside out. What has been accepted is `state`; what is under way
// is a row of slots, one per section from the next one on, each holding its section and, in turn,
// nothing, a request that is out, or a result not yet accepted.
//
// All slots are asked against the memory at hand. As soon as any result is known to change that
// memory (or to end the reading), whatever lies after it was asked in vain: if the change is
// accepted, the memory is another one; if it is not, an earlier change has discarded it. So such a
// slot is a barrier: later slots are discarded at once, and none is asked until it has been
// accepted, or discarded itself.
#include "memagent/episode.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "agent/budget.h"
#include "agent/update_response.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"

namespace memagent {
namespace {

enum class Stage { kReady, kOut, kDone };

struct Slot {
  Stage stage = Stage::kReady;
  std::shared_ptr<const Section> section;  // null for the answer
  std::uint64_t turn_id = 0;               // of the request that is out
  Prompt prompt;                           // kept if the config says so
  // Once kDone:
  GenerationResult result;
  UpdateReading reading;
};

// The random stream of one conversation: a function of what it is about, not of when it is asked.
std::uint64_t conversation_seed(std::uint64_t episode_seed, ConversationKind kind,
                                std::int32_t pass, std::int64_t section) {
  return derive(derive(derive(episode_seed, static_cast<std::uint64_t>(kind)),
                       static_cast<std::uint64_t>(pass)),
                static_cast<std::uint64_t>(section));
}

void check_state(const EpisodeState& state, const EpisodeConfig& config,
                 const PromptRenderer& renderer) {
  const auto refuse = [](const char* what) {
    fail(ErrorKind::kUsage, "the saved state does not fit the settings: {}: start anew", what);
  };
  if (state.pass < 0 || state.pass >= config.passes)
    refuse("it is in a pass that is not asked for");
  if (state.next_section < 0) refuse("its section is negative");
  const bool has_tokens = !state.memory.tokens.empty();
  if (has_tokens != renderer.as_tokens()) {
    refuse("its memory was written by another kind of model (tokens against text)");
  }
  const std::int64_t memory_tokens = has_tokens
                                         ? static_cast<std::int64_t>(state.memory.tokens.size())
                                         : renderer.count_tokens(state.memory.text);
  if (memory_tokens > config.memory_tokens) refuse("its memory is longer than memory tokens");
  const std::int32_t vocab_size = renderer.tokenizer().vocab_size();
  for (const TokenId id : state.memory.tokens) {
    if (id < 0 || id >= vocab_size) refuse("its memory has tokens that the vocabulary lacks");
  }
}

}  // namespace

struct Episode::Impl {
  EpisodeConfig config;
  std::shared_ptr<const PromptRenderer> renderer;
  std::string question;
  TokenText question_text;
  EpisodeState state;

  // Where reading is: ahead of `state` where a pass has ended since the last accepted conversation.
  bool reading = true;
  std::int32_t pass = 0;
  std::int64_t next_section = 0;
  std::optional<std::int64_t> end_section;  // sections in this pass, once known

  std::deque<Slot> slots;       // slot i: section next_section + i
  std::size_t first_ready = 0;  // index of the first slot to ask; slots.size(): none
  std::optional<std::int64_t> barrier_section;  // the one known to change the memory
  Slot answer;
  std::uint64_t last_turn_id = 0;
  std::unordered_map<std::uint64_t, std::int64_t> out;  // turn id -> section, -1 for the answer
  std::vector<std::uint64_t> discarded;

  Impl(EpisodeConfig config_in, std::shared_ptr<const PromptRenderer> renderer_in,
       std::string question_in)
      : config(config_in), renderer(std::move(renderer_in)), question(std::move(question_in)) {
    MEMAGENT_CHECK(renderer != nullptr, "an episode needs a renderer");
    validate(config, *renderer);
    if (question.empty()) fail(ErrorKind::kUsage, "the question is empty");
    const std::int32_t tokens = renderer->count_tokens(question);
    if (tokens > config.question_tokens) {
      fail(ErrorKind::kUsage,
           "the question is {} tokens long, more than its budget of {}: shorten it, or raise "
           "question tokens",
           tokens, config.question_tokens);
    }
    question_text = renderer->encode(question);
    state.memory = renderer->encode(renderer->prompts().empty_memory);
  }

  Need need() const;
  // Slots that may be asked: those up to the barrier.
  std::size_t askable() const {
    if (!barrier_section) return slots.size();
    return static_cast<std::size_t>(*barrier_section - next_section) + 1;
  }
  void find_first_ready() {
    while (first_ready < slots.size() && slots[first_ready].stage != Stage::kReady) ++first_ready;
  }
  // The slot a turn belongs to, no longer out; null for one that was discarded.
  Slot* take_out(std::uint64_t turn_id);
  void take_result(std::uint64_t turn_id, GenerationResult&& result, bool for_good);
  void discard_from(std::size_t index);
  void end_pass_if_read();
  Conversation accept_update();
  Conversation accept_answer();
  void count(const GenerationResult& result);
};

Need Episode::Impl::need() const {
  if (state.finished) return Need::kFinished;
  if (!reading) {
    switch (answer.stage) {
      case Stage::kReady:
        return Need::kGeneration;
      case Stage::kOut:
        return Need::kWait;
      case Stage::kDone:
        return Need::kAccept;
    }
  }
  if (!slots.empty() && slots.front().stage == Stage::kDone) return Need::kAccept;
  if (first_ready < askable()) return Need::kGeneration;
  if (!end_section && slots.size() < static_cast<std::size_t>(config.lookahead)) {
    return Need::kSection;
  }
  return Need::kWait;
}

Slot* Episode::Impl::take_out(std::uint64_t turn_id) {
  const auto found = out.find(turn_id);
  if (found == out.end()) return nullptr;
  const std::int64_t section = found->second;
  out.erase(found);
  if (section < 0) return &answer;
  return &slots[static_cast<std::size_t>(section - next_section)];
}

void Episode::Impl::take_result(std::uint64_t turn_id, GenerationResult&& result, bool for_good) {
  Slot* slot = take_out(turn_id);
  if (slot == nullptr) {
    state.discarded_generated_tokens += result.generated_tokens;
    return;
  }
  const bool failed = result.stop == StopReason::kFailed || result.stop == StopReason::kCancelled;
  if (failed && !for_good) {
    ++state.retried_generations;
    slot->stage = Stage::kReady;
    if (slot->section) {
      first_ready =
          std::min(first_ready, static_cast<std::size_t>(slot->section->index - next_section));
    }
    return;
  }
  result.id = 0;
  slot->stage = Stage::kDone;
  slot->result = std::move(result);
  if (!slot->section) return;
  if (for_good) {
    slot->reading = UpdateReading{};
    slot->reading.decision = Decision::kFailed;
    slot->reading.keeps = true;
  } else {
    slot->reading =
        read_update(config.policy, *renderer, state.memory, slot->result, config.memory_tokens);
    // The same memory written again is the same memory.
    if (!slot->reading.keeps) slot->reading.keeps = slot->reading.memory == state.memory;
  }
  if (!slot->reading.keeps || slot->reading.stop_reading) {
    barrier_section = slot->section->index;
    discard_from(static_cast<std::size_t>(slot->section->index - next_section) + 1);
  }
}

void Episode::Impl::discard_from(std::size_t index) {
  for (std::size_t i = index; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (slot.stage == Stage::kReady) continue;
    ++state.discarded_generations;
    if (slot.stage == Stage::kOut) {
      discarded.push_back(slot.turn_id);
      out.erase(slot.turn_id);
    } else {
      state.discarded_generated_tokens += slot.result.generated_tokens;
    }
    std::shared_ptr<const Section> section = std::move(slot.section);
    slot = Slot{};
    slot.section = std::move(section);
  }
  first_ready = std::min(first_ready, index);
  find_first_ready();
}

void Episode::Impl::end_pass_if_read() {
  if (!reading || !end_section || next_section < *end_section) return;
  // A document without sections has none in the next pass either.
  if (pass + 1 < config.passes && *end_section > 0) {
    ++pass;
    next_section = 0;
    end_section.reset();
  } else {
    reading = false;
  }
}

void Episode::Impl::count(const GenerationResult& result) {
  state.prompt_tokens += result.prompt_tokens;
  state.cached_prompt_tokens += result.cached_prompt_tokens;
  state.generated_tokens += result.generated_tokens;
}

Conversation Episode::Impl::accept_update() {
  Slot slot = std::move(slots.front());
  slots.pop_front();
  if (first_ready > 0) --first_ready;
  const Section& section = *slot.section;
  UpdateReading& reading_of_it = slot.reading;
  const bool changes = !reading_of_it.keeps;
  if (barrier_section == section.index) barrier_section.reset();

  state.pass = pass;
  state.next_section = section.index + 1;
  state.prefix_hash = section.prefix_hash;
  ++state.sections_read;
  state.document_tokens += static_cast<std::int64_t>(section.tokens.size());
  count(slot.result);
  if (changes) {
    state.memory = std::move(reading_of_it.memory);
    ++state.memory_changes;
  }
  if (reading_of_it.decision == Decision::kMalformed) ++state.malformed;
  if (reading_of_it.decision == Decision::kFailed) ++state.failed;
  if (reading_of_it.cut || slot.result.stop == StopReason::kLength) ++state.truncated;
  next_section = state.next_section;
  if (reading_of_it.stop_reading) {
    state.stopped_early = true;
    state.reading_done = true;
    reading = false;
    slots.clear();
    first_ready = 0;
  }

  Conversation conversation;
  conversation.kind = ConversationKind::kUpdate;
  conversation.pass = pass;
  conversation.section_index = section.index;
  conversation.section_byte_begin = section.byte_begin;
  conversation.section_byte_end = section.byte_end;
  conversation.prompt = std::move(slot.prompt);
  conversation.response = std::move(slot.result);
  conversation.decision = reading_of_it.decision;
  conversation.stop_reading = reading_of_it.stop_reading;
  conversation.memory = state.memory;
  end_pass_if_read();
  return conversation;
}

Conversation Episode::Impl::accept_answer() {
  const bool failed = answer.reading.decision == Decision::kFailed;
  state.reading_done = true;
  state.finished = true;
  count(answer.result);
  if (failed) ++state.failed;
  if (answer.result.stop == StopReason::kLength) ++state.truncated;
  if (!failed) state.answer = read_answer(*renderer, answer.result);

  Conversation conversation;
  conversation.kind = ConversationKind::kAnswer;
  conversation.pass = state.pass;
  conversation.prompt = std::move(answer.prompt);
  conversation.response = std::move(answer.result);
  conversation.decision = failed ? Decision::kFailed : Decision::kAnswer;
  conversation.memory = state.memory;
  return conversation;
}

Episode::Episode(EpisodeConfig config, std::shared_ptr<const PromptRenderer> renderer,
                 std::string question)
    : impl_(std::make_unique<Impl>(config, std::move(renderer), std::move(question))) {}

Episode::Episode(EpisodeConfig config, std::shared_ptr<const PromptRenderer> renderer,
                 std::string question, EpisodeState state)
    : Episode(config, std::move(renderer), std::move(question)) {
  check_state(state, config, *impl_->renderer);
  impl_->state = std::move(state);
  impl_->pass = impl_->state.pass;
  impl_->next_section = impl_->state.next_section;
  impl_->reading = !impl_->state.reading_done && !impl_->state.finished;
}

Episode::~Episode() = default;
Episode::Episode(Episode&&) noexcept = default;
Episode& Episode::operator=(Episode&&) noexcept = default;

Need Episode::need() const { return impl_->need(); }
bool Episode::reading() const { return impl_->reading; }
std::int32_t Episode::wanted_pass() const { return impl_->pass; }
std::int64_t Episode::wanted_section() const {
  return impl_->next_section + static_cast<std::int64_t>(impl_->slots.size());
}

void Episode::give_section(std::shared_ptr<const Section> section) {
  Impl& s = *impl_;
  MEMAGENT_CHECK(section != nullptr, "no section");
  MEMAGENT_CHECK(s.reading && !s.end_section && section->index == wanted_section(),
                 "section {} given, {} wanted", section->index, wanted_section());
  const std::int64_t tokens = static_cast<std::int64_t>(section->tokens.size());
  if (tokens > s.config.section_tokens) {
    fail(ErrorKind::kUsage, "section {} has {} tokens, more than its budget of {}", section->index,
         tokens, s.config.section_tokens);
  }
  s.slots.emplace_back().section = std::move(section);
}

void Episode::end_of_document() {
  Impl& s = *impl_;
  MEMAGENT_CHECK(s.reading && !s.end_section, "no section is wanted");
  s.end_section = wanted_section();
  s.end_pass_if_read();
}

Turn Episode::take_generation() {
  Impl& s = *impl_;
  MEMAGENT_CHECK(s.need() == Need::kGeneration, "no generation is wanted");
  const EpisodeConfig& config = s.config;
  Turn turn;
  turn.id = ++s.last_turn_id;
  turn.request.sampling = config.sampling;
  turn.request.logprobs = config.logprobs;
  Slot* slot = &s.answer;
  if (s.reading) {
    slot = &s.slots[s.first_ready];
    const Section& section = *slot->section;
    turn.kind = ConversationKind::kUpdate;
    turn.section_index = section.index;
    turn.request.prompt =
        s.renderer->update(config.policy, config.layout, s.question_text, s.state.memory,
                           TokenTextView(section.tokens, section.text));
    turn.request.max_tokens = update_output_tokens(config, *s.renderer);
    turn.request.complete_responses = complete_responses(config.policy, s.renderer->prompts());
    turn.request.shared_prefix_tokens = s.renderer->shared_prefix_tokens(
        config.layout, config.policy, static_cast<std::int64_t>(section.tokens.size()));
  } else {
    turn.kind = ConversationKind::kAnswer;
    turn.request.prompt = s.renderer->answer(s.question_text, s.state.memory);
    turn.request.max_tokens = config.output_tokens;
  }
  turn.request.sampling.seed = conversation_seed(config.sampling.seed, turn.kind,
                                                 s.reading ? s.pass : 0, turn.section_index);
  if (config.keep_prompts) slot->prompt = turn.request.prompt;
  slot->stage = Stage::kOut;
  slot->turn_id = turn.id;
  s.out.emplace(turn.id, turn.section_index);
  s.find_first_ready();
  return turn;
}

void Episode::give_generation(std::uint64_t turn_id, GenerationResult result) {
  impl_->take_result(turn_id, std::move(result), false);
}

void Episode::give_up(std::uint64_t turn_id, GenerationResult result) {
  if (impl_->out.contains(turn_id) && !impl_->reading) {
    impl_->answer.reading.decision = Decision::kFailed;
  }
  impl_->take_result(turn_id, std::move(result), true);
}

std::vector<std::uint64_t> Episode::take_discarded() { return std::exchange(impl_->discarded, {}); }

Conversation Episode::accept() {
  MEMAGENT_CHECK(impl_->need() == Need::kAccept, "nothing can be accepted");
  return impl_->reading ? impl_->accept_update() : impl_->accept_answer();
}

const EpisodeState& Episode::state() const { return impl_->state; }
const EpisodeConfig& Episode::config() const { return impl_->config; }
const std::string& Episode::question() const { return impl_->question; }
const TokenText& Episode::memory() const { return impl_->state.memory; }
const std::string& Episode::answer() const { return impl_->state.answer; }

}  // namespace memagent
