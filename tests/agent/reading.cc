#include "agent/reading.h"

#include "agent/state_json.h"
#include "agent/trace.h"
#include "agent/update_response.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

namespace memagent::test {

Sections cut_sections(const std::string& text, std::int32_t section_tokens) {
  Sections sections;
  Hash64 hash;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string piece = text.substr(begin, static_cast<std::size_t>(section_tokens));
    auto section = std::make_shared<Section>();
    section->index = static_cast<std::int64_t>(sections.size());
    section->byte_begin = section->token_begin = static_cast<std::int64_t>(begin);
    section->byte_end = static_cast<std::int64_t>(begin + piece.size());
    section->tokens = byte_tokenizer()->encode(piece);
    section->text = piece;
    hash.update(piece);
    section->prefix_hash = hash.value();
    begin += piece.size();
    sections.push_back(std::move(section));
  }
  return sections;
}

Sections numbered_sections(std::int64_t count, std::int32_t section_tokens) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string piece = "section " + std::to_string(i) + " ";
    piece.resize(static_cast<std::size_t>(section_tokens), '.');
    text += piece;
  }
  return cut_sections(text, section_tokens);
}

PromptSet short_prompts() {
  PromptSet prompts;
  prompts.name = "short";
  prompts.empty_memory = "none";
  prompts.gate_keep = "KEEP";
  prompts.gate_update = "UPDATE";
  prompts.gate_add = "ADD";
  prompts.gate_stop = "STOP";
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    const std::string gate = policy == Policy::kGated ? "KEEP ADD UPDATE STOP " : "";
    auto& update = prompts.update[static_cast<std::size_t>(policy)];
    update[0] = gate + "Q:{question} M:{memory} S:{section}";
    update[1] = "S:{section} Q:{question} M:{memory}" + gate;
  }
  prompts.answer = "Q:{question} M:{memory} A:";
  return prompts;
}

std::shared_ptr<const PromptRenderer> plain_renderer(bool as_tokens) {
  return std::make_shared<const PromptRenderer>(short_prompts(), ChatFormat::kPlain,
                                                byte_tokenizer(), as_tokens, false);
}

EpisodeConfig small_config() {
  EpisodeConfig config;
  config.question_tokens = 40;
  config.section_tokens = 20;
  config.memory_tokens = 16;
  config.output_tokens = 12;
  config.window_tokens = 0;
  return config;
}

Script any_script(const ScriptedModelOptions& options, std::uint64_t change_one_in,
                  std::uint64_t stop_one_in) {
  const std::shared_ptr<const Tokenizer> tokenizer = options.tokenizer;
  return [tokenizer, change_one_in, stop_one_in](const GenerationRequest& request) {
    Hash64 hash;
    hash.update(tokenizer->decode(request.prompt.tokens));
    for (const Message& message : request.prompt.messages) hash.update(message.content);
    RandomStream random(derive(hash.value(), request.sampling.seed));
    std::string said;
    for (std::uint64_t words = random.below(6); words > 0; --words) {
      const char* const vocabulary[] = {"red ", "blue", "\n", " 7", "\xC3\xA9"};
      said += vocabulary[random.below(std::size(vocabulary))];
    }
    const bool gated = !request.complete_responses.empty();
    if (random.below(change_one_in) != 0) {
      if (gated) return Reply{.text = random.below(2) == 0 ? "KEEP" : "keep.\nnothing new"};
      // Overwriting with the old memory: it stands between "M:" and the next part.
      const std::string prompt = request.prompt.messages.empty()
                                     ? tokenizer->decode(request.prompt.tokens)
                                     : request.prompt.messages.back().content;
      const std::size_t begin = prompt.find(" M:") + 3;
      const std::size_t end = prompt.rfind(" S:");
      // section-first ends with the memory and a newline for tokens.
      const std::size_t last = end != std::string::npos && end > begin ? end
                               : prompt.ends_with('\n')                ? prompt.size() - 1
                                                                       : prompt.size();
      return Reply{.text = prompt.substr(begin, last - begin)};
    }
    if (!gated) return Reply{.text = said};
    const bool stop = random.below(stop_one_in) == 0;
    switch (random.below(4)) {
      case 0:
        return Reply{.text = stop ? "KEEP STOP" : "KEEP"};
      case 1:
        return Reply{.text = said};
      case 2:
        return Reply{.text = (stop ? "ADD STOP\n" : "ADD\n") + said};
      default:
        return Reply{.text = (stop ? "UPDATE STOP\n" : "UPDATE\n") + said};
    }
  };
}

Reading drive(Episode episode, std::shared_ptr<const PromptRenderer> renderer,
              const Sections& sections, ScriptedModel& model, std::uint64_t restore_one_in) {
  const EpisodeConfig config = episode.config();
  const std::string question = episode.question();
  Reading reading;
  std::unordered_map<RequestId, std::uint64_t> turns;
  std::vector<GenerationResult> results;
  while (episode.need() != Need::kFinished) {
    switch (episode.need()) {
      case Need::kAccept: {
        reading.trace.push_back(trace_line(0, episode.accept()));
        const std::uint64_t draw = derive(config.sampling.seed, reading.trace.size());
        if (restore_one_in > 0 && draw % restore_one_in == 0) {
          for (const auto& [request, turn] : turns) model.cancel(request);
          turns.clear();
          const std::string saved = to_json(episode.state());
          episode = Episode(config, renderer, question, episode_state_from_json(saved));
        }
        break;
      }
      case Need::kGeneration: {
        Turn turn = episode.take_generation();
        turns[model.submit(std::move(turn.request))] = turn.id;
        break;
      }
      case Need::kSection: {
        const std::size_t wanted = static_cast<std::size_t>(episode.wanted_section());
        if (wanted < sections.size()) {
          episode.give_section(sections[wanted]);
        } else {
          episode.end_of_document();
        }
        break;
      }
      case Need::kWait:
        results.clear();
        model.wait(results, std::chrono::milliseconds(0));
        for (GenerationResult& result : results) {
          const auto turn = turns.find(result.id);
          if (turn == turns.end()) continue;
          const std::uint64_t id = turn->second;
          turns.erase(turn);
          episode.give_generation(id, std::move(result));
        }
        for (const std::uint64_t id : episode.take_discarded()) {
          for (const auto& [request, turn] : turns) {
            if (turn == id) model.cancel(request);
          }
        }
        break;
      case Need::kFinished:
        break;
    }
  }
  reading.answer = episode.answer();
  reading.state = episode.state();
  return reading;
}

Reading reference_reading(const EpisodeConfig& config, const PromptRenderer& renderer,
                          const std::string& question, const Sections& sections,
                          ScriptedModel& model) {
  Reading reading;
  EpisodeState& state = reading.state;
  const TokenText q = renderer.encode(question);
  state.memory = renderer.encode(renderer.prompts().empty_memory);
  const auto generate = [&](Prompt prompt, std::int32_t max_tokens,
                            std::vector<std::string> complete, int kind, std::int32_t pass,
                            std::int64_t section) {
    GenerationRequest request;
    request.prompt = std::move(prompt);
    request.max_tokens = max_tokens;
    request.complete_responses = std::move(complete);
    request.logprobs = config.logprobs;
    request.sampling = config.sampling;
    const std::uint64_t of_kind = derive(config.sampling.seed, static_cast<std::uint64_t>(kind));
    request.sampling.seed = derive(derive(of_kind, static_cast<std::uint64_t>(pass)),
                                   static_cast<std::uint64_t>(section));
    model.submit(std::move(request));
    std::vector<GenerationResult> results;
    while (results.empty()) model.wait(results, std::chrono::milliseconds(0));
    results[0].id = 0;
    state.prompt_tokens += results[0].prompt_tokens;
    state.generated_tokens += results[0].generated_tokens;
    return results[0];
  };
  for (std::int32_t pass = 0; pass < config.passes && !state.stopped_early; ++pass) {
    for (const auto& section : sections) {
      Conversation c;
      c.pass = pass;
      c.section_index = section->index;
      c.section_byte_begin = section->byte_begin;
      c.section_byte_end = section->byte_end;
      c.response =
          generate(renderer.update(config.policy, config.layout, q, state.memory,
                                   TokenTextView(section->tokens, section->text)),
                   config.memory_tokens + renderer.header_tokens(config.policy),
                   complete_responses(config.policy, renderer.prompts()), 0, pass, section->index);
      const UpdateReading update =
          read_update(config.policy, renderer, state.memory, c.response, config.memory_tokens);
      if (!update.keeps && update.memory != state.memory) {
        state.memory = update.memory;
        ++state.memory_changes;
      }
      state.pass = pass;
      state.next_section = section->index + 1;
      state.prefix_hash = section->prefix_hash;
      ++state.sections_read;
      state.document_tokens += static_cast<std::int64_t>(section->tokens.size());
      if (update.decision == Decision::kMalformed) ++state.malformed;
      if (update.cut || c.response.stop == StopReason::kLength) ++state.truncated;
      c.decision = update.decision;
      c.stop_reading = update.stop_reading;
      c.memory = state.memory;
      reading.trace.push_back(trace_line(0, c));
      if (update.stop_reading) {
        state.stopped_early = true;
        break;
      }
    }
  }
  Conversation c;
  c.kind = ConversationKind::kAnswer;
  c.pass = state.pass;
  c.response = generate(renderer.answer(q, state.memory), config.output_tokens, {}, 1, 0, -1);
  if (c.response.stop == StopReason::kLength) ++state.truncated;
  c.decision = Decision::kAnswer;
  c.memory = state.memory;
  state.answer = reading.answer = read_answer(renderer, c.response);
  state.reading_done = state.finished = true;
  reading.trace.push_back(trace_line(0, c));
  return reading;
}

EpisodeState without_discards(EpisodeState state) {
  state.retried_generations = 0;
  state.discarded_generations = 0;
  state.discarded_generated_tokens = 0;
  return state;
}

}  // namespace memagent::test
