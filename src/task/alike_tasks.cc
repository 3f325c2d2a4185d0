#include "task/alike_tasks.h"

#include "task/niah.h"

namespace memagent {

std::vector<std::shared_ptr<const Task>> alike_tasks(const MakeProse& prose) {
  using enum NiahConfig::Hay;
  const std::vector<NiahConfig> configs = {
      {.name = "alike_names",
       .description = "a number in a text of needles whose names share words",
       .hay = kNeedles,
       .alike = true},
      {.name = "alike_codes",
       .description = "a UUID kept for a UUID among others that differ in few digits",
       .hay = kNeedles,
       .key = NiahConfig::Key::kUuid,
       .value = NiahConfig::Value::kUuid,
       .alike = true},
      {.name = "alike_queries",
       .description = "the numbers of four of eight names that share words, in prose",
       .hay = kProse,
       .keys = 8,
       .queries = 4,
       .alike = true},
      {.name = "alike_absent",
       .description = "a name that is not in the text, among needles that share its words",
       .hay = kNeedles,
       .alike = true,
       .absent = true},
  };
  std::vector<std::shared_ptr<const Task>> tasks;
  tasks.reserve(configs.size());
  for (const NiahConfig& config : configs) tasks.push_back(niah_task(config, prose));
  return tasks;
}

}  // namespace memagent
