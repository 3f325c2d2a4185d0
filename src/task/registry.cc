#include "task/registry.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/fail.h"
#include "task/alike_tasks.h"
#include "task/clutter.h"
#include "task/niah.h"
#include "task/prose.h"
#include "task/relay.h"
#include "task/ruler_tasks.h"
#include "task/world_tasks.h"

namespace memagent {
namespace {

using Tasks = std::vector<std::shared_ptr<const Task>>;

struct Families {
  Tasks ruler;
  Tasks alike;
  Tasks single;  // of no group
  Tasks world;
};

std::shared_ptr<const Task> reworded_task(const MakeProse& prose) {
  return niah_task(
      {.name = "reworded",
       .description = "a number in prose beside three others, each said in other words",
       .hay = NiahConfig::Hay::kProse,
       .keys = 4,
       .reworded = true},
      prose);
}

Families make_families(const TaskOptions& options) {
  const MakeProse prose = options.clutter                 ? clutter
                          : options.haystack_file.empty() ? generated_prose
                                                          : prose_of_file(options.haystack_file);
  Families families{
      ruler_tasks(prose), alike_tasks(prose), {relay_task(prose), reworded_task(prose)}, {}};
  // RULER's two question-answering tasks are asked about the world.
  for (auto& task : world_tasks()) {
    (task->name().starts_with("qa_") ? families.ruler : families.world).push_back(std::move(task));
  }
  return families;
}

Tasks all_of(const Families& families) {
  Tasks tasks = families.ruler;
  tasks.insert(tasks.end(), families.alike.begin(), families.alike.end());
  tasks.insert(tasks.end(), families.single.begin(), families.single.end());
  tasks.insert(tasks.end(), families.world.begin(), families.world.end());
  return tasks;
}

// The tasks that a name means, none if it means nothing.
Tasks named(const std::string& name, const Families& families) {
  if (name == "all") return all_of(families);
  if (name == "ruler") return families.ruler;
  if (name == "alike") return families.alike;
  if (name == "world") return families.world;
  Tasks tasks;
  for (const auto& task : all_of(families)) {
    const bool in_group = name == "niah" && task->name().starts_with("niah_");
    if (in_group || task->name() == name) tasks.push_back(task);
  }
  return tasks;
}

// Insertions, deletions and replacements that make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

[[noreturn]] void fail_unknown(const std::string& name) {
  std::vector<std::string> known = {"all", "ruler", "niah", "alike", "world"};
  for (std::string& task : task_names()) known.push_back(std::move(task));
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& other : known) {
    const std::size_t distance = edit_distance(name, other);
    const bool part = name.size() >= 2 && other.find(name) != std::string::npos;
    if (part || distance <= std::max<std::size_t>(2, name.size() / 3)) {
      near.emplace_back(part ? 0 : distance, other);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string list;
  for (std::size_t i = 0; i < near.size() && i < 3; ++i) {
    list += (i == 0 ? "" : ", ") + near[i].second;
  }
  if (!list.empty()) {
    fail(ErrorKind::kUsage, "unknown task '{}': did you mean {}?", name, list);
  }
  for (const std::string& other : known) list += (list.empty() ? "" : ", ") + other;
  fail(ErrorKind::kUsage, "unknown task '{}': choose of {}", name, list);
}

}  // namespace

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const auto& task : all_of(make_families({}))) names.push_back(task->name());
  return names;
}

std::vector<std::shared_ptr<const Task>> find_tasks(const std::vector<std::string>& names,
                                                    const TaskOptions& options) {
  const Families families = make_families(options);
  Tasks found;
  for (const std::string& name : names) {
    const Tasks meant = named(name, families);
    if (meant.empty()) fail_unknown(name);
    for (const auto& task : meant) {
      if (std::find(found.begin(), found.end(), task) == found.end()) found.push_back(task);
    }
  }
  return found;
}

}  // namespace memagent
