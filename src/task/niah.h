// RULER's needle-in-a-haystack family (arXiv 2404.06654, section 3.1): sentences that tie a value
// to a key, hidden in text that does not matter. One generator, eight settings, and further ones of
// our own.
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
  // Keys share words or digits (alike_keys.h): of a haystack of needles every other one's, as long
  // as there are any.
  bool alike = false;
  bool absent = false;    // the asked keys do not stand in the text: nothing is to be noted
  bool reworded = false;  // one key is asked for, and all is said in words drawn for it
};

// `prose` makes the haystack of Hay::kProse.
std::shared_ptr<const Task> niah_task(NiahConfig config, MakeProse prose);

}  // namespace memagent
