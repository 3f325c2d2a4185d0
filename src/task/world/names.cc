#include "task/world/names.h"

#include "base/check.h"
#include "base/random.h"
#include "task/world/vocabulary.h"

namespace memagent::world {
namespace {

std::uint32_t size(Words words) { return static_cast<std::uint32_t>(words.size()); }

// Digits in the order in which they are drawn; the last is the one near-duplicates change first.
std::vector<std::uint32_t> radices(NameForm form) {
  const std::uint32_t onset = size(onsets());
  const std::uint32_t vowel = size(vowels());
  const std::uint32_t coda = size(codas());
  switch (form) {
    case NameForm::kWoman:
      return {onset, vowel, coda, size(surname_endings()), size(women())};
    case NameForm::kMan:
      return {onset, vowel, coda, size(surname_endings()), size(men())};
    case NameForm::kFilm:
      return {size(film_adjectives()), size(film_nouns()), size(film_tails())};
    case NameForm::kBook:
      return {size(book_patterns()), size(book_people()), size(book_nouns()),
              size(book_adjectives()) & ~1U};
    case NameForm::kCompany:
      return {onset, vowel, coda, size(company_endings()), size(company_types(0))};
    case NameForm::kUniversity:
      return {onset, vowel, coda, size(links()), size(university_types())};
    case NameForm::kRiver:
      return {onset, vowel, size(middles()), vowel, size(river_endings())};
    case NameForm::kTown:
      return {onset, vowel, coda, size(links()), size(town_endings())};
    case NameForm::kTeam:
      return {onset, vowel, coda, size(links()), size(team_types())};
    case NameForm::kCountry:
      return {onset, vowel, coda, size(country_endings())};
    case NameForm::kRange:
      return {onset, vowel, coda, size(links()), size(range_types())};
    case NameForm::kAward:
      return {onset, vowel, coda, size(surname_endings()), size(award_types())};
  }
  MEMAGENT_CHECK(false, "name form {}", static_cast<int>(form));
}

std::uint64_t names_of(const std::vector<std::uint32_t>& radix) {
  std::uint64_t names = 1;
  for (const std::uint32_t r : radix) names *= r;
  MEMAGENT_CHECK(radix.back() % 2 == 0, "{} values of the last digit", radix.back());
  return names;
}

// "The {a} {p}'s {n}" with its words.
void append_book(std::string_view pattern, std::span<const std::uint32_t> digits,
                 std::string& out) {
  const std::string_view noun = book_nouns()[digits[2]];
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) return;
    const std::size_t close = pattern.find('}', open);
    const std::string_view slot = pattern.substr(open + 1, close - open - 1);
    if (slot == "an") {
      out += std::string_view("AEIOU").find(noun[0]) == std::string_view::npos ? "A " : "An ";
      out += noun;
    } else {
      out += slot == "a"   ? book_adjectives()[digits[3]]
             : slot == "p" ? book_people()[digits[1]]
                           : noun;
    }
    pattern = pattern.substr(close + 1);
  }
}

}  // namespace

NameSpace::NameSpace(NameForm form, std::uint64_t seed, Split split)
    : form_(form),
      split_(split),
      radix_(radices(form)),
      places_(names_of(radix_) / 2, derive(derive(seed, 0x6E616D65), static_cast<int>(form))) {}

NameSpace::Digits NameSpace::digits(std::uint64_t place) const {
  Digits digits{};
  std::uint64_t code = places_.forward(place);
  const std::size_t last = radix_.size() - 1;
  std::uint32_t sum = split_ == Split::kTrain ? 0 : 1;
  const std::uint64_t half = radix_[last] / 2;
  const auto low = static_cast<std::uint32_t>(code % half);
  code /= half;
  for (std::size_t i = 0; i < last; ++i) {
    digits[i] = static_cast<std::uint32_t>(code % radix_[i]);
    code /= radix_[i];
    sum += digits[i];
  }
  digits[last] = 2 * low + (sum & 1);
  return digits;
}

std::optional<std::uint64_t> NameSpace::near(std::uint64_t place, std::uint64_t attempt) const {
  Digits changed = digits(place);
  const std::size_t last = radix_.size() - 1;
  // Mostly the last digit (the first name, the kind of college), sometimes the one before it; any
  // other once those have been tried. A step by an even number keeps the parity that tells the
  // splits apart.
  constexpr std::uint64_t kClose = 80;
  const std::uint64_t draw = derive(derive(0x6E656172, place), attempt);
  std::size_t which = draw % 4 == 0 ? last - 1 : last;
  if (attempt % kNearAttempts >= kClose) which = draw % last;
  const std::uint32_t radix = radix_[which];
  if (radix < 3) return std::nullopt;
  const auto value = static_cast<std::uint32_t>((draw >> 8) % radix);
  if (value == changed[which] || (value & 1) != (changed[which] & 1)) return std::nullopt;
  changed[which] = value;
  std::uint64_t code = 0;
  for (std::size_t i = last; i-- > 0;) code = code * radix_[i] + changed[i];
  return places_.backward(code * (radix_[last] / 2) + changed[last] / 2);
}

void NameSpace::append(std::uint64_t place, int industry, std::string& out) const {
  const Digits d = digits(place);
  const auto syllable = [&] {
    out += onsets()[d[0]];
    out += vowels()[d[1]];
    out += codas()[d[2]];
  };
  const auto stem = [&] {
    syllable();
    out += links()[d[3]];
  };
  switch (form_) {
    case NameForm::kWoman:
    case NameForm::kMan:
      out += (form_ == NameForm::kWoman ? women() : men())[d[4]];
      out += ' ';
      syllable();
      out += surname_endings()[d[3]];
      return;
    case NameForm::kFilm:
      out += film_adjectives()[d[0]];
      out += ' ';
      out += film_nouns()[d[1]];
      if (!film_tails()[d[2]].empty()) {
        out += ' ';
        out += film_tails()[d[2]];
      }
      return;
    case NameForm::kBook:
      append_book(book_patterns()[d[0]], d, out);
      return;
    case NameForm::kCompany:
      syllable();
      out += company_endings()[d[3]];
      out += ' ';
      out += company_types(industry)[d[4]];
      return;
    case NameForm::kUniversity:
      stem();
      out += ' ';
      out += university_types()[d[4]];
      return;
    case NameForm::kRiver:
      out += onsets()[d[0]];
      out += vowels()[d[1]];
      out += middles()[d[2]];
      out += vowels()[d[3]];
      out += river_endings()[d[4]];
      return;
    case NameForm::kTown:
      stem();
      out += town_endings()[d[4]];
      return;
    case NameForm::kTeam:
      stem();
      out += ' ';
      out += team_types()[d[4]];
      return;
    case NameForm::kCountry:
      syllable();
      out += country_endings()[d[3]];
      return;
    case NameForm::kRange:
      stem();
      out += ' ';
      out += range_types()[d[4]];
      return;
    case NameForm::kAward:
      syllable();
      out += surname_endings()[d[3]];
      out += ' ';
      out += award_types()[d[4]];
      return;
  }
}

std::string_view surname(std::string_view name) { return name.substr(name.rfind(' ') + 1); }

}  // namespace memagent::world
