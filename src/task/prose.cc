// Sentences are filled-in forms: "@S @v @o @w" with every @ a list of words. Forms and lists are
// below; a subject (a town, a craft, ...) has a name that its paragraph keeps to. All of it is
// looked up by hashes of (key, paragraph, sentence), so that a sentence needs nothing before it.
#include "task/prose.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "task/prose_forms.h"

namespace memagent {
namespace {

using Words = std::vector<std::string_view>;

Words split_list(std::string_view list) {
  Words words;
  while (!list.empty()) {
    const std::size_t end = list.find('|');
    words.push_back(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return words;
}

// A form cut into literal text and slots.
struct Piece {
  std::string_view literal;
  char slot = 0;  // after the literal; 0: none
};
using Form = std::vector<Piece>;

std::vector<Form> parse_forms(std::string_view list) {
  std::vector<Form> forms;
  for (std::string_view text : split_list(list)) {
    Form form;
    while (!text.empty()) {
      const std::size_t at = text.find('@');
      if (at == std::string_view::npos) {
        form.push_back({text, 0});
        break;
      }
      form.push_back({text.substr(0, at), text[at + 1]});
      text.remove_prefix(at + 2);
    }
    forms.push_back(std::move(form));
  }
  return forms;
}

struct Kind {
  Words nouns;
  std::vector<Form> first;  // sentences that begin a paragraph
  std::vector<Form> later;
};

struct Grammar {
  std::vector<Kind> kinds;
  std::vector<Form> openers;
  std::vector<Form> general;
  std::vector<Form> tails;
  std::array<Words, 128> slots;  // by letter
  Words name_starts;
  Words name_ends;

  Grammar()
      : openers(parse_forms(prose_forms::kOpeners)),
        general(parse_forms(prose_forms::kGeneral)),
        tails(parse_forms(prose_forms::kTails)),
        name_starts(split_list(prose_forms::kNameStarts)),
        name_ends(split_list(prose_forms::kNameEnds)) {
    for (const prose_forms::KindForms& kind : prose_forms::kKinds) {
      kinds.push_back({split_list(kind.nouns), parse_forms(kind.first), parse_forms(kind.later)});
    }
    for (const prose_forms::Slot& slot : prose_forms::kSlots) {
      slots[static_cast<unsigned char>(slot.letter)] = split_list(slot.words);
    }
  }
};

const Grammar& grammar() {
  static const Grammar grammar;
  return grammar;
}

template <typename T>
const T& pick(const std::vector<T>& from, RandomStream& draw) {
  return from[draw.below(from.size())];
}

struct Subject {
  const Kind* kind;
  std::string_view noun;
  std::array<std::string_view, 2> name;
};

class Prose final : public UnitText {
 public:
  explicit Prose(std::uint64_t key) : key_(key) {}

  void append(std::int64_t index, std::string& out) const override {
    const Place place = place_of(static_cast<std::uint64_t>(index));
    const Grammar& g = grammar_;
    RandomStream topic(derive(derive(key_, 1), place.paragraph));
    Subject subject;
    subject.kind = &pick(g.kinds, topic);
    subject.noun = pick(subject.kind->nouns, topic);
    subject.name = {pick(g.name_starts, topic), pick(g.name_ends, topic)};

    const std::uint64_t first_form = topic.below(1024);

    RandomStream draw(derive(derive(key_, 2), static_cast<std::uint64_t>(index)));
    const std::size_t begin = out.size();
    if (place.sentence == 0) {
      fill(pick(subject.kind->first, draw), subject, draw, out);
    } else {
      const std::uint64_t shape = draw.below(8);
      if (shape < 3) fill(pick(g.openers, draw), subject, draw, out);
      // In turn, from a drawn one on: a paragraph does not say the same thing twice.
      const std::vector<Form>& forms = shape % 2 == 0 ? g.general : subject.kind->later;
      fill(forms[(first_form + place.sentence) % forms.size()], subject, draw, out);
      if (shape == 1 || shape == 5 || shape == 6) fill(pick(g.tails, draw), subject, draw, out);
    }
    char& initial = out[begin];
    if (initial >= 'a' && initial <= 'z') initial = static_cast<char>(initial - 'a' + 'A');
    out += place.last ? ".\n\n" : ". ";
  }

 private:
  struct Place {
    std::uint64_t paragraph;
    std::uint64_t sentence;  // in the paragraph
    bool last;
  };

  // Every 32 sentences are cut into five paragraphs in one of several ways.
  Place place_of(std::uint64_t index) const {
    static constexpr std::uint8_t kWays[8][5] = {{5, 7, 6, 8, 6}, {8, 4, 7, 6, 7}, {6, 6, 5, 9, 6},
                                                 {4, 8, 8, 5, 7}, {7, 5, 9, 4, 7}, {6, 7, 6, 7, 6},
                                                 {9, 5, 6, 7, 5}, {5, 6, 8, 7, 6}};
    const std::uint64_t block = index / 32;
    std::uint64_t rest = index % 32;
    const auto& way = kWays[derive(derive(key_, 3), block) % 8];
    std::uint64_t paragraph = 0;
    while (rest >= way[paragraph]) rest -= way[paragraph++];
    return {block * 5 + paragraph, rest, rest + 1U == way[paragraph]};
  }

  void fill(const Form& form, const Subject& subject, RandomStream& draw, std::string& out) const {
    for (const Piece& piece : form) {
      out += piece.literal;
      switch (piece.slot) {
        case 0:
          break;
        case 'N':  // the subject's name
          out += subject.name[0];
          out += subject.name[1];
          break;
        case 't':  // what the subject is
          out += subject.noun;
          break;
        case 'P':  // another name
          out += pick(grammar_.name_starts, draw);
          out += pick(grammar_.name_ends, draw);
          break;
        case 'A': {  // an adjective with its article
          const std::string_view word = pick(grammar_.slots['a'], draw);
          const bool vowel = std::string_view("aeiou").find(word[0]) != std::string_view::npos;
          out += vowel ? "an " : "a ";
          out += word;
          break;
        }
        default:
          out += pick(grammar_.slots[static_cast<unsigned char>(piece.slot)], draw);
      }
    }
  }

  const Grammar& grammar_ = grammar();
  std::uint64_t key_;
};

}  // namespace

std::shared_ptr<const UnitText> generated_prose(std::uint64_t key) {
  return std::make_shared<Prose>(key);
}

}  // namespace memagent
