#include "task/verifier.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <vector>

#include "task/answer_text.h"

namespace memagent {
namespace {

constexpr std::size_t kSpareWords = 100;
constexpr std::size_t kWordsPerWord = 10;
constexpr std::size_t kSpareBytes = std::size_t{16} << 10;
constexpr std::size_t kBytesPerByte = 16;
constexpr std::size_t kSpareItems = 8;
constexpr std::size_t kItemsPerAnswer = 3;
constexpr std::size_t kSpareCodes = 3;
constexpr std::size_t kCodesPerAnswer = 3;

std::vector<std::string_view> words_of(std::string_view normalised) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < normalised.size();) {
    std::size_t end = normalised.find(' ', begin);
    if (end == std::string_view::npos) end = normalised.size();
    words.push_back(normalised.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string in_spaces(const std::string& words) { return " " + words + " "; }

// `words` as whole words of `text`, which is in spaces; both normalised.
bool has_words(const std::string& text, const std::string& words) {
  return !words.empty() && text.find(in_spaces(words)) != std::string::npos;
}

bool is_verdict_word(std::string_view word) {
  return word == "yes" || word == "no" || word == "noanswer";
}

bool same_letters(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Where `mark` (ASCII) last stands in `text`, in any case; npos if nowhere.
std::size_t rfind_any_case(std::string_view text, std::string_view mark) {
  const auto found =
      std::find_end(text.begin(), text.end(), mark.begin(), mark.end(), same_letters);
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

std::string_view without_reasoning(std::string_view response) {
  constexpr std::string_view kClose = "</think>";
  const std::size_t close = response.rfind(kClose);
  if (close != std::string_view::npos) response.remove_prefix(close + kClose.size());
  const std::size_t open = response.find("<think>");
  return open == std::string_view::npos ? response : response.substr(0, open);
}

// The content of the last \boxed{...} whose braces match.
std::string_view boxed(std::string_view text) {
  constexpr std::string_view kMark = "\\boxed{";
  for (std::size_t at = text.rfind(kMark); at != std::string_view::npos; at = text.rfind(kMark)) {
    const std::size_t begin = at + kMark.size();
    int depth = 1;
    for (std::size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '{') ++depth;
      if (text[i] == '}' && --depth == 0) return text.substr(begin, i - begin);
    }
    text = text.substr(0, at);  // what lies behind has been looked at: linear in all
  }
  return {};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kAround = " \t\r\n*_`\"'";
  const std::size_t begin = text.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kAround) - begin + 1);
}

std::string_view after_mark(std::string_view text) {
  std::size_t begin = std::string_view::npos;
  for (const std::string_view mark : {"answer is", "answer:", "answers:", "answers are"}) {
    const std::size_t at = rfind_any_case(text, mark);
    if (at == std::string_view::npos) continue;
    const std::size_t behind = at + mark.size();
    if (begin == std::string_view::npos || behind > begin) begin = behind;
  }
  if (begin == std::string_view::npos) return text;
  std::string_view rest = text.substr(begin);
  while (!rest.empty() && (rest.front() == ':' || rest.front() == '*' || rest.front() == ' ' ||
                           rest.front() == '\n' || rest.front() == '\r')) {
    rest.remove_prefix(1);
  }
  return rest.substr(0, std::min(rest.find("\n\n"), rest.find("\r\n\r\n")));
}

bool is_code(std::string_view word) {
  return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool all_codes(std::span<const std::string> answers) {
  return std::all_of(answers.begin(), answers.end(), [](const std::string& answer) {
    const std::string words = normalise_answer(answer);
    return is_code(words) && words.find(' ') == std::string::npos;
  });
}

// Different items of a list: what stands between commas, semicolons and line ends.
std::size_t count_items(std::string_view text) {
  std::set<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(",;\n"), text.size());
    std::string item = normalise_answer(text.substr(0, end));
    if (!item.empty()) items.insert(std::move(item));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items.size();
}

bool is_excessive(std::string_view extracted, std::span<const std::string> answers, Match match) {
  std::size_t bytes = 0;
  for (const std::string& answer : answers) bytes += answer.size();
  // First of all: ordering a run of combining marks takes utf8proc time quadratic in the run, and
  // each accepted answer is looked for in a normalised copy.
  if (extracted.size() > kSpareBytes + kBytesPerByte * bytes) return true;
  const std::string normalised = normalise_answer(extracted);
  const std::vector<std::string_view> words = words_of(normalised);
  std::size_t accepted = 0;
  for (const std::string& answer : answers) accepted += words_of(normalise_answer(answer)).size();
  if (words.size() > kSpareWords + kWordsPerWord * accepted) return true;
  std::size_t wanted = answers.size();
  if (match == Match::kAny) {
    wanted = 1;
    for (const std::string& answer : answers) wanted = std::max(wanted, count_items(answer));
  }
  if (count_items(extracted) > kSpareItems + kItemsPerAnswer * wanted) return true;
  if (!all_codes(answers)) return false;
  // As separate words: codes joined by commas are as many codes.
  const std::string spaced = normalised_words(extracted, Punctuation::kSpaces);
  std::set<std::string_view> codes;
  for (const std::string_view word : words_of(normalised)) {
    if (is_code(word)) codes.insert(word);
  }
  const bool hyphenated = std::any_of(answers.begin(), answers.end(), [](const std::string& a) {
    return a.find('-') != std::string::npos;  // a UUID is one code, of five spaced words
  });
  if (!hyphenated) {
    for (const std::string_view word : words_of(spaced)) {
      if (is_code(word)) codes.insert(word);
    }
  }
  return codes.size() > kSpareCodes + kCodesPerAnswer * answers.size();
}

double best_of(std::span<const std::string> answers, std::string_view extracted,
               double (*measure)(std::string_view, std::string_view)) {
  double best = 0;
  for (const std::string& answer : answers) best = std::max(best, measure(extracted, answer));
  return best;
}

}  // namespace

std::string normalise_answer(std::string_view text) {
  return normalised_words(text, Punctuation::kDeleted);
}

std::string extract_answer(std::string_view response) {
  const std::string_view said = without_reasoning(response);
  const std::string_view in_box = trimmed(boxed(said));
  if (!in_box.empty()) return std::string(in_box);
  const std::string_view answer = trimmed(after_mark(said));
  return std::string(answer.empty() ? trimmed(said) : answer);
}

double exact_match(std::string_view answer, std::string_view accepted) {
  const std::string want = normalise_answer(accepted);
  return !want.empty() && normalise_answer(answer) == want ? 1 : 0;
}

double token_f1(std::string_view answer, std::string_view accepted) {
  const std::string got = normalise_answer(answer);
  const std::string want = normalise_answer(accepted);
  if (got.empty() || want.empty()) return 0;
  if (is_verdict_word(got) || is_verdict_word(want)) return got == want ? 1 : 0;
  std::map<std::string_view, std::int64_t> counts;
  const std::vector<std::string_view> got_words = words_of(got);
  const std::vector<std::string_view> want_words = words_of(want);
  for (const std::string_view word : want_words) ++counts[word];
  std::int64_t common = 0;
  for (const std::string_view word : got_words) {
    const auto found = counts.find(word);
    if (found == counts.end() || found->second == 0) continue;
    --found->second;
    ++common;
  }
  if (common == 0) return 0;
  const double precision = static_cast<double>(common) / static_cast<double>(got_words.size());
  const double recall = static_cast<double>(common) / static_cast<double>(want_words.size());
  return 2 * precision * recall / (precision + recall);
}

AnswerText::AnswerText(std::string_view text)
    : joined_(in_spaces(normalised_words(text, Punctuation::kDeletedButBetweenDigits))),
      spaced_(in_spaces(normalised_words(text, Punctuation::kSpaces))) {}

bool AnswerText::contains(std::string_view accepted) const {
  const std::string want = normalised_words(accepted, Punctuation::kDeletedButBetweenDigits);
  if (want == "yes" || want == "no") {
    return has_words(spaced_, want) && !has_words(spaced_, want == "yes" ? "no" : "yes");
  }
  return has_words(joined_, want) ||
         has_words(spaced_, normalised_words(accepted, Punctuation::kSpaces));
}

double contains_answer(std::string_view text, std::string_view accepted) {
  return AnswerText(text).contains(accepted) ? 1 : 0;
}

Verdict verify(std::string_view response, std::span<const std::string> answers, Match match,
               const VerifierOptions& options) {
  Verdict verdict;
  verdict.extracted = extract_answer(response);
  const std::string_view said = verdict.extracted;
  verdict.excessive = is_excessive(said, answers, match);
  if (verdict.excessive) return verdict;
  const AnswerText text(said);
  const auto contained = static_cast<double>(
      std::count_if(answers.begin(), answers.end(),
                    [&](const std::string& answer) { return text.contains(answer); }));
  if (match == Match::kAll) {
    std::string together;
    for (const std::string& answer : answers) together += answer + " ";
    verdict.score = answers.empty() ? 0 : contained / static_cast<double>(answers.size());
    verdict.exact_match = verdict.score == 1 ? 1 : 0;
    verdict.f1 = token_f1(said, together);
    return verdict;
  }
  verdict.exact_match = best_of(answers, said, exact_match);
  verdict.f1 = best_of(answers, said, token_f1);
  switch (options.metric) {
    case VerifierOptions::Metric::kContainment:
      verdict.score = contained > 0 ? 1 : 0;
      break;
    case VerifierOptions::Metric::kExactMatch:
      verdict.score = verdict.exact_match;
      break;
    case VerifierOptions::Metric::kF1:
      verdict.score = verdict.f1;
      break;
  }
  return verdict;
}

Verdict verify(std::string_view response, const Row& row, const VerifierOptions& options) {
  Verdict verdict = verify(response, row.answers, row.match, options);
  if (row.rejected.empty() || verdict.excessive) return verdict;
  const AnswerText text(verdict.extracted);
  const bool names_one =
      std::any_of(row.rejected.begin(), row.rejected.end(), [&](const std::string& rejected) {
        // A name within an accepted one cannot be told from it.
        return text.contains(rejected) &&
               std::none_of(row.answers.begin(), row.answers.end(),
                            [&](const auto& answer) { return contains_answer(answer, rejected); });
      });
  if (names_one) verdict.score = 0;
  return verdict;
}

}  // namespace memagent
