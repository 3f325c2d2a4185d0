#include "task/ruler_tasks.h"

#include "task/niah.h"
#include "task/variable_tracking.h"
#include "task/word_counting.h"

namespace memagent {

std::vector<std::shared_ptr<const Task>> ruler_tasks(const MakeProse& prose) {
  using enum NiahConfig::Hay;
  using Key = NiahConfig::Key;
  using Value = NiahConfig::Value;
  const std::vector<NiahConfig> niah = {
      {.name = "niah_single_1", .description = "a number in repeated noise", .hay = kNoise},
      {.name = "niah_single_2", .description = "a number in prose", .hay = kProse},
      {.name = "niah_single_3",
       .description = "a UUID in prose",
       .hay = kProse,
       .value = Value::kUuid},
      {.name = "niah_multikey_1",
       .description = "a number in prose beside three of other keys",
       .hay = kProse,
       .keys = 4},
      {.name = "niah_multikey_2",
       .description = "a number in a text of nothing but such needles",
       .hay = kNeedles},
      {.name = "niah_multikey_3",
       .description = "a UUID kept for a UUID in a text of nothing but such needles",
       .hay = kNeedles,
       .key = Key::kUuid,
       .value = Value::kUuid},
      {.name = "niah_multivalue",
       .description = "four numbers of one key in prose",
       .hay = kProse,
       .values = 4},
      {.name = "niah_multiquery",
       .description = "the numbers of four keys in prose",
       .hay = kProse,
       .keys = 4,
       .queries = 4},
  };
  std::vector<std::shared_ptr<const Task>> tasks;
  tasks.reserve(niah.size() + 3);
  for (const NiahConfig& config : niah) tasks.push_back(niah_task(config, prose));
  tasks.push_back(variable_tracking_task());
  tasks.push_back(common_words_task());
  tasks.push_back(frequent_words_task());
  return tasks;
}

}  // namespace memagent
