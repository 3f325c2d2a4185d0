// Where readings failed, on memories written out here.
#include "eval/failure.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

Evidence fact(std::string text, std::vector<std::string> values, std::int32_t hop = 0) {
  Evidence evidence;
  evidence.text = std::move(text);
  evidence.values = std::move(values);
  evidence.hop = hop;
  return evidence;
}

// "Where was the director of Alba born?": Alba, by Ines Roth; Ines Roth, born in Tarn.
Row chain() {
  Row row;
  row.answers = {"Tarn"};
  row.evidence = {fact("Alba was directed by Ines Roth.", {"Ines Roth"}, 0),
                  fact("Ines Roth was born in Tarn.", {"Tarn"}, 1)};
  return row;
}

Outcome outcome_after(const Row& row, const std::vector<std::string>& memories,
                      const std::string& response) {
  MemoryWatch watch(row);
  for (const std::string& memory : memories) watch.see(memory);
  const Verdict verdict = verify(response, row.answers, row.match);
  return outcome_of(row, verdict, watch.result(), Method::kMemory);
}

TEST(Failure, OfAChain) {
  const Row row = chain();
  const std::string director = "Alba is by Ines Roth.";
  const std::string both = "Alba is by Ines Roth, who was born in Tarn.";
  EXPECT_EQ(outcome_after(row, {director, both}, "Tarn"), Outcome::kRight);
  EXPECT_EQ(outcome_after(row, {director, both}, "I do not know."), Outcome::kNotUsed);
  EXPECT_EQ(outcome_after(row, {director}, "I do not know."), Outcome::kNeverNoted);
  EXPECT_EQ(outcome_after(row, {"Born in Tarn."}, "I do not know."), Outcome::kNeverNoted);
  EXPECT_EQ(outcome_after(row, {}, "I do not know."), Outcome::kNeverNoted);
  EXPECT_EQ(outcome_after(row, {director, both, director}, "I do not know."), Outcome::kLost);
  // The first link has done its work once the second is known.
  EXPECT_EQ(outcome_after(row, {director, both, "The director was born in Tarn."}, "Alba"),
            Outcome::kNotUsed);
}

TEST(Failure, SectionsHoldEvidenceThatReachesIntoThem) {
  Row row = chain();
  row.document_bytes = 100;
  EXPECT_FALSE(has_places(row));
  row.evidence[0].byte_begin = 10;
  row.evidence[0].byte_end = 41;
  EXPECT_FALSE(has_places(row));
  row.evidence[1].byte_begin = 74;
  row.evidence[1].byte_end = 100;
  EXPECT_TRUE(has_places(row));
  EXPECT_FALSE(holds_evidence(row, 0, 10));
  EXPECT_TRUE(holds_evidence(row, 0, 11));
  EXPECT_TRUE(holds_evidence(row, 20, 30));
  EXPECT_TRUE(holds_evidence(row, 40, 50));
  EXPECT_FALSE(holds_evidence(row, 41, 74));
  EXPECT_TRUE(holds_evidence(row, 0, 100));
  row.evidence[1].byte_end = 101;  // beyond the document: of another text
  EXPECT_FALSE(has_places(row));
  row.evidence.clear();
  EXPECT_FALSE(has_places(row));
}

TEST(Failure, ComparesWholeWords) {
  EXPECT_EQ(outcome_after(chain(), {"Ines Roth", "ines roth, Tarnow"}, "?"), Outcome::kNeverNoted);
  EXPECT_EQ(outcome_after(chain(), {"INES ROTH: tarn!"}, "?"), Outcome::kNotUsed);
}

TEST(Failure, EveryValueOfAFactIsNeeded) {
  Row row;
  row.answers = {"no"};
  row.evidence = {fact("", {"12", "March"})};
  EXPECT_EQ(outcome_after(row, {"March"}, "yes"), Outcome::kNeverNoted);
  EXPECT_EQ(outcome_after(row, {"March", "12"}, "yes"), Outcome::kLost);
  EXPECT_EQ(outcome_after(row, {"12 March"}, "yes"), Outcome::kNotUsed);
}

// In variable tracking every link is an answer: none may be let go.
TEST(Failure, AnEarlierLinkThatIsAnAnswer) {
  Row row;
  row.match = Match::kAll;
  row.answers = {"ABC", "DEF"};
  row.evidence = {fact("ABC = 5", {"ABC"}, 0), fact("DEF = ABC", {"DEF"}, 1)};
  EXPECT_EQ(outcome_after(row, {"ABC", "ABC DEF", "DEF"}, "DEF"), Outcome::kLost);
  EXPECT_EQ(outcome_after(row, {"ABC", "ABC DEF"}, "DEF"), Outcome::kNotUsed);
}

TEST(Failure, WithoutEvidence) {
  Row row;
  row.answers = {"Tarn"};
  EXPECT_EQ(outcome_after(row, {"x"}, "?"), Outcome::kNoEvidence);
  EXPECT_EQ(outcome_after(row, {"x"}, "Tarn"), Outcome::kRight);
}

TEST(Failure, OfBaselinesIsToldFromWhatWasShown) {
  const Row row = chain();
  const Verdict wrong;
  const auto outcome = [&](const std::string& shown) {
    return outcome_of(row, wrong, evidence_shown(row, shown), Method::kTruncate);
  };
  EXPECT_EQ(outcome("Alba was directed by Ines Roth. Ines Roth was born in Tarn."),
            Outcome::kNotUsed);
  EXPECT_EQ(outcome("Alba was directed by Ines Roth. Ines Roth was born in"), Outcome::kNotShown);
}

TEST(Failure, EvidenceScoresWhatWasAnsweredOfIt) {
  Row row;
  row.match = Match::kAll;
  row.answers = {"11", "22", "33"};
  row.evidence = {fact("", {"11"}), fact("", {"22", "33"}), fact("", {"none of them"})};
  // 22 is what it thought of, not what it answered.
  const std::string response = "<think>22, perhaps.</think>Not 22. The answer is 11 and 33";
  const Verdict verdict = verify(response, row.answers, row.match);
  std::vector<EvidenceResult> evidence(3);
  score_evidence(row, verdict, evidence);
  EXPECT_EQ(evidence[0].score, 1.0);
  EXPECT_EQ(evidence[1].score, 0.5);
  EXPECT_DOUBLE_EQ(evidence[2].score, 2.0 / 3);  // the row's
}

}  // namespace
}  // namespace memagent
