#include "server/session_view.h"

#include <fmt/format.h>

#include <algorithm>
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
  if (const std::optional<StoredFile> file = sessions.document_of(info)) {
    result["document"] = {{"file_id", file->id}, {"filename", file->filename}};
  }
  return result;
}

// Makes steps of trace lines, as they come.
class StepList {
 public:
  StepList(const StepRange& range, const std::string& empty_memory)
      : range_(range), empty_memory_(empty_memory) {}

  void take(std::size_t question, std::string_view line) {
    if (question >= before_.size()) before_.resize(question + 1, {empty_memory_, true});
    if (count_ < range_.after) {
      // Parsed only if something is compared with it.
      before_[question] = {std::string(line), false};
      ++count_;
    } else if (steps_.size() < range_.limit) {
      steps_.push_back(step(question, json::parse(line)));
      ++count_;
    } else {
      has_more_ = true;
    }
  }

  json result() && {
    return {
        {"object", "list"}, {"data", std::move(steps_)}, {"next", count_}, {"has_more", has_more_}};
  }

 private:
  struct Before {
    std::string text;  // a memory, or the line that has it
    bool parsed;
  };

  json step(std::size_t question, const json& line) {
    json result = {{"question", question}, {"kind", line.at("kind")}};
    for (const char* key : {"pass", "section", "bytes", "decision"}) {
      if (line.contains(key)) result[key] = line[key];
    }
    Before& before = before_[question];
    if (!before.parsed) {
      before = {json::parse(before.text).at("memory").get<std::string>(), true};
    }
    const std::string& memory = line.at("memory").get_ref<const std::string&>();
    if (memory != before.text) result["memory"] = memory;
    before.text = memory;
    return result;
  }

  StepRange range_;
  const std::string& empty_memory_;
  std::size_t count_ = 0;
  bool has_more_ = false;
  json steps_ = json::array();
  std::vector<Before> before_;  // by question
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

std::string sessions_json(const SessionKeeper& sessions, const std::vector<SessionInfo>& infos,
                          std::size_t limit) {
  json list = {{"object", "list"}, {"data", json::array()}, {"has_more", infos.size() > limit}};
  for (std::size_t i = 0; i < std::min(limit, infos.size()); ++i) {
    list["data"].push_back(to_json(sessions, infos[i]));
  }
  return dump(list);
}

std::string steps_json(const SessionKeeper& sessions, const SessionInfo& info,
                       const std::string& owner, const StepRange& range,
                       const std::string& empty_memory) {
  StepList steps(range, empty_memory);
  sessions.visit(info.name, owner,
                 [&](std::size_t question, std::string_view line) { steps.take(question, line); });
  json result = std::move(steps).result();
  // As it was before the steps were looked at: a session said to have ended has no further ones.
  result["session"] = to_json(sessions, info);
  return dump(result);
}

std::string text_json(const SessionKeeper& sessions, const FileStore& files,
                      const SessionInfo& info, const std::string& owner, std::int64_t begin,
                      std::int64_t end) {
  const std::optional<StoredFile> file = sessions.document_of(info);
  if (!file) {
    throw ApiError(
        404, fmt::format("the document of session '{}' is none of the server's files", info.name),
        "session", "document_not_found");
  }
  const std::unique_ptr<DocumentSource> source = files.open(file->id, owner);
  const std::string text = repaired_range(*source, begin, std::min(end, begin + kMostTextBytes));
  return dump({{"object", "session.text"},
               {"bytes", {begin, begin + static_cast<std::int64_t>(text.size())}},
               {"text", text}});
}

}  // namespace memagent
