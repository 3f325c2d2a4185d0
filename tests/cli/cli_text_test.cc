// The pure parts of the command line: lengths, word differences, the progress line, text made
// harmless for terminals. Expected values are worked out by hand.
#include <gtest/gtest.h>

#include "base/random.h"
#include "cli/lengths.h"
#include "cli/terminal.h"
#include "cli/word_diff.h"
#include "memagent/error.h"

namespace memagent {
namespace {

TEST(Lengths, NumbersWithAndWithoutUnit) {
  EXPECT_EQ(parse_length("--n", "0"), 0);
  EXPECT_EQ(parse_length("--n", "5000"), 5000);
  EXPECT_EQ(parse_length("--n", "8K"), 8192);
  EXPECT_EQ(parse_length("--n", "8k"), 8192);
  EXPECT_EQ(parse_length("--n", "1M"), 1048576);
  EXPECT_EQ(parse_length("--n", "3.5M"), 3670016);  // 3.5 * 2^20
  EXPECT_EQ(parse_length("--n", "0.5K"), 512);
  EXPECT_EQ(parse_length("--n", "2G"), 2147483648);
}

TEST(Lengths, EverythingElseIsRefusedByName) {
  for (const char* text : {"", "K", ".", ".K", "1.", "1.K", "-1", "+1", "1e3", "8KB", "8 K", "1.5",
                           "1.2.3K", "99999999999999999999", "0x10", "eight"}) {
    try {
      parse_length("--section-tokens", text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_NE(std::string(error.what()).find("--section-tokens"), std::string::npos);
    }
  }
}

TEST(Lengths, ForPeople) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3600 + 120 + 3), "1:02:03");
  EXPECT_EQ(duration_text(1e300), "very long");
}

using Parts = std::vector<DiffPart>;
constexpr DiffKind kSame = DiffKind::kSame;
constexpr DiffKind kAdded = DiffKind::kAdded;
constexpr DiffKind kRemoved = DiffKind::kRemoved;

TEST(WordDiff, ByHand) {
  EXPECT_EQ(word_diff("", ""), Parts());
  EXPECT_EQ(word_diff("a b", "a b"), (Parts{{kSame, "a b"}}));
  EXPECT_EQ(word_diff("", "a b"), (Parts{{kAdded, "a b"}}));
  EXPECT_EQ(word_diff("a b", ""), (Parts{{kRemoved, "a b"}}));
  EXPECT_EQ(word_diff("the old bell rang", "the new bell rang twice"), (Parts{{kSame, "the"},
                                                                              {kRemoved, " old"},
                                                                              {kAdded, " new"},
                                                                              {kSame, " bell rang"},
                                                                              {kAdded, " twice"}}));
}

TEST(WordDiff, PartsRebuildBothTexts) {
  RandomStream random(7);
  for (int round = 0; round < 300; ++round) {
    const auto text = [&] {
      std::string made;
      for (std::uint64_t n = random.below(30); n > 0; --n) {
        made += static_cast<char>('a' + random.below(4));
        if (random.below(2) == 0) made += random.below(5) == 0 ? "\n" : " ";
      }
      return made;
    };
    const std::string before = text();
    const std::string after = text();
    std::string old_text;
    std::string new_text;
    DiffKind last = kSame;
    bool first = true;
    for (const DiffPart& part : word_diff(before, after)) {
      if (part.kind != kAdded) old_text += part.text;
      if (part.kind != kRemoved) new_text += part.text;
      EXPECT_TRUE(first || part.kind != last);
      last = part.kind;
      first = false;
    }
    EXPECT_EQ(old_text, before);
    EXPECT_EQ(new_text, after);
  }
}

TEST(WordDiff, HugeTextsStayCheap) {
  std::string before;
  std::string after;
  for (int i = 0; i < 50'000; ++i) {
    before += std::to_string(i) + " ";
    after += std::to_string(-i) + " ";
  }
  EXPECT_LE(word_diff(before, after).size(), 4U);
}

TEST(Terminal, MarksChanges) {
  EXPECT_EQ(marked_changes("the old bell", "the new bell", false), "the [-old-] {+new+} bell");
  EXPECT_EQ(marked_changes("", "new", true), "\x1B[32mnew\x1B[0m");
}

TEST(Terminal, HarmlessText) {
  EXPECT_EQ(harmless("plain\n\ttext \xC3\xA9 \xE4\xBD\xA0"), "plain\n\ttext \xC3\xA9 \xE4\xBD\xA0");
  // ESC ] 0 ; sets a window title; CSI is also one character, U+009B.
  EXPECT_EQ(harmless("\x1B]0;x\x07"), "\xEF\xBF\xBD]0;x\xEF\xBF\xBD");
  EXPECT_EQ(harmless("\xC2\x9B"
                     "31m"),
            "\xEF\xBF\xBD"
            "31m");
  EXPECT_EQ(harmless("a\rb\x7F"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(Terminal, ShellWord) {
  EXPECT_EQ(shell_word("run-1/a.b"), "run-1/a.b");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("~x"), "'~x'");
  EXPECT_EQ(shell_word("$(id)"), "'$(id)'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
}

TEST(Terminal, ProgressLine) {
  ProgressState state;
  state.tokens = 50'000;
  state.fraction = 0.25;
  state.seconds = 10;
  // A quarter took 10 s, so 30 s are left; 50,000 tokens in 10 s.
  EXPECT_EQ(progress_line(state, 100),
            " 25% [#######.......................]  50,000 tokens  5,000 tokens/s  30 s left");
  EXPECT_EQ(progress_line(state, 48), " 25%  50,000 tokens  5,000 tokens/s  30 s left");
  EXPECT_EQ(progress_line(state, 10), " 25%  50,0");
  // Resumed at 20% and 40,000 tokens: 5% and 10,000 tokens took 10 s, 75% will take 150 s.
  state.fraction_resumed = 0.20;
  state.tokens_resumed = 40'000;
  EXPECT_NE(progress_line(state, 100).find("1,000 tokens/s  2:30 left"), std::string::npos);
  state.fraction = -1;
  EXPECT_EQ(progress_line(state, 100), "reading  50,000 tokens  1,000 tokens/s");
}

}  // namespace
}  // namespace memagent
