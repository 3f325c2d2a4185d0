#include "text/sample_text.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string_view>

#include "base/random.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::string_view kWords[] = {"the",
                                       "of",
                                       "and",
                                       "to",
                                       "in",
                                       "a",
                                       "was",
                                       "is",
                                       "for",
                                       "on",
                                       "he",
                                       "with",
                                       "as",
                                       "by",
                                       "that",
                                       "at",
                                       "his",
                                       "from",
                                       "it",
                                       "an",
                                       "were",
                                       "which",
                                       "are",
                                       "this",
                                       "has",
                                       "be",
                                       "or",
                                       "had",
                                       "first",
                                       "their",
                                       "one",
                                       "not",
                                       "its",
                                       "new",
                                       "after",
                                       "but",
                                       "who",
                                       "they",
                                       "two",
                                       "her",
                                       "film",
                                       "city",
                                       "school",
                                       "born",
                                       "during",
                                       "university",
                                       "world",
                                       "year",
                                       "between",
                                       "other",
                                       "series",
                                       "war",
                                       "state",
                                       "national",
                                       "music",
                                       "known",
                                       "north",
                                       "album",
                                       "American",
                                       "against",
                                       "league",
                                       "season",
                                       "company",
                                       "government",
                                       "river",
                                       "played",
                                       "president",
                                       "station",
                                       "general",
                                       "century",
                                       "member",
                                       "population",
                                       "street",
                                       "written",
                                       "director",
                                       "released",
                                       "history",
                                       "church",
                                       "family",
                                       "several",
                                       "district",
                                       "science",
                                       "published",
                                       "football",
                                       "language",
                                       "character",
                                       "company's",
                                       "don't",
                                       "they've",
                                       "Constantinople",
                                       "heretofore",
                                       "microphotographs",
                                       "unquestionably"};

constexpr std::string_view kCode[] = {
    "for (int i = 0; i < count; ++i) {\n\t\tvalues[i] += 0x1F;\n\t}\n",
    "def merge(self, left: str, *args):\n        return {**self.table, 'k': [1, 2]}\n\n",
    "#include <vector>\r\n\r\nstd::vector<int> a{};\r\n",
    "SELECT * FROM t WHERE x>=10.5e-3;",
    "https://example.org/a/b?q=%20&x=1#top",
    "!!!???...---===~~~",
    "a_b__c camelCaseWord HTTPServer",
    "\\begin{equation} \\alpha^2 \\end{equation}",
    "'s 'S 'll'LL 're 'Ve 'd'm 't'x 'lx ''s"};

constexpr std::string_view kSpaces[] = {
    " ",    "  ",       "   ",    "\n",       "\n\n",         "\t",   " \n ",
    "\r\n", "      \n", "\n    ", "\xC2\xA0", "\xE3\x80\x80", " \t ", "\xE2\x80\x89 ",
    "\v\f"};

constexpr std::string_view kOdd[] = {"\xC5\xBF",      "'\xC5\xBF",
                                     "\xC2\xB2",      "\xD9\xA3\xD9\xA4",
                                     "\xE2\x85\xA7",  "e\xCC\x81",
                                     "\xE2\x80\x8D",  "\xEF\xB8\x8F",
                                     "\xC3\x9F",      "\xE0\xA4\xB9\xE0\xA4\xBF",
                                     "<|endoftext|>", "\xEF\xBF\xBD",
                                     "\xE2\x80\x99s", "\xC2\xA0x",
                                     "\x01\x7F"};

template <std::size_t count>
std::string_view pick(const std::string_view (&from)[count], RandomStream& random) {
  return from[random.below(count)];
}

std::uint32_t between(std::uint32_t first, std::uint32_t last, RandomStream& random) {
  return first + static_cast<std::uint32_t>(random.below(last - first + 1));
}

void append_run(std::uint32_t first, std::uint32_t last, std::uint64_t count, RandomStream& random,
                std::string& text) {
  for (; count > 0; --count) append_utf8(between(first, last, random), text);
}

// Zipf: the n-th word is drawn about 1/n of the time.
std::string_view word(RandomStream& random) {
  const double size = static_cast<double>(std::size(kWords));
  const auto rank = static_cast<std::size_t>(std::pow(size, random.uniform()));
  return kWords[std::min(rank - 1, std::size(kWords) - 1)];
}

}  // namespace

std::string english_sample(std::uint64_t seed, std::size_t bytes) {
  RandomStream random(seed);
  std::string text;
  while (text.size() < bytes) {
    text += word(random);
    const std::uint64_t turn = random.below(80);
    if (turn < 3) text += ",";
    if (turn == 3) text += ". The";
    if (turn == 4) text += ".\n";
    if (turn == 5) (text += " ") += std::to_string(random.below(2100));
    text += ' ';
  }
  return text;
}

std::string mixed_sample(std::uint64_t seed, std::size_t bytes) {
  RandomStream random(seed);
  std::string text;
  while (text.size() < bytes) {
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        text += english_sample(random.next(), random.below(200));
        break;
      case 3:
        text += pick(kCode, random);
        break;
      case 4:
        for (std::uint64_t digits = 1 + random.below(12); digits > 0; --digits) {
          text += static_cast<char>('0' + random.below(10));
        }
        break;
      case 5:
        for (std::uint64_t words = 1 + random.below(6); words > 0; --words) {
          append_run(0x430, 0x44F, 1 + random.below(9), random, text);
          text += ' ';
        }
        break;
      case 6:
        append_run(0x4E00, 0x62FF, 1 + random.below(24), random, text);
        text += "\xE3\x80\x82";
        break;
      case 7:
        append_run(0x1F600, 0x1F64F, 1 + random.below(4), random, text);
        break;
      case 8:
        for (std::uint64_t spaces = 1 + random.below(4); spaces > 0; --spaces) {
          text += pick(kSpaces, random);
        }
        break;
      case 9:
        text += pick(kOdd, random);
        break;
      case 10:  // letters at random, to get away from words the vocabulary knows
        append_run('a', 'z', 1 + random.below(20), random, text);
        break;
      default:
        append_run(0x20, 0x7E, 1 + random.below(20), random, text);
    }
  }
  return text;
}

std::string real_sample(std::size_t bytes) {
  std::ifstream file(MEMAGENT_SOURCE_DIR "/../shared/data/wiki2/paragraphs.jsonl");
  std::string text;
  for (std::string line; text.size() < bytes && std::getline(file, line);) (text += line) += "\n";
  return text;
}

}  // namespace memagent
