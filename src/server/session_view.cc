#include "server/session_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "agent/state_json.h"
#include "server/api_error.h"
#include "text/utf8.h"

namespace memagent {
namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t kMostTextBytes = std::int64_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Memories may be cut inside a character; names are whatever a client sent.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::int64_t seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

json to_json(const SessionKeeper& sessions, const SessionInfo& info) {
  json questions = json::array();
  for (std::size_t i = 0; i < info.spec.questions.size(); ++i) {
    json question = {{"question", info.spec.questions[i]}};
    if (!info.states_json[i].empty()) {
      const EpisodeState state = episode_state_from_json(info.states_json[i]);
      question["sections"] = state.sections_read;
      question["document_tokens"] = state.document_tokens;
      question["memory"] = state.memory.text;
      question["reading_done"] = state.reading_done;
      question["finished"] = state.finished;
      if (state.finished) question["answer"] = state.answer;
    }
    questions.push_back(std::move(question));
  }
  json result = {{"id", info.name},
                 {"object", "session"},
                 {"status", state_of(info)},
                 {"created_at", seconds(info.created)},
                 {"updated_at", seconds(info.updated)},
                 {"document_bytes", info.spec.document.bytes},
                 {"conversations", info.conversations},
                 {"settings", json::parse(info.spec.settings_json)},
                 {"questions", std::move(questions)}};
  if (!info.error.empty()) result["error"] = info.error;
  if (const std::optional<SessionKeeper::Document> document = sessions.document_of(info)) {
    json& told = result["document"];
    if (!document->file_id.empty()) told["file_id"] = document->file_id;
    told["filename"] = document->filename;
  }
  return result;
}

// Makes steps of trace lines, as they come.
class StepList {
 public:
  // `memory_before(question)`: what it was before the first line that comes.
  StepList(std::size_t questions, std::function<std::string(std::size_t)> memory_before)
      : memories_(questions), memory_before_(std::move(memory_before)) {}

  void take(std::size_t question, const json& line) {
    json step = {{"question", question}, {"kind", line.at("kind")}};
    for (const char* key : {"pass", "section", "bytes", "decision"}) {
      if (line.contains(key)) step[key] = line[key];
    }
    std::optional<std::string>& before = memories_.at(question);
    if (!before) before = memory_before_(question);
    const std::string& memory = line.at("memory").get_ref<const std::string&>();
    if (memory != *before) step["memory"] = memory;
    before = memory;
    steps_.push_back(std::move(step));
  }

  json steps() && { return std::move(steps_); }

 private:
  std::vector<std::optional<std::string>> memories_;  // by question; nullopt: not asked for yet
  std::function<std::string(std::size_t)> memory_before_;
  json steps_ = json::array();
};

// Bytes [begin, end) of the source's text as a SectionReader repairs it.
std::string repaired_range(DocumentSource& source, std::int64_t begin, std::int64_t end) {
  std::string text;
  std::vector<char> block(std::size_t{64} << 10);
  Utf8Repair repair;
  std::string repaired;
  bool started = false;
  std::int64_t at = 0;
  for (bool ended = false; !ended && at < end;) {
    const std::size_t count = source.read(block);
    ended = count == 0;
    repaired.clear();
    if (ended) {
      repair.finish(repaired);
    } else {
      repair.feed({block.data(), count}, repaired);
    }
    std::string_view piece = repaired;
    if (!started && !piece.empty()) {
      started = true;
      if (piece.starts_with(kByteOrderMark)) piece.remove_prefix(kByteOrderMark.size());
    }
    const auto bytes = static_cast<std::int64_t>(piece.size());
    const std::int64_t from = std::clamp<std::int64_t>(begin - at, 0, bytes);
    const std::int64_t to = std::clamp<std::int64_t>(end - at, 0, bytes);
    if (from < to) {
      text += piece.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
    }
    at += bytes;
  }
  return text;
}

}  // namespace

std::string session_json(const SessionKeeper& sessions, const SessionInfo& info) {
  return dump(to_json(sessions, info));
}

std::string sessions_json(const SessionKeeper& sessions, const SessionKeeper::Part& part) {
  json list = {{"object", "list"}, {"data", json::array()}};
  for (const SessionInfo& info : part.sessions) list["data"].push_back(to_json(sessions, info));
  if (!part.sessions.empty()) {
    list["first_id"] = part.sessions.front().name;
    list["last_id"] = part.sessions.back().name;
  }
  list["has_more"] = part.has_more;
  return dump(list);
}

std::string steps_json(const SessionKeeper& sessions, const SessionInfo& info,
                       const StepRange& range, const std::string& empty_memory) {
  const std::unique_ptr<SessionStore> store = sessions.existing();
  const std::int64_t after = std::min(range.after, info.conversations);
  StepList list(info.spec.questions.size(), [&](std::size_t question) {
    const auto line = store ? store->conversation_before(info.name, question, after) : std::nullopt;
    return line ? json::parse(*line).at("memory").get<std::string>() : empty_memory;
  });
  if (store != nullptr) {
    store->visit_conversations(info.name,
                               [&](std::size_t question, std::string_view line) {
                                 list.take(question, json::parse(line));
                               },
                               {.from = after, .most = range.limit});
  }
  json steps = std::move(list).steps();
  const auto next = after + static_cast<std::int64_t>(steps.size());
  return dump({{"object", "list"},
               {"data", std::move(steps)},
               {"next", next},
               {"has_more", next < info.conversations},
               // As it was before the steps were looked at: a session said to have ended has no
               // further ones.
               {"session", to_json(sessions, info)}});
}

std::string text_json(const SessionKeeper& sessions, const SessionInfo& info, std::int64_t begin,
                      std::int64_t end) {
  const std::unique_ptr<DocumentSource> source = sessions.open_document(info);
  if (source == nullptr) {
    throw ApiError(404,
                   fmt::format("the document of session '{}' is neither a file of the server's nor "
                               "kept by the session store",
                               info.name),
                   "session", "document_not_found");
  }
  const std::string text = repaired_range(*source, begin, std::min(end, begin + kMostTextBytes));
  return dump({{"object", "session.text"},
               {"bytes", {begin, begin + static_cast<std::int64_t>(text.size())}},
               {"text", text}});
}

}  // namespace memagent
