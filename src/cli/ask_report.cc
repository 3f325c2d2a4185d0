#include "cli/ask_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/blank.h"
#include "cli/lengths.h"
#include "cli/terminal.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

struct Counter {
  const char* name;
  std::int64_t EpisodeState::*member;
};
// Summed over questions.
constexpr Counter kSums[] = {
    {"prompt_tokens", &EpisodeState::prompt_tokens},
    {"cached_prompt_tokens", &EpisodeState::cached_prompt_tokens},
    {"generated_tokens", &EpisodeState::generated_tokens},
    {"memory_changes", &EpisodeState::memory_changes},
    {"malformed", &EpisodeState::malformed},
    {"failed", &EpisodeState::failed},
    {"truncated", &EpisodeState::truncated},
    {"retried_generations", &EpisodeState::retried_generations},
    {"discarded_generations", &EpisodeState::discarded_generations},
    {"discarded_generated_tokens", &EpisodeState::discarded_generated_tokens},
};

std::int64_t sum(const AskReport& report, std::int64_t EpisodeState::*member) {
  std::int64_t total = 0;
  for (const EpisodeState& state : report.states) total += state.*member;
  return total;
}

std::int64_t largest(const AskReport& report, std::int64_t EpisodeState::*member) {
  std::int64_t most = 0;
  for (const EpisodeState& state : report.states) most = std::max(most, state.*member);
  return most;
}

std::string plural(std::int64_t count, const char* word) {
  return fmt::format("{} {}{}", grouped(count), word, count == 1 ? "" : "s");
}

}  // namespace

std::string report_json(const AskReport& report) {
  ordered_json object;
  ordered_json answers = ordered_json::array();
  for (std::size_t i = 0; i < report.questions.size(); ++i) {
    const EpisodeState& state = report.states[i];
    ordered_json one;
    one["question"] = report.questions[i];
    one["answer"] = state.answer;
    one["memory"] = state.memory.text;
    one["sections"] = state.sections_read;
    one["document_tokens"] = state.document_tokens;
    for (const Counter& counter : kSums) one[counter.name] = state.*counter.member;
    one["stopped_early"] = state.stopped_early;
    answers.push_back(std::move(one));
  }
  if (report.questions.size() == 1) {
    object["question"] = report.questions[0];
    object["answer"] = report.states[0].answer;
    object["memory"] = report.states[0].memory.text;
  }
  object["sections"] = largest(report, &EpisodeState::sections_read);
  object["document_tokens"] = largest(report, &EpisodeState::document_tokens);
  for (const Counter& counter : kSums) object[counter.name] = sum(report, counter.member);
  object["seconds"] = std::round(report.seconds * 1000) / 1000;
  object["stopped_early"] = std::all_of(report.states.begin(), report.states.end(),
                                        [](const EpisodeState& s) { return s.stopped_early; });
  object["session"] = report.session.empty() ? ordered_json() : ordered_json(report.session);
  object["repaired_sequences"] = report.repaired_sequences;
  object["document"] = report.document;
  object["model"] = report.model;
  object["settings"] = ordered_json::parse(report.settings_json);
  if (report.lookahead > 0) object["settings"]["lookahead"] = report.lookahead;
  object["answers"] = std::move(answers);
  // A model's text need not be whole UTF-8.
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string report_text(const AskReport& report, bool to_terminal) {
  const auto shown = [&](const std::string& text) { return to_terminal ? harmless(text) : text; };
  if (report.questions.size() == 1) return shown(report.states[0].answer) + "\n";
  std::string text;
  for (std::size_t i = 0; i < report.questions.size(); ++i) {
    text += fmt::format("{}{}. {}\n{}\n", i == 0 ? "" : "\n", i + 1, shown(report.questions[i]),
                        shown(report.states[i].answer));
  }
  return text;
}

std::string warning_of_answers(const AskReport& report) {
  const auto empty = std::ranges::count_if(
      report.states, [](const EpisodeState& state) { return is_blank(state.answer); });
  if (empty == 0) return "";
  if (report.states.size() == 1) return "the model's answer is empty";
  return fmt::format("{} of the model's {} answers are empty", empty, report.states.size());
}

std::string closing_line(const AskReport& report) {
  const std::int64_t sections = largest(report, &EpisodeState::sections_read);
  const std::int64_t tokens = largest(report, &EpisodeState::document_tokens);
  std::string line;
  if (sections == 0) {
    line = "the document is empty: answered from no memory";
  } else {
    line = fmt::format("read {}, {} in {:.1f} s", plural(sections, "section"),
                       plural(tokens, "token"), report.seconds);
    if (report.seconds > 0 && report.tokens_this_run > 0) {
      line += fmt::format(
          " ({} tokens/s)",
          grouped(std::llround(static_cast<double>(report.tokens_this_run) / report.seconds)));
    }
  }
  const auto note = [&](std::int64_t count, const char* what, const char* meaning) {
    if (count > 0) line += fmt::format("; {}{}", plural(count, what), meaning);
  };
  const auto early = std::count_if(report.states.begin(), report.states.end(),
                                   [](const EpisodeState& s) { return s.stopped_early; });
  if (early > 0 && report.states.size() == 1) line += "; stopped early, the model had enough";
  if (early > 0 && report.states.size() > 1) note(early, "question", " stopped early");
  note(report.repaired_sequences, "invalid UTF-8 sequence", " repaired");
  note(sum(report, &EpisodeState::malformed), "malformed response", "");
  note(sum(report, &EpisodeState::truncated), "response", " cut at the budget");
  note(sum(report, &EpisodeState::failed), "step", " failed");
  note(sum(report, &EpisodeState::retried_generations), "generation", " retried");
  return line;
}

}  // namespace memagent
