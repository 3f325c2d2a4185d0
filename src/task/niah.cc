#include "task/niah.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "task/alike_keys.h"
#include "task/depths.h"
#include "task/evidence_oracle.h"
#include "task/made_words.h"
#include "task/needle_wording.h"
#include "task/permutation.h"
#include "task/unit_sample.h"
#include "task/world/questions.h"

namespace memagent {
namespace {

using Key = NiahConfig::Key;
using Value = NiahConfig::Value;
using Hay = NiahConfig::Hay;

enum Purpose : std::uint64_t { kNeedles = 1, kHaystack = 2, kAlike = 3, kWording = 4 };

const char* value_word(Value value) { return value == Value::kNumber ? "number" : "code"; }

void append_value(Value kind, RandomStream& draw, Split split, std::string& out) {
  if (kind == Value::kNumber) {
    out += fmt::format_int(made_number(draw, split)).c_str();
  } else {
    append_uuid(made_uuid(draw, split), out);
  }
}

// The needle is the sentence between: "The number entered for amber-lantern is 1234567."
void append_opening(Value kind, std::string& out) {
  out += "The ";
  out += value_word(kind);
  out += " entered for ";
}
constexpr std::string_view kMiddle = " is ";
constexpr char kClosing = '.';

std::string in_words(int count) {
  constexpr const char* kWords[] = {"no", "one", "two", "three", "four", "five", "six"};
  return count < 7 ? kWords[count] : fmt::format("{}", count);
}

// "a, b, c and d".
std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string make_question(const NiahConfig& config, const std::vector<std::string>& keys) {
  const char* word = value_word(config.value);
  if (keys.size() > 1) {
    return fmt::format("Which {}s are entered for {}? Give all {}.", word, listed(keys),
                       in_words(static_cast<int>(keys.size())));
  }
  if (config.values > 1) {
    return fmt::format("Which {0} {1}s are entered for {2}? Give all {0}.", in_words(config.values),
                       word, keys[0]);
  }
  return fmt::format("Which {} is entered for {}?", word, keys[0]);
}

struct Needle {
  std::string key;
  std::string value;
  std::string sentence;
  std::string question;  // that asks for its key alone
};

// The row's keys that are alike: the first are those of its needles, then come the haystack's.
struct AlikeKeys {
  AlikeKeys(Split split, std::uint64_t key) : names(split, key), uuids(split, key) {}
  AlikeNames names;
  AlikeUuids uuids;
};

// A haystack of needles with other keys.
class NeedleUnits final : public UnitText {
 public:
  // `asked`: indices of names that no unit may have. `alike` is null but where keys are.
  NeedleUnits(const NiahConfig& config, Split split, std::uint64_t key,
              std::vector<std::uint64_t> asked, std::shared_ptr<const AlikeKeys> alike)
      : config_(config),
        split_(split),
        key_(key),
        asked_(std::move(asked)),
        alike_(std::move(alike)) {}

  void append(std::int64_t index, std::string& out) const override {
    RandomStream draw = stream(index);
    append_opening(config_.value, out);
    append_key(index, draw, out);
    out += kMiddle;
    append_value(config_.value, draw, split_, out);
    out += kClosing;
    out += '\n';
  }

  // Unit `index` in its parts.
  Needle needle(std::int64_t index) const {
    RandomStream draw = stream(index);
    Needle needle;
    append_key(index, draw, needle.key);
    append_value(config_.value, draw, split_, needle.value);
    append(index, needle.sentence);
    needle.sentence.pop_back();  // the line's end
    needle.question = make_question(config_, {needle.key});
    return needle;
  }

 private:
  RandomStream stream(std::int64_t index) const {
    return RandomStream(derive(key_, static_cast<std::uint64_t>(index)));
  }
  void append_key(std::int64_t index, RandomStream& draw, std::string& out) const {
    const std::uint64_t number = static_cast<std::uint64_t>(index / 2 + config_.keys);
    const bool alike = alike_ != nullptr && index % 2 == 0;
    if (alike && config_.key == Key::kUuid) {
      append_uuid(alike_->uuids.uuid(number), out);
    } else if (alike && number < AlikeNames::kNumNames) {
      append_short_name(alike_->names.name(number), split_, out);
    } else if (config_.key == Key::kName) {
      std::uint64_t name = 0;
      do {
        name = drawn_short_name(draw, split_);
      } while (std::find(asked_.begin(), asked_.end(), name) != asked_.end());
      append_short_name(name, split_, out);
    } else {
      append_uuid(made_uuid(draw, split_), out);
    }
  }

  const NiahConfig config_;
  Split split_;
  std::uint64_t key_;
  std::vector<std::uint64_t> asked_;
  std::shared_ptr<const AlikeKeys> alike_;
};

struct Needles {
  std::vector<Needle> needles;  // those of asked keys first, a key's together
  std::vector<std::uint64_t> names;
};

Needles make_needles(const NiahConfig& config, Split split, std::uint64_t key,
                     const AlikeKeys* alike) {
  Needles result;
  RandomStream draw(derive(key, kNeedles));
  RandomStream wording(derive(key, kWording));
  std::vector<std::string> values;
  for (int i = 0; i < config.keys; ++i) {
    std::string key_text;
    if (config.key == Key::kName) {
      std::uint64_t name = 0;
      do {
        name = alike != nullptr ? alike->names.name(static_cast<std::uint64_t>(i))
                                : drawn_short_name(draw, split);
      } while (std::find(result.names.begin(), result.names.end(), name) != result.names.end());
      result.names.push_back(name);
      append_short_name(name, split, key_text);
    } else {
      append_uuid(alike != nullptr ? alike->uuids.uuid(static_cast<std::uint64_t>(i))
                                   : made_uuid(draw, split),
                  key_text);
    }
    for (int j = 0; j < config.values; ++j) {
      std::string value;
      do {
        value.clear();
        append_value(config.value, draw, split, value);
      } while (std::find(values.begin(), values.end(), value) != values.end());
      values.push_back(value);
      std::string sentence;
      std::string question;
      if (config.reworded) {
        sentence = worded_needle(wording, split, value_word(config.value), key_text, value);
        question = worded_question(wording, split, value_word(config.value), key_text);
      } else {
        append_opening(config.value, sentence);
        sentence += key_text;
        sentence += kMiddle;
        sentence += value;
        sentence += kClosing;
        question = make_question(config, {key_text});
      }
      result.needles.push_back({key_text, value, std::move(sentence), std::move(question)});
    }
  }
  return result;
}

Evidence needle_fact(const Needle& needle) {
  Evidence fact;
  fact.text = needle.sentence;
  fact.values = {needle.value};
  fact.note = needle.key + ": " + needle.value;
  return fact;
}

// The key of one needle that the row does not ask for, asked for.
Row sibling_row(const Row& row, const Needle& needle) {
  Row sibling;
  sibling.id = row.id + "-" + needle.key;
  sibling.task = row.task;
  sibling.question = needle.question;
  sibling.answers = {needle.value};
  sibling.match = Match::kAll;
  sibling.evidence = {needle_fact(needle)};
  return sibling;
}

class NiahTask final : public Task {
 public:
  NiahTask(NiahConfig config, MakeProse prose)
      : config_(std::move(config)), prose_(std::move(prose)) {}

  const std::string& name() const override { return config_.name; }
  const std::string& description() const override { return config_.description; }
  std::int64_t size() const override { return -1; }

  // Twice what the first row's needles take, because other rows' may take more.
  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    std::string text;
    for (const Needle& needle : make_needles(config_, Split::kTest, 0, nullptr).needles) {
      text += needle.sentence + "\n";
    }
    return 2 * static_cast<std::int64_t>(tokenizer.encode(text).size()) + 64;
  }
  std::int64_t answer_tokens() const override {
    const int each = config_.value == Value::kNumber ? 12 : 40;
    return std::int64_t{each} * config_.values * config_.queries;
  }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check_spec(config_.name, spec, fewest_tokens(*tokenizer));
    const std::uint64_t key = row_key(config_.name, spec);
    const auto alike = config_.alike
                           ? std::make_shared<const AlikeKeys>(spec.split, derive(key, kAlike))
                           : nullptr;
    const Needles made = make_needles(config_, spec.split, key, alike.get());
    const auto num_needles = static_cast<int>(made.needles.size());
    const std::vector<double> depths = spread_depths(config_.name, spec, num_needles);
    const char separator = config_.hay == Hay::kNeedles ? '\n' : ' ';

    Row row;
    row.id = row_id(config_.name, spec);
    row.task = config_.name;
    row.match = Match::kAll;
    std::vector<Insert> inserts;
    std::vector<std::size_t> insert_of;
    std::vector<std::string> asked;
    for (std::size_t i = 0; i < made.needles.size(); ++i) {
      const Needle& needle = made.needles[i];
      const bool is_asked =
          i < static_cast<std::size_t>(config_.queries) * static_cast<std::size_t>(config_.values);
      if (is_asked && (asked.empty() || asked.back() != needle.key)) asked.push_back(needle.key);
      if (is_asked && config_.absent) continue;
      inserts.push_back({depths[i], needle.sentence + separator});
      if (!is_asked) continue;
      row.answers.push_back(needle.value);
      row.evidence.push_back(needle_fact(needle));
      insert_of.push_back(i);
    }
    row.question =
        asked.size() == 1 ? made.needles.front().question : make_question(config_, asked);
    if (config_.absent) {
      row.answers = world::no_answer_spellings();
      row.match = Match::kAny;
    }

    std::shared_ptr<const NeedleUnits> needle_units;
    if (config_.hay == Hay::kNeedles) {
      needle_units = std::make_shared<NeedleUnits>(config_, spec.split, derive(key, kHaystack),
                                                   made.names, alike);
    }
    auto document = plan_units(needle_units != nullptr ? needle_units : make_hay(key),
                               std::move(inserts), "", "", {.tokens = spec.tokens}, *tokenizer);
    // What else the document answers: needles of keys that have one value and are not asked for.
    const auto first =
        static_cast<std::size_t>(config_.queries) * static_cast<std::size_t>(config_.values);
    std::vector<Needle> unasked;
    if (config_.values == 1) {
      unasked.assign(made.needles.begin() + static_cast<std::ptrdiff_t>(first), made.needles.end());
    }
    const MakeRows others = [row, unasked = std::move(unasked), needle_units,
                             num_units = document->num_units](std::int64_t most,
                                                              std::uint64_t draw_key) {
      std::vector<Row> rows;
      for (const Needle& needle : unasked) {
        if (std::ssize(rows) < most) rows.push_back(sibling_row(row, needle));
      }
      const std::int64_t left =
          needle_units == nullptr ? 0 : std::min(most - std::ssize(rows), num_units);
      const Permutation order(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(num_units)),
                              draw_key);
      for (std::int64_t i = 0; i < left; ++i) {
        const auto unit = static_cast<std::int64_t>(order.forward(static_cast<std::uint64_t>(i)));
        rows.push_back(sibling_row(row, needle_units->needle(unit)));
      }
      return rows;
    };
    return unit_sample(std::move(row), insert_of, std::move(document), evidence_oracle, others);
  }

 private:
  std::shared_ptr<const UnitText> make_hay(std::uint64_t key) const {
    return config_.hay == Hay::kNoise ? noise_units() : prose_(derive(key, kHaystack));
  }

  const NiahConfig config_;
  const MakeProse prose_;
};

}  // namespace

std::shared_ptr<const Task> niah_task(NiahConfig config, MakeProse prose) {
  MEMAGENT_CHECK(config.queries >= 1 && config.keys >= config.queries && config.values >= 1,
                 "{} keys, {} values, {} queries", config.keys, config.values, config.queries);
  MEMAGENT_CHECK(!config.reworded ||
                     (config.hay != Hay::kNeedles && config.values == 1 && config.queries == 1),
                 "{}: only single needles in other text are reworded", config.name);
  return std::make_shared<NiahTask>(std::move(config), std::move(prose));
}

}  // namespace memagent
