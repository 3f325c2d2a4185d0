#include "task/clutter.h"

#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "task/made_words.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::array<std::string_view, 40> kCommonWords = {
    "the", "of",   "and", "to",   "in",   "a",    "is",   "that", "for",   "it",
    "as",  "was",  "on",  "with", "be",   "by",   "are",  "not",  "or",    "from",
    "an",  "this", "at",  "if",   "all",  "one",  "each", "than", "no",    "so",
    "its", "has",  "but", "may",  "when", "what", "who",  "only", "where", "which"};

template <typename T, std::size_t N>
const T& pick(const std::array<T, N>& from, RandomStream& draw) {
  return from[draw.below(N)];
}

// What stands between braces is drawn in that order.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

// From this code point on, so many.
struct Script {
  char32_t first;
  std::uint32_t size;
};
constexpr std::array<Script, 20> kScripts = {{{0xE0, 31},       // Latin letters with accents
                                              {0x100, 128},     // more of them
                                              {0xA1, 31},       // signs of Latin texts
                                              {0x3B1, 25},      // Greek
                                              {0x430, 32},      // Cyrillic
                                              {0x5D0, 27},      // Hebrew
                                              {0x627, 36},      // Arabic
                                              {0x905, 53},      // Devanagari
                                              {0xE01, 46},      // Thai
                                              {0x10D0, 33},     // Georgian
                                              {0x1E00, 256},    // Vietnamese and others
                                              {0x3041, 86},     // Hiragana
                                              {0x30A1, 90},     // Katakana
                                              {0x4E00, 20000},  // Chinese
                                              {0xAC00, 11172},  // Hangul
                                              {0x2010, 24},     // dashes and quotation marks
                                              {0x20A0, 32},     // currencies
                                              {0x2190, 112},    // arrows
                                              {0x2500, 128},    // box drawing
                                              {0x1F600, 60}}};  // emoji

class Clutter final : public UnitText {
 public:
  explicit Clutter(std::uint64_t key) : key_(key) {
    RandomStream draw(derive(key, 0));
    for (std::uint64_t i = 1 + draw.below(5); i > 0; --i) {
      kinds_.push_back(kKinds[draw.below(std::size(kKinds))]);
    }
    lines_ = 1 + draw.below(12);
    for (std::uint64_t i = std::uint64_t{8} << draw.below(6); i > 0; --i) {
      words_.push_back(new_word(draw));
    }
  }

  void append(std::int64_t index, std::string& out) const override {
    const std::uint64_t line = static_cast<std::uint64_t>(index);
    RandomStream block(derive(derive(key_, 1), line / lines_));
    RandomStream draw(derive(derive(key_, 2), line));
    const Kind kind = kinds_[block.below(kinds_.size())];
    (this->*kind)(block, draw, out);
  }

 private:
  // Appends a line; what its neighbours have in common is drawn from `block`.
  using Kind = void (Clutter::*)(RandomStream& block, RandomStream& draw, std::string& out) const;

  static std::string new_word(RandomStream& draw) {
    if (draw.below(4) == 0) {
      return made_code(draw, Split::kTrain, static_cast<int>(1 + draw.below(9)), 'a');
    }
    return drawn_words(draw, Split::kTrain)[draw.below(2)];
  }

  std::string plain_word(RandomStream& draw) const {
    if (draw.below(8) == 0) return new_word(draw);
    return words_[draw.below(words_.size())];
  }

  static std::string capital(std::string word) {
    if (!word.empty() && word[0] >= 'a' && word[0] <= 'z') word[0] += 'A' - 'a';
    return word;
  }

  // As programs name things.
  std::string identifier(RandomStream& draw) const {
    std::string name = plain_word(draw);
    const std::uint64_t style = draw.below(4);
    for (std::uint64_t i = draw.below(3); i > 0; --i) {
      const std::string next = plain_word(draw);
      name += style == 0 ? capital(next) : (style == 1 ? "-" : "_") + next;
    }
    return style == 3 ? capital(name) : name;
  }

  static std::string date(RandomStream& draw) {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::uint64_t days = draw.below(std::uint64_t{600} * 12 * 28);
    const std::uint64_t year = 1500 + days / 336;
    const std::uint64_t month = days / 28 % 12;
    const std::uint64_t day = 1 + days % 28;
    switch (draw.below(3)) {
      case 0:
        return fmt::format("{} {} {}", day, kMonths[month], year);
      case 1:
        return fmt::format("{}/{}/{}", day, 1 + month, year);
      default:
        return fmt::format("{:04}-{:02}-{:02}", year, 1 + month, day);
    }
  }

  static std::string time(RandomStream& draw) {
    const std::uint64_t second = draw.below(std::uint64_t{24} * 3600);
    return fmt::format("{:02}:{:02}:{:02}{}", second / 3600, second / 60 % 60, second % 60,
                       draw.below(4) == 0 ? " +0200" : "");
  }

  static std::string number(RandomStream& draw) {
    const auto digits = [&draw](std::uint64_t most) {
      std::uint64_t limit = 10;
      for (std::uint64_t i = draw.below(most); i > 0; --i) limit *= 10;
      return std::to_string(draw.below(limit));
    };
    switch (draw.below(12)) {
      case 0:
        return joined({digits(4), ".", digits(3)});
      case 1:
        return fmt::format("{:.1f}%", 100 * draw.uniform());
      case 2:
        return date(draw);
      case 3:
        return time(draw);
      case 4:
        return fmt::format("{:#x}", draw.next() >> 1);
      case 5:
        return joined({digits(3), ",000"});
      case 6:
        return joined({"[", digits(2), "-", digits(3), "]"});
      case 7:
        return joined({"-", digits(5)});
      case 8:
        return joined({digits(1), ".", digits(2), ".", digits(2)});
      default:
        return digits(9);
    }
  }

  std::string word(RandomStream& draw) const {
    if (draw.below(3) == 0) return std::string(pick(kCommonWords, draw));
    switch (draw.below(32)) {
      case 0:
        return number(draw);
      case 1:
        return joined({"`", identifier(draw), "`"});
      case 2:
        return joined({"\"", plain_word(draw), "\""});
      case 3:
        return joined({"(", plain_word(draw), ")"});
      case 4:
        return joined({"**", plain_word(draw), "**"});
      case 5:
        return joined({plain_word(draw), "/", plain_word(draw), ".md"});
      case 6:
        return joined({"--", plain_word(draw)});
      case 7:
        return joined({"[", plain_word(draw), "](", plain_word(draw), ")"});
      case 8:
      case 9:
        return capital(plain_word(draw));
      case 10:
        return joined({plain_word(draw), "-", plain_word(draw)});
      case 11:
        return joined({plain_word(draw), "'s"});
      case 12:
        return std::string(1, pick(kSigns, draw));
      default:
        return plain_word(draw);
    }
  }

  std::string words(std::uint64_t count, RandomStream& draw) const {
    std::string text;
    for (; count > 0; --count) {
      if (!text.empty()) text += draw.below(12) == 0 ? ", " : " ";
      text += word(draw);
    }
    return text;
  }

  static std::string indent(std::uint64_t depth) { return std::string(2 * depth, ' '); }

  void sentence(RandomStream&, RandomStream& draw, std::string& out) const {
    constexpr std::string_view kEnds = "......?!:;";
    out += capital(words(3 + draw.below(16), draw));
    out += kEnds[draw.below(kEnds.size())];
    constexpr std::array<std::string_view, 6> kSpaces = {" ", " ", " ", "\n", "\n", "\n\n"};
    out += pick(kSpaces, draw);
  }

  // Lines of one width, some way from the margin.
  void wrapped(RandomStream& block, RandomStream& draw, std::string& out) const {
    out.append(block.below(24), ' ');
    out += words(4 + block.below(12), draw);
    out += draw.below(6) == 0 ? ".\n\n" : "\n";
  }

  // Nothing, and much of it: runs of blanks are text, too.
  void blanks(RandomStream& block, RandomStream& draw, std::string& out) const {
    const char blank = block.below(3) == 0 ? '\t' : ' ';
    if (block.below(2) == 0) {
      out.append(1 + draw.below(6), '\n');
    } else {
      out += plain_word(draw);
      out.append(1 + draw.below(70), blank);
      out += number(draw);
      out += '\n';
    }
  }

  void table_row(RandomStream& block, RandomStream& draw, std::string& out) const {
    const std::uint64_t columns = 1 + block.below(7);
    const std::uint64_t numeric = block.next();  // a bit a column
    constexpr std::array<std::string_view, 4> kSeparators = {" | ", " | ", ", ", "\t"};
    const std::string_view separator = pick(kSeparators, block);
    const bool rule = draw.below(8) == 0;
    if (separator == " | ") out += "| ";
    for (std::uint64_t i = 0; i < columns; ++i) {
      if (i > 0) out += separator;
      const bool numbers = i > 0 && (numeric >> i & 1) == 1;
      out += rule ? "---" : numbers ? number(draw) : words(1 + draw.below(3), draw);
    }
    out += separator == " | " ? " |\n" : "\n";
  }

  void list_item(RandomStream& block, RandomStream& draw, std::string& out) const {
    constexpr std::array<std::string_view, 5> kBullets = {"- ", "* ", "+ ", "- [ ] ", "> "};
    out += indent(draw.below(3));
    out += block.below(4) == 0 ? fmt::format("{}. ", 1 + draw.below(20))
                               : std::string(pick(kBullets, block));
    out += words(1 + draw.below(10), draw);
    if (draw.below(4) == 0) out += joined({": ", words(1 + draw.below(6), draw)});
    out += draw.below(3) == 0 ? ".\n" : "\n";
  }

  void program_line(RandomStream& block, RandomStream& draw, std::string& out) const {
    constexpr std::array<std::string_view, 4> kComments = {"// ", "# ", "-- ", "; "};
    out += block.below(5) == 0 ? std::string(1 + draw.below(3), '\t')
                               : indent(block.below(10) + draw.below(3));
    const std::string name = identifier(draw);
    switch (draw.below(8)) {
      case 0:
        out += joined({"if (", name, draw.below(2) == 0 ? " < " : " == ", number(draw), ") {"});
        break;
      case 1:
        out += joined({"return ", name, "(", identifier(draw), ", ", number(draw), ");"});
        break;
      case 2:
        out += "}";
        break;
      case 3:
        out += joined({pick(kComments, block), words(2 + draw.below(8), draw)});
        break;
      case 4:
        out +=
            joined({name, "[", number(draw), "] += ", identifier(draw), " * ", number(draw), ";"});
        break;
      case 5:
        out += joined({"def ", name, "(", plain_word(draw), ", ", plain_word(draw), "=None):"});
        break;
      case 6:
        out += joined({"#include <", plain_word(draw), "/", plain_word(draw), ".h>"});
        break;
      default:
        out += joined({name, " = ", number(draw), ";"});
    }
    out += '\n';
  }

  void log_line(RandomStream& block, RandomStream& draw, std::string& out) const {
    constexpr std::array<std::string_view, 5> kLevels = {"INFO", "WARN", "ERROR", "debug", "note"};
    out += joined({date(block), " ", time(draw), " ", pick(kLevels, draw), " ", identifier(block),
                   ": ", words(1 + draw.below(7), draw), " ", number(draw), "\n"});
  }

  void record(RandomStream& block, RandomStream& draw, std::string& out) const {
    const bool json = block.below(2) == 0;
    const std::uint64_t fields = 1 + block.below(4);
    if (json) out += '{';
    for (std::uint64_t i = 0; i < fields; ++i) {
      if (i > 0) out += json ? ", " : " ";
      const std::string field = identifier(block);
      const bool text = block.below(2) == 0;
      const std::string quote = json && text ? "\"" : "";
      const std::string value = text ? words(1 + draw.below(3), draw) : number(draw);
      out += joined({json ? "\"" : "", field, json ? "\": " : "=", quote, value, quote});
    }
    out += json ? "}\n" : "\n";
  }

  void heading(RandomStream&, RandomStream& draw, std::string& out) const {
    out.append(1 + draw.below(4), '#');
    out += joined({" ", capital(words(1 + draw.below(6), draw)), "\n\n"});
  }

  // Any signs and letters, of few or many kinds.
  void signs(RandomStream& block, RandomStream& draw, std::string& out) const {
    const bool rule = draw.below(3) == 0;
    const char32_t one = static_cast<char32_t>('!' + draw.below('~' - '!' + 1));
    const bool ascii = block.below(2) == 0;
    const Script& script = pick(kScripts, block);
    for (std::uint64_t i = 3 + draw.below(40); i > 0; --i) {
      if (!rule && draw.below(7) == 0) {
        out += ' ';
      } else if (rule) {
        append_utf8(one, out);
      } else if (ascii) {
        out += static_cast<char>('!' + draw.below('~' - '!' + 1));
      } else {
        append_utf8(script.first + static_cast<char32_t>(draw.below(script.size)), out);
      }
    }
    out += '\n';
  }

  static constexpr std::array<char, 20> kSigns = {'+', '=', '<', '>', '&', '|', '*', '/', '%', '$',
                                                  '#', '@', '^', '~', '-', '_', ':', ';', '?', '!'};
  // Sentences and lists are what most texts have most of.
  static constexpr Kind kKinds[] = {
      &Clutter::sentence,  &Clutter::sentence,  &Clutter::sentence,     &Clutter::sentence,
      &Clutter::table_row, &Clutter::table_row, &Clutter::list_item,    &Clutter::list_item,
      &Clutter::wrapped,   &Clutter::blanks,    &Clutter::program_line, &Clutter::log_line,
      &Clutter::record,    &Clutter::heading,   &Clutter::signs};

  std::uint64_t key_;
  std::vector<Kind> kinds_;
  std::uint64_t lines_;  // of a kind in turn
  std::vector<std::string> words_;
};

}  // namespace

std::shared_ptr<const UnitText> clutter(std::uint64_t key) {
  return std::make_shared<Clutter>(key);
}

}  // namespace memagent
