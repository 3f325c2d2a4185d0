#include "cli/eval_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "cli/lengths.h"

namespace memagent {
namespace {

constexpr std::size_t kColumn = 16;

double percent(double score) { return score * 100; }

// "93.3 [84-98]", the scores of a column under one another.
std::string score_text(const Estimate& score) {
  const std::string interval =
      fmt::format("[{:.0f}-{:.0f}]", percent(score.low), percent(score.high));
  return fmt::format("{:.1f} {:<8}", percent(score.mean), interval);
}

std::string difference_text(const Estimate& difference) {
  const std::string interval =
      fmt::format("[{:+.0f},{:+.0f}]", percent(difference.low), percent(difference.high));
  return fmt::format("{:+.1f} {:<8}", percent(difference.mean), interval);
}

// One named line of a table: a text for each length.
struct Line {
  std::string name;
  std::vector<std::string> texts;
};

std::string block(const std::string& title, const std::vector<std::string>& columns,
                  const std::vector<Line>& lines, std::size_t width) {
  std::size_t names = title.size();
  for (const Line& line : lines) names = std::max(names, line.name.size());
  const std::size_t fit = width > names + kColumn ? (width - names) / kColumn : 1;
  std::string text;
  for (std::size_t begin = 0; begin < columns.size(); begin += fit) {
    const std::size_t end = std::min(columns.size(), begin + fit);
    std::string row = fmt::format("{:<{}}", title, names);
    // Over the scores, not over their intervals.
    for (std::size_t i = begin; i < end; ++i) row += fmt::format("{:>7}{:9}", columns[i], "");
    const auto add = [&](std::string line) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    };
    add(row);
    for (const Line& line : lines) {
      row = fmt::format("{:<{}}", line.name, names);
      for (std::size_t i = begin; i < end; ++i)
        row += fmt::format("{:>{}}", line.texts[i], kColumn);
      add(row);
    }
    text += "\n";
  }
  return text;
}

// What stands where there is no score, under the scores.
std::string no_score(const char* text) { return fmt::format("{} {:8}", text, ""); }

class Tables {
 public:
  Tables(const Plan& plan, std::span<const Cell> cells, std::span<const Difference> differences,
         int width)
      : plan_(plan),
        cells_(cells),
        differences_(differences),
        width_(static_cast<std::size_t>(std::max(width, 40))) {
    for (const std::int64_t length : plan.lengths) columns_.push_back(length_text(length));
  }

  std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < plan_.methods.size(); ++i) text += method_text(i);
    if (plan_.methods.size() > 1) text += side_by_side();
    return text;
  }

 private:
  std::string method_text(std::size_t method_index) const {
    const Method method = plan_.methods[method_index];
    std::vector<Line> lines;
    for (std::size_t task = 0; task < plan_.tasks.size(); ++task) {
      Line line{plan_.tasks[task], {}};
      for (std::size_t length = 0; length < plan_.lengths.size(); ++length) {
        const Cell& cell = cell_at(method_index, task, length);
        line.texts.push_back(cell.score    ? score_text(*cell.score)
                             : cell.n == 0 ? no_score("-")
                                           : no_score("n/a"));
      }
      lines.push_back(std::move(line));
    }
    if (plan_.tasks.size() > 1) lines.push_back(average(method, "average"));
    return block(to_string(method), columns_, lines, width_) + notes(method) + "\n";
  }

  const Cell& cell_at(std::size_t method, std::size_t task, std::size_t length) const {
    return cells_[(method * plan_.tasks.size() + task) * plan_.lengths.size() + length];
  }

  // Over the tasks, each counting alike. Where a task has no score there is no average: it would be
  // one over other tasks than its neighbours.
  Line average(Method method, std::string name) const {
    Line line{std::move(name), {}};
    for (const std::int64_t length : plan_.lengths) {
      const std::vector<Estimate> scores = scores_of(cells_, method, length);
      line.texts.push_back(scores.size() < plan_.tasks.size() ? no_score("n/a")
                                                              : score_text(mean_of(scores)));
    }
    return line;
  }

  std::string notes(Method method) const {
    std::map<Outcome, std::int64_t> outcomes;
    std::int64_t rows = 0;
    std::int64_t prompt = 0;
    std::int64_t cached = 0;
    std::int64_t generated = 0;
    std::int64_t without_evidence = 0;
    std::int64_t false_updates = 0;
    double seconds = 0;
    for (const Cell& cell : cells_) {
      if (cell.method != method) continue;
      rows += cell.n;
      for (const auto& [outcome, count] : cell.outcomes) outcomes[outcome] += count;
      prompt += cell.prompt_tokens;
      cached += cell.cached_prompt_tokens;
      generated += cell.generated_tokens;
      without_evidence += cell.sections_without_evidence;
      false_updates += cell.false_updates;
      seconds += cell.seconds;
    }
    std::string line = fmt::format("{} {}:", grouped(rows), rows == 1 ? "row" : "rows");
    for (const auto& [outcome, count] : outcomes) {
      std::string name = to_string(outcome);
      std::replace(name.begin(), name.end(), '_', ' ');
      line += fmt::format("{} {} {}", line.ends_with(':') ? "" : ",", grouped(count), name);
    }
    const double share =
        prompt == 0 ? 0 : 100 * static_cast<double>(cached) / static_cast<double>(prompt);
    if (without_evidence > 0) {
      line += fmt::format("\nthe memory changed at {} of {} sections without evidence",
                          grouped(false_updates), grouped(without_evidence));
    }
    return line + fmt::format("\n{} prompt tokens ({:.0f}% cached), {} generated, {}\n",
                              grouped(prompt), share, grouped(generated), duration_text(seconds));
  }

  std::string side_by_side() const {
    std::vector<Line> lines;
    for (const Method method : plan_.methods) lines.push_back(average(method, to_string(method)));
    std::string text =
        block(plan_.tasks.size() > 1 ? "average" : plan_.tasks[0], columns_, lines, width_);
    lines.clear();
    for (std::size_t i = 1; i < plan_.methods.size(); ++i) {
      Line line{to_string(plan_.methods[i]), {}};
      for (const std::int64_t length : plan_.lengths) {
        const auto found =
            std::find_if(differences_.begin(), differences_.end(), [&](const Difference& one) {
              return one.against == plan_.methods[i] && one.length == length;
            });
        line.texts.push_back(found == differences_.end() ? no_score("n/a")
                                                         : difference_text(found->score));
      }
      lines.push_back(std::move(line));
    }
    return text +
           block(fmt::format("{} less", to_string(plan_.methods[0])), columns_, lines, width_);
  }

  const Plan& plan_;
  std::span<const Cell> cells_;
  std::span<const Difference> differences_;
  std::size_t width_;
  std::vector<std::string> columns_;
};

}  // namespace

std::string length_text(std::int64_t tokens) {
  constexpr std::int64_t kMega = std::int64_t{1} << 20;
  constexpr std::int64_t kKilo = std::int64_t{1} << 10;
  if (tokens >= kMega && tokens * 10 % kMega == 0) {
    return fmt::format("{:g}M", static_cast<double>(tokens) / static_cast<double>(kMega));
  }
  if (tokens >= kKilo && tokens % kKilo == 0) return fmt::format("{}K", tokens / kKilo);
  return grouped(tokens);
}

std::string eval_table(const Plan& plan, std::span<const Cell> cells,
                       std::span<const Difference> differences, int width) {
  return Tables(plan, cells, differences, width).text();
}

}  // namespace memagent
