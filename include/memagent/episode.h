// One question over one document, as a pure state machine.
//
//   m_0 = prompts.empty_memory;  m_k ~ p(m | q, m_{k-1}, c_k);  a ~ p(a | q, m_K)
//
// An Episode does no input or output, never blocks and reads no clock. It says what it needs next
// and is told what came; `ask`, the server, evaluation and training drive the same Episode.
//
//   while (true) {
//     switch (episode.need()) {
//       case Need::kAccept:      commit(episode.accept(), episode.state()); break;
//       case Need::kGeneration:  auto turn = episode.take_generation(); model.submit(...); break;
//       case Need::kSection:     episode.give_section(...) or episode.end_of_document(); break;
//       case Need::kWait:        episode.give_generation(turn_id, result); break;
//       case Need::kFinished:    return episode.answer();
//     }
//   }
//
// Reading ahead: with lookahead B, up to B updates are asked for at once, all against the memory at
// hand. Results are accepted in document order while the memory stays the same, token for token;
// from the first change on, the rest are discarded and asked again. The accepted trajectory is the
// same for every B (where the model's responses are a function of the request): the seed of a
// conversation derives from (episode seed, kind, pass, section), not from when it was asked for.
//
// Accepting is a step of its own: results may come in any order and any number, but state() changes
// by one conversation per accept(), and depends on nothing but the conversations accepted. What is
// saved after one of them and restored therefore goes on as if nothing had happened.
//
// Failures: a generation that failed is asked for again, as often as the driver lets it; the memory
// never sees it. A driver that has lost patience either drops the Episode, whose state() is then as
// good as ever, or calls give_up(), which accepts the step as Decision::kFailed.
//
// Not thread-safe; one Episode is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memagent/document.h"
#include "memagent/prompts.h"
#include "memagent/trajectory.h"

namespace memagent {

// Arithmetic of the window: template + question + section + memory + output never exceed it.
struct EpisodeConfig {
  Policy policy = Policy::kOverwrite;
  Layout layout = Layout::kQuestionFirst;
  std::int32_t window_tokens = 0;       // 0: not checked (a server whose context is not known)
  std::int32_t question_tokens = 1024;  // a longer question is an error
  std::int32_t section_tokens = 5000;   // a longer section is an error
  std::int32_t memory_tokens = 1024;    // an update's response is cut here
  std::int32_t output_tokens = 1024;    // an answer's response is cut here
  std::int32_t passes = 1;              // times the document is read
  std::int32_t lookahead = 1;           // B, at least 1
  Sampling sampling;                    // .seed is the episode's; each conversation gets its own
  bool logprobs = false;
  bool keep_prompts = false;  // keep prompts in the conversations (training, full traces)
};

// Throws Error(kUsage), naming the fields and values in conflict.
void validate(const EpisodeConfig& config, const PromptRenderer& renderer);
// The largest section that fits config.window_tokens with the other budgets; may be negative.
std::int32_t largest_section_tokens(const EpisodeConfig& config, const PromptRenderer& renderer);

// Everything an Episode needs to go on later: what has been accepted so far.
struct EpisodeState {
  std::int32_t pass = 0;
  std::int64_t next_section = 0;  // of the current pass
  std::uint64_t prefix_hash = 0;  // Section::prefix_hash of the last accepted section
  bool reading_done = false;
  bool finished = false;
  TokenText memory;
  std::string answer;
  // Sums over accepted conversations.
  std::int64_t sections_read = 0;  // over all passes
  std::int64_t document_tokens = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t memory_changes = 0;
  std::int64_t malformed = 0;
  std::int64_t failed = 0;     // steps given up (Decision::kFailed)
  std::int64_t truncated = 0;  // responses cut at their budget
  bool stopped_early = false;  // a gated response ended the reading
  // Not part of the trajectory: generations that failed and were asked again, and work thrown away
  // by reading ahead.
  std::int64_t retried_generations = 0;
  std::int64_t discarded_generations = 0;
  std::int64_t discarded_generated_tokens = 0;
};

enum class Need { kAccept, kGeneration, kSection, kWait, kFinished };

// A generation the Episode asks for. Hand its result back under the same turn id.
struct Turn {
  std::uint64_t id = 0;
  ConversationKind kind = ConversationKind::kUpdate;
  std::int64_t section_index = -1;
  GenerationRequest request;
};

class Episode {
 public:
  Episode(EpisodeConfig config, std::shared_ptr<const PromptRenderer> renderer,
          std::string question);
  // Goes on from a saved state, exactly as the saved Episode would have.
  Episode(EpisodeConfig config, std::shared_ptr<const PromptRenderer> renderer,
          std::string question, EpisodeState state);
  ~Episode();
  Episode(Episode&&) noexcept;
  Episode& operator=(Episode&&) noexcept;

  // The first of kAccept, kGeneration, kSection that is possible; kWait while turns are out and
  // nothing else can be asked for. A section may be withheld while turns are out.
  Need need() const;
  // False once no section of any pass will be wanted any more.
  bool reading() const;

  // Which section is wanted: (pass, index). Only when need() is kSection.
  std::int32_t wanted_pass() const;
  std::int64_t wanted_section() const;
  void give_section(std::shared_ptr<const Section> section);
  // The wanted section does not exist: the pass is over.
  void end_of_document();

  // Only when need() is kGeneration.
  Turn take_generation();
  // Results may come in any order; those of discarded turns are counted and ignored.
  // One that failed or was cancelled by others goes back to kGeneration, under the same turn id.
  void give_generation(std::uint64_t turn_id, GenerationResult result);
  // As give_generation, but for good: the step is accepted as Decision::kFailed.
  void give_up(std::uint64_t turn_id, GenerationResult result);
  // Turns whose results no longer matter, since the last call: cancel them. Their results may still
  // be handed in, for the statistics.
  std::vector<std::uint64_t> take_discarded();

  // Only when need() is kAccept. Accepts the next conversation in document order. Commit it
  // together with state() before anything else.
  Conversation accept();

  const EpisodeState& state() const;
  const EpisodeConfig& config() const;
  const std::string& question() const;
  const TokenText& memory() const;
  const std::string& answer() const;  // empty until kFinished

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace memagent
