// Documents laid out by token count, against the tokenizer itself: the whole text is encoded again
// and counted, inserts are looked for at their byte ranges. With a tokenizer of bytes every count
// can be worked out by hand; with byte-level BPE words join across units, with the estimate too.
#include "task/unit_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "memagent/error.h"
#include "support/byte_tokenizer.h"
#include "task/read_all.h"
#include "text/bpe_trainer.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

using test::byte_tokenizer;
using test::read_all;

// "<0>" and so on: units of known bytes.
class NumberedUnits final : public UnitText {
 public:
  explicit NumberedUnits(std::int64_t size = -1) : size_(size) {}
  void append(std::int64_t index, std::string& out) const override {
    out += '<';
    out += std::to_string(index);
    out += '>';
  }
  std::int64_t size() const override { return size_; }

 private:
  std::int64_t size_;
};

// Words without separators and of drawn lengths, so that tokens cross the borders of units.
class RaggedUnits final : public UnitText {
 public:
  void append(std::int64_t index, std::string& out) const override {
    RandomStream draw(derive(5, static_cast<std::uint64_t>(index)));
    for (std::uint64_t words = 1 + draw.below(30); words > 0; --words) {
      for (std::uint64_t letters = draw.below(7); letters > 0; --letters) {
        out += "etaoin"[draw.below(6)];
      }
      if (draw.below(3) == 0) out += ". "[draw.below(2)];
      if (draw.below(20) == 0) out += "\xC3\xA9";
    }
  }
};

std::shared_ptr<const Tokenizer> trained_bpe() {
  static const std::shared_ptr<const Tokenizer> tokenizer = [] {
    BpeTrainer trainer({.vocab_size = 600, .special_tokens = {}, .pre_tokenizer = "llama-bpe"});
    std::string text;
    for (std::int64_t i = 0; i < 2000; ++i) RaggedUnits().append(i, text);
    trainer.feed(text);
    trainer.end_document();
    return make_tokenizer(trainer.train());
  }();
  return tokenizer;
}

TEST(PlanUnits, ByHandWithATokenPerByte) {
  // 4 + 5 = 9 bytes of head and tail, 2 inserts of 3: 85 of the 100 are left. <0> to <9> are 30
  // bytes, <10> on 4 each: 13 more make 82, and 3 are left, less than the next unit's 4.
  const auto document = plan_units(std::make_shared<NumberedUnits>(), {{0.5, "[B]"}, {0, "[A]"}},
                                   "HEAD", ".TAIL", {.tokens = 100}, *byte_tokenizer());
  const std::string text = read_all(*open_units(document, "d"));
  EXPECT_EQ(document->num_units, 23);
  EXPECT_EQ(document->tokens, 97);
  EXPECT_EQ(text.size(), 97U);
  // 85 / 2 = 42 bytes: [B] comes when units have reached 42, after <12>, 30 + 3 * 4.
  EXPECT_EQ(text,
            "HEAD[A]<0><1><2><3><4><5><6><7><8><9><10><11><12>[B]<13><14><15><16><17><18><19><20>"
            "<21><22>.TAIL");
  ASSERT_EQ(document->inserts.size(), 2U);
  EXPECT_THAT(document->origin, testing::ElementsAre(1, 0));
  EXPECT_EQ(document->inserts[0].byte_begin, 4);
  EXPECT_EQ(document->inserts[1].byte_begin, 49);
  EXPECT_EQ(document->inserts[1].token_begin, 49);
  EXPECT_EQ(document->inserts[1].before_unit, 13);
}

TEST(PlanUnits, ExactlySoManyUnits) {
  const auto document =
      plan_units(std::make_shared<NumberedUnits>(), {{1, "[C]"}, {0.5, "[B]"}, {0.5, "[b]"}}, "",
                 "", {.num_units = 4}, *byte_tokenizer());
  EXPECT_EQ(read_all(*open_units(document, "d")), "<0><1>[B][b]<2><3>[C]");
  EXPECT_EQ(document->tokens, 21);
}

// More units than are made at a time, between inserts at both ends of such a run and inside it.
TEST(PlanUnits, UnitsStandInOrderAroundInserts) {
  const auto units = std::make_shared<NumberedUnits>();
  for (const std::int64_t count : {31, 32, 33, 100}) {
    const auto document = plan_units(units, {{0, "[A]"}, {0.5, "[B]"}, {0.5, "[C]"}, {1, "[D]"}},
                                     "", "!", {.num_units = count}, *byte_tokenizer());
    std::string expected = "[A]";
    for (std::int64_t unit = 0; unit < count; ++unit) {
      if (unit == (count + 1) / 2) expected += "[B][C]";
      units->append(unit, expected);
    }
    EXPECT_EQ(read_all(*open_units(document, "d")), expected + "[D]!");
    EXPECT_EQ(document->tokens, static_cast<std::int64_t>(expected.size()) + 4);
  }
}

TEST(PlanUnits, UnitsThatRunOut) {
  const auto document = plan_units(std::make_shared<NumberedUnits>(4), {{0.5, "[B]"}}, "", "",
                                   {.tokens = 1000}, *byte_tokenizer());
  EXPECT_EQ(read_all(*open_units(document, "d")), "<0><1>[B]<2><3>");
}

TEST(PlanUnits, TooShortForItsInserts) {
  const auto plan = [](std::int64_t tokens) {
    return plan_units(std::make_shared<NumberedUnits>(), {{0.5, "[twelve byte"}}, "1234", "5678",
                      {.tokens = tokens}, *byte_tokenizer());
  };
  EXPECT_EQ(plan(20)->num_units, 0);
  EXPECT_EQ(plan(23)->num_units, 1);
  try {
    plan(19);
    FAIL() << "19 tokens were enough for 20";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("at least 20"));
  }
}

class Lengths : public testing::TestWithParam<std::int64_t> {};

TEST_P(Lengths, AreMetToLessThanAUnitUnderEveryTokenizer) {
  const std::int64_t limit = GetParam();
  const auto units = std::make_shared<RaggedUnits>();
  for (const auto& tokenizer : {estimating_tokenizer(), trained_bpe()}) {
    std::vector<Insert> inserts;
    for (int i = 0; i < 7; ++i) {
      const double depth = uniform(3, static_cast<std::uint64_t>(i));
      inserts.push_back({depth, "{insert number " + std::to_string(i) + "} "});
    }
    const auto document = plan_units(units, inserts, "", "end", {.tokens = limit}, *tokenizer);
    const std::string text = read_all(*open_units(document, "d"));
    ASSERT_EQ(static_cast<std::int64_t>(text.size()), document->bytes);
    std::vector<TokenId> ids;
    tokenizer->encode(text, ids);
    EXPECT_EQ(static_cast<std::int64_t>(ids.size()), document->tokens);
    EXPECT_LE(document->tokens, limit);
    std::string unit;
    units->append(document->num_units, unit);
    EXPECT_GT(document->tokens + static_cast<std::int64_t>(tokenizer->encode(unit).size()), limit);

    std::int64_t filler_tokens = document->tokens - 7 * 8;  // about
    ASSERT_EQ(document->inserts.size(), 7U);
    for (std::size_t i = 0; i < 7; ++i) {
      const UnitDocument::Placed& placed = document->inserts[i];
      const Insert& insert = inserts[document->origin[i]];
      EXPECT_EQ(text.substr(static_cast<std::size_t>(placed.byte_begin), insert.text.size()),
                insert.text);
      EXPECT_NEAR(static_cast<double>(placed.token_begin),
                  insert.depth * static_cast<double>(filler_tokens), 200);
      if (i > 0) {
        EXPECT_LE(document->inserts[i - 1].before_unit, placed.before_unit);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PlanUnits, Lengths,
                         testing::Values(150, 151, 152, 153, 999, 1000, 4096, 65536, 65537, 200003,
                                         1000000, 2500000));

TEST(OpenUnits, ReadsTheSameInAnyPortionsAndAgain) {
  const auto document = plan_units(std::make_shared<RaggedUnits>(), {{0.3, "[B]"}}, "head ", "",
                                   {.tokens = 60000}, *estimating_tokenizer());
  const auto source = open_units(document, "d");
  const std::string whole = read_all(*source);
  EXPECT_EQ(source->total_bytes(), static_cast<std::int64_t>(whole.size()));
  source->rewind();
  std::string text;
  std::vector<char> buffer(1000);
  for (std::uint64_t i = 0;; ++i) {
    const std::size_t count = source->read({buffer.data(), 1 + derive(1, i) % 999});
    if (count == 0) break;
    text.append(buffer.data(), count);
  }
  EXPECT_EQ(text, whole);
}

}  // namespace
}  // namespace memagent
