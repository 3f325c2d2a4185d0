// The verifier against cases worked by hand from the official definitions: SQuAD 1.1's
// evaluate-v1.1.py and HotpotQA's hotpot_evaluate_v1.py (normalize_answer, f1_score,
// exact_match_score), RULER's string_match_all and string_match_part; and against answers that try
// to be right by accident.
#include "task/verifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace memagent {
namespace {

using Answers = std::vector<std::string>;

double score(const std::string& response, const Answers& answers, Match match = Match::kAny) {
  return verify(response, answers, match).score;
}

TEST(Normalisation, TheOfficialSteps) {
  // lower, delete string.punctuation, delete \b(a|an|the)\b, join on single spaces.
  EXPECT_EQ(normalise_answer("  The Big  Stone-Gap! "), "big stonegap");
  EXPECT_EQ(normalise_answer("An apple a day"), "apple day");
  EXPECT_EQ(normalise_answer("Theatre of the Absurd"), "theatre of absurd");
  EXPECT_EQ(normalise_answer("U.S.A."), "usa");
  EXPECT_EQ(normalise_answer("$1,234 (approx.)"), "1234 approx");
  EXPECT_EQ(normalise_answer("rock'n'roll & jazz"), "rocknroll jazz");
  EXPECT_EQ(normalise_answer(""), "");
  EXPECT_EQ(normalise_answer("!?"), "");
}

TEST(Normalisation, UnicodeFormsAndNumbers) {
  EXPECT_EQ(normalise_answer("\uFF11\uFF12\uFF13"), "123");  // full width
  EXPECT_EQ(normalise_answer("\u201CRiver\u201D \u2013 \u00ABTown\u00BB"), "river town");
  EXPECT_EQ(normalise_answer("e\u0301t\u00E9"), normalise_answer("\u00E9te\u0301"));
  EXPECT_NE(normalise_answer("r\u00E9sum\u00E9"), normalise_answer("resume"));
  EXPECT_EQ(normalise_answer("\u041C\u041E\u0421\u041A\u0412\u0410"),
            "\u043C\u043E\u0441\u043A\u0432\u0430");
  EXPECT_EQ(normalise_answer("a\u00A0b\u2003c"), "b c");
  EXPECT_EQ(normalise_answer("so\u00ADft"), "soft");  // an invisible hyphen
  EXPECT_EQ(normalise_answer("3.5 km"), "3.5 km");
  EXPECT_EQ(normalise_answer("no. 7."), "no 7");
  EXPECT_EQ(normalise_answer("\xFF\xFE"), "\uFFFD\uFFFD");
}

TEST(Normalisation, AnAnswerOfArticlesAlone) {
  EXPECT_EQ(normalise_answer("A"), "a");
  EXPECT_EQ(exact_match("a", "A"), 1);
  EXPECT_EQ(exact_match("b", "A"), 0);
  EXPECT_EQ(normalise_answer("The The"), "the the");
}

TEST(F1, ByHand) {
  // prediction: john smith junior; gold: john smith. Common 2, precision 2/3, recall 2/2:
  // 2 * 2/3 * 1 / (2/3 + 1) = 0.8.
  EXPECT_DOUBLE_EQ(token_f1("John Smith, Junior", "the John Smith"), 0.8);
  // new york new york; new york city: common 2 (a multiset), precision 2/4, recall 2/3: 4/7.
  EXPECT_DOUBLE_EQ(token_f1("New York New York", "New York City"), 4.0 / 7.0);
  EXPECT_EQ(token_f1("Paris", "London"), 0);
  EXPECT_EQ(token_f1("", "London"), 0);
  EXPECT_EQ(token_f1("", ""), 0);
  // HotpotQA: yes and no are right or wrong, not in part.
  EXPECT_EQ(token_f1("yes it is", "yes"), 0);
  EXPECT_EQ(token_f1("Yes.", "yes"), 1);
  EXPECT_EQ(token_f1("no", "no idea"), 0);
}

TEST(ExactMatch, ByHand) {
  EXPECT_EQ(exact_match("The Greenwich Village.", "Greenwich Village"), 1);
  EXPECT_EQ(exact_match("Greenwich Village, New York", "Greenwich Village"), 0);
  EXPECT_EQ(exact_match("", ""), 0);
}

TEST(Containment, WholeWordsOnly) {
  EXPECT_EQ(contains_answer("the number is 4829103.", "4829103"), 1);
  EXPECT_EQ(contains_answer("the number is 48291035", "4829103"), 0);
  EXPECT_EQ(contains_answer("94829103", "4829103"), 0);
  EXPECT_EQ(contains_answer("48", "4829103"), 0);  // never the other way round
  EXPECT_EQ(contains_answer("1,234,567", "1234567"), 1);
  EXPECT_EQ(contains_answer("1234567", "1,234,567"), 1);
  EXPECT_EQ(contains_answer("4829103,5551234", "5551234"), 1);
  EXPECT_EQ(contains_answer("lantern:4829103;", "4829103"), 1);
  EXPECT_EQ(contains_answer("quiet-lantern", "quiet lantern"), 1);
  EXPECT_EQ(contains_answer("New-York", "new york"), 1);
  EXPECT_EQ(contains_answer("the U.S. army", "US"), 1);
  EXPECT_EQ(contains_answer("id 3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0001.",
                            "3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0001"),
            1);
  EXPECT_EQ(contains_answer("3.5", "35"), 0);
  EXPECT_EQ(contains_answer("", "x"), 0);
  EXPECT_EQ(contains_answer("x", ""), 0);
  EXPECT_EQ(contains_answer("anything", "!!!"), 0);
  EXPECT_EQ(contains_answer("option A", "A"), 0) << "articles are no evidence";
}

TEST(Containment, PunctuationJoinsNoDigits) {
  for (const char* text : {"3-5", "3/5", "3:5", "3,5", "between 3\u20135"}) {
    EXPECT_EQ(contains_answer(text, "35"), 0) << text;
    EXPECT_EQ(contains_answer(text, "5"), 1) << text;
    EXPECT_EQ(contains_answer(text, text), 1) << text;
  }
  EXPECT_EQ(contains_answer("482,9103", "4829103"), 0);
  EXPECT_EQ(contains_answer("12/10/1990", "12101990"), 0);
}

TEST(Containment, SignsAroundNumbersInAnyTypography) {
  EXPECT_EQ(contains_answer("$1,234", "1234"), 1);
  EXPECT_EQ(contains_answer("\u20AC1,234", "1234"), 1);
  EXPECT_EQ(contains_answer("\u22125 degrees", "-5"), 1);
}

TEST(Containment, YesIsNotInATextThatSaysNo) {
  EXPECT_EQ(contains_answer("Yes, both are.", "yes"), 1);
  EXPECT_EQ(contains_answer("yes or no", "yes"), 0);
  EXPECT_EQ(contains_answer("No; yes would be wrong", "no"), 0);
  EXPECT_EQ(contains_answer("nobody knows", "no"), 0);
}

TEST(Extraction, FindsTheAnswer) {
  EXPECT_EQ(extract_answer("so \\boxed{41}, no: \\boxed{\\text{forty {two}}}"),
            "\\text{forty {two}}");
  EXPECT_EQ(extract_answer("\\boxed{never closed"), "\\boxed{never closed");
  EXPECT_EQ(extract_answer("\\boxed{good} and \\boxed{bad"), "good");
  EXPECT_EQ(extract_answer("Hm. The answer is: **Paris**.\n\nBecause..."), "Paris**.");
  EXPECT_EQ(extract_answer("Answer: Paris\r\n\r\nNot London."), "Paris");
  EXPECT_EQ(extract_answer("Answer: Rome\nFinal answer: Oslo"), "Oslo");
  EXPECT_EQ(extract_answer("Answers:\n- 12\n- 15"), "- 12\n- 15");
  EXPECT_EQ(extract_answer("<think>the answer is 4</think> \"5\" "), "5");
  EXPECT_EQ(extract_answer("reasoning without its opening</think>7"), "7");
  EXPECT_EQ(extract_answer("<think>never ends: the answer is 4"), "");
  EXPECT_EQ(extract_answer("I know the answer:"), "I know the answer:");
  EXPECT_EQ(extract_answer("  \n "), "");
}

TEST(Verify, AnyTakesTheBest) {
  EXPECT_EQ(score("It was London.", {"Paris", "London"}), 1);
  EXPECT_EQ(score("It was Rome.", {"Paris", "London"}), 0);
  const Verdict verdict =
      verify("Answer: John Smith Junior", Answers{"Smith", "John Smith"}, Match::kAny);
  EXPECT_DOUBLE_EQ(verdict.f1, 0.8);
  EXPECT_EQ(verdict.exact_match, 0);
  VerifierOptions options;
  options.metric = VerifierOptions::Metric::kF1;
  EXPECT_DOUBLE_EQ(verify("John Smith Junior", Answers{"John Smith"}, Match::kAny, options).score,
                   0.8);
  options.metric = VerifierOptions::Metric::kExactMatch;
  EXPECT_EQ(verify("John Smith Junior", Answers{"John Smith"}, Match::kAny, options).score, 0);
}

TEST(Verify, AllIsTheShare) {
  const Answers four = {"1111111", "2222222", "3333333", "4444444"};
  EXPECT_EQ(score("1111111, 3333333 and 4444444", four, Match::kAll), 0.75);
  EXPECT_EQ(score("4444444 3333333 2222222 1111111", four, Match::kAll), 1);
  EXPECT_EQ(verify("4444444 3333333 2222222 1111111", four, Match::kAll).exact_match, 1);
  EXPECT_EQ(score("", four, Match::kAll), 0);
}

// One answer asked for: 8 + 3 different items may be named, the twelfth is one too many.
TEST(Verify, ListingManyNamesIsWorthNothing) {
  std::string list = "Paris";
  for (char c = 'b'; c <= 'k'; ++c) list += std::string(", town ") + c + c + c;
  EXPECT_EQ(verify(list, Answers{"Paris"}, Match::kAny).score, 1);  // eleven
  EXPECT_EQ(verify(list + ", town bbb; Paris\n", Answers{"Paris"}, Match::kAny).score, 1);
  const Verdict verdict = verify(list + "; town lll", Answers{"Paris"}, Match::kAny);
  EXPECT_TRUE(verdict.excessive);
  EXPECT_EQ(verdict.score, 0);
  // An answer of three items leaves room for 8 + 9; ten answers that are all asked for for 8 + 30.
  EXPECT_FALSE(
      verify(list + ", x y, z w", Answers{"Paris, Texas, United States"}, Match::kAny).excessive);
  EXPECT_FALSE(verify(list + ", x y", Answers{"a1b", "c", "d", "e", "f", "g", "h", "i", "j", "k"},
                      Match::kAll)
                   .excessive);
}

TEST(Verify, NamingBothSidesOfAComparisonIsWorthNothing) {
  Row row;
  row.answers = {"Amber Hall"};
  row.rejected = {"Amber Hall Annex", "Grey Mill"};
  EXPECT_EQ(verify("Amber Hall", row).score, 1);
  EXPECT_EQ(verify("It is Amber Hall.", row).score, 1);
  EXPECT_EQ(verify("Grey Mill", row).score, 0);
  EXPECT_EQ(verify("either Amber Hall or Grey Mill", row).score, 0);
  EXPECT_EQ(verify("Amber Hall Annex", row).score, 0);
  // What is part of the answer itself cannot be told from it.
  row.answers = {"Grey Mill House"};
  EXPECT_EQ(verify("Grey Mill House", row).score, 1);
}

TEST(Verify, ListingEverythingIsWorthNothing) {
  std::string numbers;
  for (int i = 0; i < 60; ++i) numbers += std::to_string(1000000 + i) + ", ";
  const Verdict verdict = verify(numbers, Answers{"1000007"}, Match::kAny);
  EXPECT_TRUE(verdict.excessive);
  EXPECT_EQ(verdict.score, 0);
  EXPECT_EQ(score("1000001 1000002 1000007", {"1000007"}), 1) << "a few are not everything";
  std::string joined = "1000000";
  for (int i = 1; i < 60; ++i) joined.append(",").append(std::to_string(1000000 + i));
  EXPECT_EQ(score(joined, {"1000007"}), 0);
  std::string words;
  for (int i = 0; i < 500; ++i)
    words.append("word").append(1, static_cast<char>('a' + i % 26)) += ' ';
  EXPECT_EQ(score(words + "Paris", {"Paris"}), 0);
  std::string uuids;
  for (int i = 10; i < 30; ++i) {
    uuids.append("3f2b8c1e-0d4a-4b7e-9a11-22c0ffee00").append(std::to_string(i)) += ' ';
  }
  EXPECT_EQ(score(uuids, {"3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0011"}), 0);
  EXPECT_EQ(score("3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0011 or 3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0012",
                  {"3f2b8c1e-0d4a-4b7e-9a11-22c0ffee0011"}),
            1);
}

TEST(Verify, RefusalsAndNothing) {
  for (const char* response :
       {"", " ", "I cannot answer that.", "<think>1234567", "...", "\\boxed{}"}) {
    EXPECT_EQ(score(response, {"1234567"}), 0) << response;
  }
}

// 16 KiB and 16 bytes for each of the answer's: 16384 + 16 * 1.
TEST(Verify, AnAnswerOfTooManyBytesIsNotLookedAt) {
  EXPECT_FALSE(verify(std::string(16400, 'x'), Answers{"x"}, Match::kAny).excessive);
  EXPECT_TRUE(verify(std::string(16401, 'x'), Answers{"x"}, Match::kAny).excessive);
  // Without the limit this takes hours: ordering the marks is quadratic.
  std::string marks = "e";
  while (marks.size() < (10 << 20)) marks += "\u0301\u0316";
  EXPECT_EQ(score(marks, {"e"}), 0);
}

TEST(Verify, EnormousResponsesAreScored) {
  const std::string big(10 << 20, 'x');
  EXPECT_EQ(score(big, {"x"}), 0);
  std::string boxes;
  while (boxes.size() < (1 << 20)) boxes += "\\boxed{";
  EXPECT_EQ(score(boxes, {"7"}), 0);
  std::string marks;
  while (marks.size() < (4 << 20)) marks += "the answer is ";
  EXPECT_EQ(score(marks + "7", {"7"}), 1);
}

// Scores stay in [0, 1]; the order of answers, case and white space do not matter.
TEST(Verify, Properties) {
  const std::vector<std::string> pieces = {
      "the ", "Paris ", "1,234 ", "\\boxed{", "}",    "answer is ", "<think>",  "</think>", "yes ",
      "no ",  "\n\n",   "'",      "\u2014",   "X-1 ", "\xFF",       "Answer: ", "... "};
  RandomStream random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string response;
    for (std::uint64_t n = random.below(12); n > 0; --n)
      response += pieces[random.below(pieces.size())];
    Answers answers;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
      answers.push_back(pieces[random.below(pieces.size())]);
    const Answers reversed(answers.rbegin(), answers.rend());
    for (const Match match : {Match::kAny, Match::kAll}) {
      const Verdict a = verify(response, answers, match);
      const Verdict b = verify(response, reversed, match);
      EXPECT_GE(a.score, 0);
      EXPECT_LE(a.score, 1);
      EXPECT_EQ(a.score, b.score) << response;
      EXPECT_EQ(verify(std::string(" ").append(response).append(" "), answers, match).score,
                a.score)
          << response;
    }
  }
}

}  // namespace
}  // namespace memagent
