// RULER's needle-in-a-haystack family (arXiv 2404.06654, section 3.1): sentences that tie a value
// to a key, hidden in text that does not matter. One generator, eight settings.
#pragma once

#include <memory>
#include <string>

#include "task/haystack.h"
#include "task/task.h"

namespace memagent {

struct NiahConfig {
  enum class Hay { kNoise, kProse, kNeedles };
  enum class Key { kName, kUuid };
  enum class Value { kNumber, kUuid };

  std::string name;
  std::string description;
  Hay hay = Hay::kNoise;
  Key key = Key::kName;
  Value value = Value::kNumber;
  int keys = 1;     // needles' keys in all, the asked ones among them
  int values = 1;   // of each key
  int queries = 1;  // keys asked for
};

// `prose` makes the haystack of Hay::kProse.
std::shared_ptr<const Task> niah_task(NiahConfig config, MakeProse prose);

}  // namespace memagent
