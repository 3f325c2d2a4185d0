#include "eval/row_result.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

constexpr Outcome kOutcomes[] = {Outcome::kRight,      Outcome::kNeverNoted, Outcome::kLost,
                                 Outcome::kNotUsed,    Outcome::kNotShown,   Outcome::kExcessive,
                                 Outcome::kNoEvidence, Outcome::kFailed,     Outcome::kTooLong};

Outcome parse_outcome(const std::string& name) {
  for (const Outcome outcome : kOutcomes) {
    if (name == to_string(outcome)) return outcome;
  }
  throw std::invalid_argument("outcome '" + name + "' is unknown");
}

struct Count {
  const char* name;
  std::int64_t RowResult::*member;
};
constexpr Count kCounts[] = {
    {"sections", &RowResult::sections},
    {"prompt_tokens", &RowResult::prompt_tokens},
    {"cached_prompt_tokens", &RowResult::cached_prompt_tokens},
    {"generated_tokens", &RowResult::generated_tokens},
    {"discarded_generated_tokens", &RowResult::discarded_generated_tokens},
    {"malformed", &RowResult::malformed},
    {"truncated", &RowResult::truncated},
};

// Rows of files written before there were these do not have them.
constexpr Count kLaterCounts[] = {
    {"sections_without_evidence", &RowResult::sections_without_evidence},
    {"false_updates", &RowResult::false_updates},
};

ordered_json evidence_json(const RowResult& result) {
  ordered_json list = ordered_json::array();
  for (std::size_t i = 0; i < result.row.evidence.size(); ++i) {
    const Evidence& fact = result.row.evidence[i];
    const EvidenceResult& became = result.evidence[i];
    list.push_back({{"text", fact.text},
                    {"byte_begin", fact.byte_begin},
                    {"byte_end", fact.byte_end},
                    {"values", fact.values},
                    {"note", fact.note},
                    {"hop", fact.hop},
                    {"noted", became.noted},
                    {"kept", became.kept},
                    {"score", became.score}});
  }
  return list;
}

ordered_json trace_json(const std::vector<TraceStep>& trace) {
  ordered_json list = ordered_json::array();
  for (const TraceStep& step : trace) {
    ordered_json one = {{"pass", step.pass},
                        {"section_index", step.section_index},
                        {"byte_begin", step.byte_begin},
                        {"byte_end", step.byte_end},
                        {"decision", step.decision}};
    if (step.memory) one["memory"] = *step.memory;
    list.push_back(std::move(one));
  }
  return list;
}

RowResult parse(const nlohmann::json& object) {
  RowResult result;
  const auto get = [&](const char* name, auto& value) { object.at(name).get_to(value); };
  result.key.method = parse_method(object.at("method").get<std::string>());
  get("task", result.key.task);
  get("length", result.key.length);
  get("index", result.key.index);
  result.row.task = result.key.task;
  get("id", result.row.id);
  get("question", result.row.question);
  get("answers", result.row.answers);
  const auto match = object.at("match").get<std::string>();
  if (!match_named(match)) throw std::invalid_argument("match '" + match + "' is unknown");
  result.row.match = *match_named(match);
  get("document_tokens", result.row.tokens);
  get("document_bytes", result.row.document_bytes);
  get("response", result.response);
  if (object.contains("error")) get("error", result.error);
  get("score", result.verdict.score);
  get("exact_match", result.verdict.exact_match);
  get("f1", result.verdict.f1);
  get("extracted", result.verdict.extracted);
  get("excessive", result.verdict.excessive);
  result.outcome = parse_outcome(object.at("outcome").get<std::string>());
  for (const Count& count : kCounts) get(count.name, result.*count.member);
  for (const Count& count : kLaterCounts) {
    if (object.contains(count.name)) get(count.name, result.*count.member);
  }
  get("seconds", result.seconds);
  for (const auto& one : object.at("evidence")) {
    Evidence fact;
    one.at("text").get_to(fact.text);
    one.at("byte_begin").get_to(fact.byte_begin);
    one.at("byte_end").get_to(fact.byte_end);
    one.at("values").get_to(fact.values);
    one.at("note").get_to(fact.note);
    one.at("hop").get_to(fact.hop);
    result.row.evidence.push_back(std::move(fact));
    result.evidence.push_back(
        {one.at("noted").get<bool>(), one.at("kept").get<bool>(), one.at("score").get<double>()});
  }
  if (!object.contains("trace")) return result;
  for (const auto& one : object.at("trace")) {
    TraceStep step;
    one.at("pass").get_to(step.pass);
    one.at("section_index").get_to(step.section_index);
    one.at("byte_begin").get_to(step.byte_begin);
    one.at("byte_end").get_to(step.byte_end);
    one.at("decision").get_to(step.decision);
    if (one.contains("memory")) step.memory = one.at("memory").get<std::string>();
    result.trace.push_back(std::move(step));
  }
  return result;
}

}  // namespace

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRight:
      return "right";
    case Outcome::kNeverNoted:
      return "never_noted";
    case Outcome::kLost:
      return "lost";
    case Outcome::kNotUsed:
      return "not_used";
    case Outcome::kNotShown:
      return "not_shown";
    case Outcome::kExcessive:
      return "excessive";
    case Outcome::kNoEvidence:
      return "no_evidence";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kTooLong:
      return "too_long";
  }
  MEMAGENT_CHECK(false, "outcome {}", static_cast<int>(outcome));
}

std::string to_json(const RowResult& result) {
  ordered_json object;
  object["id"] = result.row.id;
  object["method"] = to_string(result.key.method);
  object["task"] = result.key.task;
  object["length"] = result.key.length;
  object["index"] = result.key.index;
  object["question"] = result.row.question;
  object["answers"] = result.row.answers;
  object["match"] = to_string(result.row.match);
  object["response"] = result.response;
  if (!result.error.empty()) object["error"] = result.error;
  object["score"] = result.verdict.score;
  object["exact_match"] = result.verdict.exact_match;
  object["f1"] = result.verdict.f1;
  object["extracted"] = result.verdict.extracted;
  object["excessive"] = result.verdict.excessive;
  object["outcome"] = to_string(result.outcome);
  object["document_tokens"] = result.row.tokens;
  object["document_bytes"] = result.row.document_bytes;
  for (const Count& count : kCounts) object[count.name] = result.*count.member;
  for (const Count& count : kLaterCounts) object[count.name] = result.*count.member;
  object["seconds"] = std::round(result.seconds * 1e6) / 1e6;
  object["evidence"] = evidence_json(result);
  if (!result.trace.empty()) object["trace"] = trace_json(result.trace);
  // A model's text need not be whole UTF-8.
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

RowResult row_result_from_json(std::string_view text, const std::string& where) {
  try {
    return parse(nlohmann::json::parse(text));
  } catch (const std::exception& error) {
    fail(ErrorKind::kBadInput, "{}: is not a finished row: {}: take the line out, or start anew",
         where, error.what());
  }
}

}  // namespace memagent
