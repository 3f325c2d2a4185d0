// Fills sentence forms in: compiles the tables of forms.h once, and writes one sentence about an
// entity into a text. Knows how the subject is mentioned (name, surname, "the film", pronoun) and
// how values are written; which sentences follow one another is the paragraph's business.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "task/world/facts.h"
#include "task/world/forms.h"
#include "task/world/world.h"

namespace memagent::world {

// A compiled form: stretches of text with slots between them.
struct Form {
  enum class Slot : std::uint8_t {
    kEnd,
    kName,
    kSubject,
    kObject,
    kPossessive,
    kIs,
    kOther,
    kValue,
  };
  struct Piece {
    std::string_view text = {};  // before the slot
    Slot slot = Slot::kEnd;
    bool capital = false;  // of a mention, or of the article
    bool article = false;  // "a" or "an" before the value
    Fact fact = Fact::kBorn;
  };
  std::vector<Piece> pieces;
  FactSet facts;
  bool mentions_entity = false;  // besides the subject
};

// The compiled forms of one kind. Throws std::logic_error for a slot that is not known.
struct FormBook {
  std::vector<Form> openings;
  std::vector<Form> sentences;
  std::vector<Form> remarks;
  std::vector<Form> asides;
  std::array<std::vector<std::uint16_t>, kNumFacts> by_fact;  // places in `sentences`
  std::string_view short_mention;
};
const FormBook& form_book(Kind kind);

enum class DateStyle { kDayFirst, kMonthFirst };

// A value as sentences write it: "14 March 1957", "48,210", a name.
void append_value(const World& world, const Value& value, DateStyle style, std::string& out);
std::string value_text(const World& world, const Value& value, DateStyle style);
// "a" or "an" for the words that follow.
std::string_view article(std::string_view words);

enum class Mention { kName, kShort, kPronoun };

struct SentenceOptions {
  DateStyle dates = DateStyle::kDayFirst;
  Mention mention = Mention::kName;  // of the subject where it comes first; then a pronoun
  bool is_alive = true;              // of a person: "is" instead of "was"
  Entity other;                      // for Slot::kOther
};
// `name` is the subject's, so that it is made once a paragraph.
void append_sentence(const World& world, const Entity& subject, std::string_view name,
                     const Form& form, const SentenceOptions& options, std::string& out);

}  // namespace memagent::world
