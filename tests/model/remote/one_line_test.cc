#include "model/remote/one_line.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

TEST(OneLine, BecomesOnePrintableLine) {
  EXPECT_EQ(one_line("  a\r\n\tb\x01\x02 c  "), "a b c");
  EXPECT_EQ(one_line("\x1B[31mred"), "[31mred");
  EXPECT_EQ(one_line(""), "");
}

TEST(OneLine, InvalidBytesAreReplacedAndCharactersNeverCut) {
  EXPECT_EQ(one_line("a\xFF\xC3"), "a??");
  EXPECT_EQ(one_line("\xED\xA0\x80"), "???") << "a surrogate";
  EXPECT_EQ(one_line("\xC2\x9B"), "?") << "a C1 control character";
  const std::string cut = one_line("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 8);
  EXPECT_EQ(cut, "\xC3\xA9\xC3\xA9...");
}

TEST(Scrubber, SecretsDoNotShow) {
  const Scrubber scrub({"sk-12345", "", "abc"});
  EXPECT_EQ(scrub("key sk-12345, sk-12345"), "key [secret], [secret]");
  EXPECT_EQ(scrub("abc"), "abc") << "too short to be looked for";
  EXPECT_EQ(scrub("the key sk-123..."), "the key [secret]...") << "cut short by one_line";
  EXPECT_EQ(scrub("sk..."), "sk...");
}

}  // namespace
}  // namespace memagent
