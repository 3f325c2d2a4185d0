// The hand-written scanners against PCRE2 with the pattern they stand for.
#include "text/pre_tokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "memagent/error.h"
#include "text/sample_text.h"
#include "text/utf8.h"

namespace memagent {
namespace {

std::vector<std::string> pieces_of(const PreTokenizer& pre_tokenizer, std::string_view text,
                                   PreTokenizer::Scratch* scratch) {
  std::vector<std::string> pieces;
  std::vector<std::uint32_t> ends;
  while (!text.empty()) {
    ends.clear();
    pre_tokenizer.split(text, true, scratch, ends);
    if (ends.empty()) throw std::logic_error("no progress");
    std::size_t begin = 0;
    for (const std::uint32_t end : ends) {
      pieces.emplace_back(text.substr(begin, end - begin));
      begin = end;
    }
    text.remove_prefix(begin);
  }
  return pieces;
}

std::vector<std::string> pieces_of(const PreTokenizer& pre_tokenizer, std::string_view text) {
  return pieces_of(pre_tokenizer, text, pre_tokenizer.make_scratch().get());
}

class Scanner : public testing::TestWithParam<const char*> {
 protected:
  void expect_same(const std::string& text) {
    const std::vector<std::string> expected = pieces_of(*reference_, text, scratch_.get());
    const std::vector<std::string> actual = pieces_of(*scanner_, text);
    const std::size_t size = std::min(expected.size(), actual.size());
    std::size_t at = 0;
    while (at < size && expected[at] == actual[at]) ++at;
    ASSERT_TRUE(at == size && expected.size() == actual.size())
        << fmt::format("pre-token {}: expected [{}] found [{}] after [{}]", at,
                       at < expected.size() ? expected[at] : "",
                       at < actual.size() ? actual[at] : "", at > 0 ? actual[at - 1] : "");
  }

  std::unique_ptr<PreTokenizer> scanner_ = named_pre_tokenizer(GetParam());
  std::unique_ptr<PreTokenizer> reference_ = pattern_pre_tokenizer(patterns_of(GetParam()), "test");
  std::unique_ptr<PreTokenizer::Scratch> scratch_ = reference_->make_scratch();
};

TEST_P(Scanner, SamePiecesOnMixedText) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) expect_same(mixed_sample(seed, 100'000));
}

// Short strings over the characters the patterns tell apart: every alternative next to every other.
TEST_P(Scanner, SamePiecesOnRandomCharacters) {
  constexpr std::uint32_t kPoints[] = {
      ' ', ' ', '\n', '\r',  '\t', 'a',  's',  'S',    'l',    'L',  'r',     'e',   '\'',   '\'',
      '.', '1', '2',  0x17F, 0xE9, 0x85, 0xA0, 0x3000, 0x4E00, 0xB2, 0x1F600, 0x301, 0x2028, 0x0B};
  RandomStream random(3);
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    for (std::uint64_t length = 1 + random.below(10); length > 0; --length) {
      append_utf8(kPoints[random.below(std::size(kPoints))], text);
    }
    expect_same(text);
    if (HasFatalFailure()) return;
  }
}

// Each code point after a letter, a digit and a space. U+180E has been no white space since Unicode
// 6.3, which PCRE2 overlooks; planes 4 to 13 are unassigned.
TEST_P(Scanner, SameClassOfEveryCodePoint) {
  for (std::uint32_t point = 1; point < 0x40000; ++point) {
    if ((point >= 0xD800 && point < 0xE000) || point == 0x180E) continue;
    std::string text;
    for (const char* before : {"b", "1", " ", ""}) append_utf8(point, text += before);
    text += "b";
    const auto expected = pieces_of(*reference_, text, scratch_.get());
    const auto actual = pieces_of(*scanner_, text);
    if (expected == actual) continue;
    // The scanner's tables are of a later Unicode: what PCRE2 calls unassigned may differ.
    std::string alone = "x";
    append_utf8(point, alone);
    const auto unassigned = pattern_pre_tokenizer(std::vector<std::string>{R"(^x\p{Cn})"}, "test");
    EXPECT_EQ(pieces_of(*unassigned, alone).size(), 1U) << fmt::format("U+{:04X}", point);
  }
}

TEST_P(Scanner, InvalidBytesMakeProgressAndLoseNothing) {
  RandomStream random(9);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t length = 1 + random.below(40); length > 0; --length) {
      text += static_cast<char>(random.below(3) == 0 ? random.below(256) : 0x20 + random.below(95));
    }
    for (const PreTokenizer* each : {scanner_.get(), reference_.get()}) {
      std::string joined;
      for (const std::string& piece : pieces_of(*each, text, scratch_.get())) joined += piece;
      ASSERT_EQ(joined, text);
    }
  }
}

TEST_P(Scanner, PiecesStayInsideTheWindow) {
  for (const char* part : {"a", " ", "\n", "\xE4\xB8\x80", "\xF0\x9F\x98\x80", "!", "\n "}) {
    std::string text;
    while (text.size() < 3 * kPreTokenWindow) text += part;
    expect_same(text);
    for (const std::string& piece : pieces_of(*scanner_, text)) {
      EXPECT_LE(piece.size(), kPreTokenWindow);
      EXPECT_EQ(incomplete_tail(piece), 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Names, Scanner, testing::Values("gpt-2", "llama-bpe", "qwen2", "smollm"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

// Examples worked by hand from the patterns.
TEST(PreTokenizer, WorkedExamples) {
  using Pieces = std::vector<std::string>;
  const std::string text = "I've 12345 it's\n\n  ok?!\n";
  EXPECT_EQ(pieces_of(*named_pre_tokenizer("gpt-2"), text),
            (Pieces{"I", "'ve", " 12345", " it", "'s", "\n\n ", " ok", "?!", "\n"}));
  EXPECT_EQ(pieces_of(*named_pre_tokenizer("llama-bpe"), text),
            (Pieces{"I", "'ve", " ", "123", "45", " it", "'s", "\n\n", " ", " ok", "?!\n"}));
  EXPECT_EQ(
      pieces_of(*named_pre_tokenizer("qwen2"), text),
      (Pieces{"I", "'ve", " ", "1", "2", "3", "4", "5", " it", "'s", "\n\n", " ", " ok", "?!\n"}));
}

TEST(PreTokenizer, NamesAndPatternsFindEachOther) {
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "smollm", "default"}) {
    EXPECT_EQ(name_of_patterns(patterns_of(name)), name);
  }
  EXPECT_EQ(name_of_patterns(std::vector<std::string>{"x+"}), "");
  EXPECT_EQ(named_pre_tokenizer("no such thing"), nullptr);
}

TEST(PreTokenizer, APatternThatDoesNotCompileIsBadInput) {
  try {
    pattern_pre_tokenizer(std::vector<std::string>{"(a"}, "some.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::StartsWith("some.json: "));
  }
}

TEST(PreTokenizer, APatternThatTakesForeverIsBadInput) {
  const auto slow = pattern_pre_tokenizer(std::vector<std::string>{"(?:(a+)+)+[bc]"}, "some.json");
  EXPECT_THROW(pieces_of(*slow, std::string(5000, 'a')), Error);
}

}  // namespace
}  // namespace memagent
