#include "train/run_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "format/atomic_file.h"
#include "format/html_page.h"
#include "train/run_page_template.h"

namespace memagent {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostPoints = 400;
constexpr std::size_t kMostGroups = 6;

// Numbers that several lines have, under the same keys, as their mean.
class MeanOfLines {
 public:
  void add(const Json& line) {
    ++lines_;
    last_.merge_patch(line);
    add(line, sums_);
  }
  Json mean() const {
    Json mean = last_;
    divide(sums_, mean);
    return mean;
  }
  std::size_t lines() const { return lines_; }

 private:
  // {"sum": s, "count": n} in place of every number.
  static void add(const Json& from, Json& to) {
    for (const auto& [key, value] : from.items()) {
      if (value.is_object()) {
        add(value, to[key]["in"]);
      } else if (value.is_number()) {
        Json& mean = to[key];
        if (mean.is_null()) mean = {{"sum", 0.0}, {"count", 0.0}};
        mean["sum"] = mean["sum"].get<double>() + value.get<double>();
        mean["count"] = mean["count"].get<double>() + 1;
      }
    }
  }
  static void divide(const Json& sums, Json& mean) {
    for (const auto& [key, sum] : sums.items()) {
      if (sum.contains("in")) {
        divide(sum["in"], mean[key]);
      } else {
        mean[key] = sum["sum"].get<double>() / sum["count"].get<double>();
      }
    }
  }

  std::size_t lines_ = 0;
  Json last_ = Json::object();
  Json sums_ = Json::object();
};

Json trajectory_json(const RolledOut& rolled) {
  Json json;
  json["reward"] = rolled.reward;
  json["answer"] = rolled.trajectory.answer;
  json["conversations"] = Json::array();
  for (const Conversation& said : rolled.trajectory.conversations) {
    json["conversations"].push_back({{"kind", to_string(said.kind)},
                                     {"section", said.section_index},
                                     {"decision", to_string(said.decision)},
                                     {"response", said.response.text},
                                     {"memory", said.memory.text}});
  }
  return json;
}

}  // namespace

std::string sample_trajectories(const std::vector<Group>& groups) {
  Json json = Json::array();
  for (const Group& group : groups) {
    if (json.size() == kMostGroups) break;
    if (group.trajectories.empty()) continue;
    const auto [worst, best] = std::minmax_element(
        group.trajectories.begin(), group.trajectories.end(),
        [](const RolledOut& a, const RolledOut& b) { return a.reward < b.reward; });
    Json one;
    one["task"] = group.row.task;
    one["question"] = group.row.question;
    one["answers"] = group.row.answers;
    one["tokens"] = group.row.tokens;
    one["trajectories"].push_back(trajectory_json(*best));
    if (worst->reward < best->reward) one["trajectories"].push_back(trajectory_json(*worst));
    json.push_back(std::move(one));
  }
  // What a model said may be cut within a character.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> thinned_log(const std::string& log, std::size_t most) {
  std::vector<Json> lines;
  std::string_view left = log;
  for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    Json line = Json::parse(left.substr(0, end), nullptr, false);
    if (line.is_object()) lines.push_back(std::move(line));
    left.remove_prefix(end + 1);
  }
  const std::size_t each = (lines.size() + most - 1) / std::max<std::size_t>(1, most);
  std::vector<std::string> thinned;
  MeanOfLines mean;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    mean.add(lines[i]);
    if (mean.lines() == each || i + 1 == lines.size()) {
      thinned.push_back(mean.mean().dump());
      mean = MeanOfLines();
    }
  }
  return thinned;
}

const char* state_name(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kStopped:
      return "stopped";
    case RunState::kDone:
      return "done";
  }
  return "";
}

std::string run_page_html(const RunPage& page) {
  if (kRunTemplate.empty()) return "";
  Json json;
  json["kind"] = page.kind;
  json["name"] = page.name;
  json["state"] = state_name(page.state);
  json["recipe"] = Json::parse(page.recipe_json);
  json["steps"] = Json::array();
  for (const std::string& line : thinned_log(page.log, kMostPoints)) {
    json["steps"].push_back(Json::parse(line));
  }
  json["samples"] = page.samples_json.empty() ? Json::array() : Json::parse(page.samples_json);
  return page_with_data(kRunTemplate, "%RUN%", json.dump());
}

void write_run_page(const RunFolder& folder, RunPage page) {
  if (kRunTemplate.empty()) return;
  page.log = folder.log_text();
  AtomicFile out(folder.file("run.html"));
  out.write(run_page_html(page));
  out.commit();
}

void with_stopped_page(const std::function<void()>& train,
                       const std::function<void(RunState)>& write) {
  try {
    train();
  } catch (...) {
    try {
      write(RunState::kStopped);
    } catch (const std::exception&) {
      // Nothing here may take the place of what ended the run.
    }
    throw;
  }
}

}  // namespace memagent
