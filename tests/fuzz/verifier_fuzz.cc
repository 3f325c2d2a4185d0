// Any response against any answers: a score in [0, 1], never a crash, and never more than nothing
// for a response without words.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "task/answer_text.h"
#include "task/verifier.h"

// Up to the first newline: an answer; behind it: the response.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using memagent::Match;
  using memagent::Verdict;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t line = bytes.find('\n');
  const std::vector<std::string> answers = {std::string(bytes.substr(0, line)), "yes"};
  const std::string_view response =
      line == std::string_view::npos ? std::string_view() : bytes.substr(line + 1);
  for (const Match match : {Match::kAny, Match::kAll}) {
    const Verdict verdict = memagent::verify(response, answers, match);
    if (!(verdict.score >= 0 && verdict.score <= 1)) std::abort();
    if (!(verdict.f1 >= 0 && verdict.f1 <= 1)) std::abort();
    const std::string words =
        memagent::normalised_words(verdict.extracted, memagent::Punctuation::kSpaces);
    if (words.empty() && verdict.score > 0) std::abort();
  }
  const std::string once = memagent::normalise_answer(response);
  if (memagent::exact_match(response, response) != (once.empty() ? 0.0 : 1.0)) std::abort();
  return 0;
}
