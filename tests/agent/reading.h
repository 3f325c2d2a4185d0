// What tests of reading share: a document of sections, a model that answers everything an Episode
// can meet, a driver without a Runner, and the slow twin.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "memagent/episode.h"
#include "support/scripted_model.h"

namespace memagent::test {

using Sections = std::vector<std::shared_ptr<const Section>>;

// `text` cut every `section_tokens` bytes, which are tokens.
Sections cut_sections(const std::string& text, std::int32_t section_tokens);
// `count` sections of different texts, `section_tokens` long.
Sections numbered_sections(std::int64_t count, std::int32_t section_tokens);

// Short prompts, so that tests can be read: "Q:{question} M:{memory} S:{section}".
PromptSet short_prompts();
std::shared_ptr<const PromptRenderer> plain_renderer(bool as_tokens = true);

// Small budgets for byte tokens.
EpisodeConfig small_config();

// A script over the whole space: updates that keep, change, repeat, stop, say nothing or break the
// form, as a pure function of (prompt, seed). `change_one_in`: how rare changes are.
Script any_script(const ScriptedModelOptions& options, std::uint64_t change_one_in,
                  std::uint64_t stop_one_in);

// One trace line per accepted conversation, with everything in it but the prompt.
struct Reading {
  std::vector<std::string> trace;
  std::string answer;
  EpisodeState state;
};

// Reads as an embedding application would, without a Runner. `restore_one_in`: after about one in
// so many accepted steps the Episode is saved as JSON, dropped and restored; 0: never.
Reading drive(Episode episode, std::shared_ptr<const PromptRenderer> renderer,
              const Sections& sections, ScriptedModel& model, std::uint64_t restore_one_in = 0);

// The slow twin: the equations of episode.h as a loop that reads one section after another, without
// slots, queues or reading ahead.
Reading reference_reading(const EpisodeConfig& config, const PromptRenderer& renderer,
                          const std::string& question, const Sections& sections,
                          ScriptedModel& model);

// `state` without what is not part of the trajectory.
EpisodeState without_discards(EpisodeState state);

}  // namespace memagent::test
