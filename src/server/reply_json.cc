#include "server/reply_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using json = nlohmann::ordered_json;  // in the order in which the fields are documented

// A memory may be cut inside a character.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const char* finish_reason(StopReason stop) {
  return stop == StopReason::kLength ? "length" : "stop";
}

json usage_of(const ReadingOutcome& outcome) {
  return {{"prompt_tokens", outcome.prompt_tokens},
          {"completion_tokens", outcome.generated_tokens},
          {"total_tokens", outcome.prompt_tokens + outcome.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", outcome.cached_prompt_tokens}}}};
}

StopReason stop_of(const ReadingOutcome& outcome, std::size_t question) {
  return question == 0 ? outcome.stop : outcome.more[question - 1].stop;
}

json summary_of(const ReadingOutcome& outcome, std::size_t question) {
  if (outcome.states.empty()) return {{"read", false}};
  const EpisodeState& state = outcome.states[question];
  return {{"read", true},
          {"sections", state.sections_read},
          {"document_tokens", state.document_tokens},
          {"memory", state.memory.text},
          {"memory_changes", state.memory_changes},
          {"stopped_early", state.stopped_early},
          {"malformed", state.malformed},
          {"truncated", state.truncated},
          {"retried_generations", state.retried_generations}};
}

json begin(const ReplyHead& head, bool event) {
  const char* object = head.api == CompletionApi::kText ? "text_completion"
                       : event                          ? "chat.completion.chunk"
                                                        : "chat.completion";
  return {{"id", head.id}, {"object", object}, {"created", head.created}, {"model", head.model}};
}

// One choice of an event; `reason` may be null.
std::string event(const ReplyHead& head, json delta, const char* reason, json own = nullptr,
                  std::size_t index = 0) {
  json body = begin(head, true);
  json choice = {{"index", index}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  if (reason != nullptr) choice["finish_reason"] = reason;
  if (head.api == CompletionApi::kChat) {
    choice["delta"] = std::move(delta);
  } else {
    choice["text"] = delta.value("content", "");
  }
  body["choices"] = json::array({std::move(choice)});
  if (!own.is_null()) body["memagent"] = std::move(own);
  return dump(body);
}

json model_object(const AboutModel& model) {
  // Not as max_model_len: clients would cut conversations to it that they need not cut.
  return {{"id", model.name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "memagent"},
          {"memagent",
           {{"window_tokens", model.window_tokens}, {"max_file_bytes", model.max_file_bytes}}}};
}

}  // namespace

std::string reply_json(const ReplyHead& head, const ReadingOutcome& outcome) {
  json body = begin(head, false);
  body["choices"] = json::array();
  for (std::size_t i = 0; i <= outcome.more.size(); ++i) {
    const std::string& text = i == 0 ? outcome.text : outcome.more[i - 1].text;
    json choice = {
        {"index", i}, {"logprobs", nullptr}, {"finish_reason", finish_reason(stop_of(outcome, i))}};
    if (head.api == CompletionApi::kChat) {
      choice["message"] = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
    } else {
      choice["text"] = text;
    }
    if (i > 0) choice["memagent"] = summary_of(outcome, i);
    body["choices"].push_back(std::move(choice));
  }
  body["usage"] = usage_of(outcome);
  body["memagent"] = summary_of(outcome, 0);
  return dump(body);
}

std::string first_event(const ReplyHead& head) {
  return event(head, {{"role", "assistant"}, {"content", ""}}, nullptr);
}

std::string progress_event(const ReplyHead& head, const ReadingProgress& progress) {
  json own = {{"event", "progress"},
              {"sections", progress.sections},
              {"document_tokens", progress.document_tokens}};
  if (progress.fraction >= 0) own["fraction"] = progress.fraction;
  if (progress.memory_changed) {
    own["question"] = progress.question;
    own["memory"] = progress.memory;
    own["section"] = progress.section;
    own["bytes"] = {progress.byte_begin, progress.byte_end};
  }
  return event(head, json::object(), nullptr, std::move(own));
}

std::string text_event(const ReplyHead& head, const std::string& text, std::size_t question) {
  return event(head, {{"content", text}}, nullptr, nullptr, question);
}

std::string last_event(const ReplyHead& head, const ReadingOutcome& outcome, std::size_t question) {
  return event(head, json::object(), finish_reason(stop_of(outcome, question)),
               summary_of(outcome, question), question);
}

std::string usage_event(const ReplyHead& head, const ReadingOutcome& outcome) {
  json body = begin(head, true);
  body["choices"] = json::array();
  body["usage"] = usage_of(outcome);
  return dump(body);
}

std::string models_json(const AboutModel& model) {
  return dump({{"object", "list"}, {"data", json::array({model_object(model)})}});
}

std::string model_json(const AboutModel& model) { return dump(model_object(model)); }

std::string cut_at_stop(std::string text, const std::vector<std::string>& stops) {
  std::size_t end = text.size();
  for (const std::string& stop : stops) end = std::min(end, text.find(stop));
  text.resize(end);
  return text;
}

}  // namespace memagent
