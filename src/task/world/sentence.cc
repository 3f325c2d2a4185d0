#include "task/world/sentence.h"

#include "base/check.h"

namespace memagent::world {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

Fact fact_by_key(Kind kind, std::string_view key) {
  for (const FactInfo& fact : facts_of(kind)) {
    if (fact.key == key) return fact.fact;
  }
  MEMAGENT_CHECK(false, "a form about a {} has a slot '{}'", to_string(kind), key);
}

// What stands between braces.
Form::Piece parse_slot(Kind kind, std::string_view slot) {
  using enum Form::Slot;
  if (slot == "N") return {.slot = kName};
  if (slot == "S" || slot == "s") return {.slot = kSubject, .capital = slot == "S"};
  if (slot == "P" || slot == "p") return {.slot = kPossessive, .capital = slot == "P"};
  if (slot == "o") return {.slot = kObject};
  if (slot == "is") return {.slot = kIs};
  if (slot == "other") return {.slot = kOther};
  const bool article = slot.starts_with("a:") || slot.starts_with("A:");
  const bool capital = slot.starts_with("A:");
  return {.slot = kValue,
          .capital = capital,
          .article = article,
          .fact = fact_by_key(kind, article ? slot.substr(2) : slot)};
}

Form compile(Kind kind, std::string_view text) {
  Form form;
  while (true) {
    const std::size_t open = text.find('{');
    if (open == std::string_view::npos) {
      form.pieces.push_back({.text = text});
      return form;
    }
    const std::size_t close = text.find('}', open);
    MEMAGENT_CHECK(close != std::string_view::npos, "a brace stays open in '{}'", text);
    Form::Piece piece = parse_slot(kind, text.substr(open + 1, close - open - 1));
    piece.text = text.substr(0, open);
    if (piece.slot == Form::Slot::kValue) {
      form.facts.add(piece.fact);
      if (info(piece.fact).type == ValueType::kEntity) form.mentions_entity = true;
    }
    if (piece.slot == Form::Slot::kOther) form.mentions_entity = true;
    form.pieces.push_back(piece);
    text = text.substr(close + 1);
  }
}

std::vector<Form> compile_all(Kind kind, Texts texts) {
  std::vector<Form> forms;
  for (const std::string_view text : texts) forms.push_back(compile(kind, text));
  return forms;
}

FormBook make_book(Kind kind) {
  const KindForms forms = forms_of(kind);
  FormBook book{.openings = compile_all(kind, forms.openings),
                .sentences = compile_all(kind, forms.sentences),
                .remarks = compile_all(kind, forms.remarks),
                .asides = compile_all(kind, forms.asides),
                .by_fact = {},
                .short_mention = forms.short_mention};
  for (std::size_t i = 0; i < book.sentences.size(); ++i) {
    for (const FactInfo& fact : facts_of(kind)) {
      if (!book.sentences[i].facts.has(fact.fact)) continue;
      book.by_fact[static_cast<std::size_t>(fact.fact)].push_back(static_cast<std::uint16_t>(i));
    }
  }
  return book;
}

void append_digits(std::int64_t number, std::string& out) {
  char digits[20];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  while (n > 0) out += digits[--n];
}

// With a comma between thousands.
void append_number(std::int64_t number, std::string& out) {
  if (number < 1000) return append_digits(number, out);
  append_number(number / 1000, out);
  const auto rest = static_cast<int>(number % 1000);
  out += ',';
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

void append_date(std::int64_t date, DateStyle style, std::string& out) {
  const std::string_view month = kMonths[static_cast<std::size_t>(date / 100 % 100 - 1)];
  if (style == DateStyle::kDayFirst) {
    append_digits(date % 100, out);
    out += ' ';
    out += month;
    out += ' ';
  } else {
    out += month;
    out += ' ';
    append_digits(date % 100, out);
    out += ", ";
  }
  append_digits(date / 10000, out);
}

void append_capital(std::string_view word, bool capital, std::string& out) {
  const std::size_t begin = out.size();
  out += word;
  if (capital && out[begin] >= 'a' && out[begin] <= 'z') out[begin] -= 'a' - 'A';
}

// Writes mentions of one subject.
struct Subject {
  std::string_view name;
  std::string_view short_mention;
  bool is_person;
  bool is_woman;
  bool takes_article;  // "the Talmera"

  void append(Form::Slot slot, Mention mention, bool capital, std::string& out) const {
    const bool possessive = slot == Form::Slot::kPossessive;
    if (mention == Mention::kPronoun) {
      append_capital(pronoun(slot), capital, out);
      return;
    }
    if (mention == Mention::kShort) {
      append_capital(is_person ? surname(name) : short_mention, capital, out);
    } else {
      if (takes_article) out += capital ? "The " : "the ";
      out += name;
    }
    if (possessive) out += out.back() == 's' ? "'" : "'s";
  }

 private:
  std::string_view pronoun(Form::Slot slot) const {
    switch (slot) {
      case Form::Slot::kPossessive:
        return !is_person ? "its" : is_woman ? "her" : "his";
      case Form::Slot::kObject:
        return !is_person ? "it" : is_woman ? "her" : "him";
      default:
        return !is_person ? "it" : is_woman ? "she" : "he";
    }
  }
};

}  // namespace

const FormBook& form_book(Kind kind) {
  static const std::vector<FormBook> books = [] {
    std::vector<FormBook> all;
    all.reserve(kNumSubjectKinds);
    for (int i = 0; i < kNumSubjectKinds; ++i) {
      all.push_back(make_book(static_cast<Kind>(i)));
    }
    return all;
  }();
  return books[static_cast<std::size_t>(kind)];
}

KindForms forms_of(Kind kind) {
  switch (kind) {
    case Kind::kPerson:
      return person_forms();
    case Kind::kFilm:
      return film_forms();
    case Kind::kBook:
      return book_forms();
    case Kind::kCompany:
      return company_forms();
    case Kind::kUniversity:
      return university_forms();
    case Kind::kRiver:
      return river_forms();
    case Kind::kTown:
      return town_forms();
    case Kind::kTeam:
      return team_forms();
    default:
      MEMAGENT_CHECK(false, "no forms for a {}", to_string(kind));
  }
}

void append_value(const World& world, const Value& value, DateStyle style, std::string& out) {
  switch (value.type) {
    case ValueType::kEntity:
      return world.append_name(value.entity, out);
    case ValueType::kYear:
      return append_digits(value.number, out);
    case ValueType::kDate:
      return append_date(value.number, style, out);
    case ValueType::kNumber:
      return append_number(value.number, out);
    case ValueType::kWord:
      out += value.word;
  }
}

std::string value_text(const World& world, const Value& value, DateStyle style) {
  std::string text;
  append_value(world, value, style, text);
  return text;
}

std::string_view article(std::string_view words) {
  if (words.empty()) return "a";
  // Eight, eighty, eleven, eighteen; a number that goes on behind them ("1,100") is read otherwise.
  if (words[0] == '8') return "an";
  if (words == "11" || words == "18") return "an";
  return std::string_view("aeiouAEIOU").find(words[0]) == std::string_view::npos ? "a" : "an";
}

void append_sentence(const World& world, const Entity& subject, std::string_view name,
                     const Form& form, const SentenceOptions& options, std::string& out) {
  const bool person = subject.kind == Kind::kPerson;
  const Subject mentioned = {name, form_book(subject.kind).short_mention, person,
                             person && world.is_woman(subject), subject.kind == Kind::kRiver};
  Mention mention = options.mention;
  std::string value;
  for (const Form::Piece& piece : form.pieces) {
    out += piece.text;
    switch (piece.slot) {
      case Form::Slot::kEnd:
        return;
      case Form::Slot::kName:
        out += name;
        mention = Mention::kPronoun;
        break;
      case Form::Slot::kIs:
        out += options.is_alive ? "is" : "was";
        break;
      case Form::Slot::kOther:
        world.append_name(options.other, out);
        break;
      case Form::Slot::kValue:
        if (piece.article) {
          value.clear();
          append_value(world, world.value(subject, piece.fact), options.dates, value);
          append_capital(article(value), piece.capital, out);
          out += ' ';
          out += value;
        } else {
          append_value(world, world.value(subject, piece.fact), options.dates, out);
        }
        break;
      default:
        mentioned.append(piece.slot, mention, piece.capital, out);
        mention = Mention::kPronoun;
    }
  }
}

}  // namespace memagent::world
