// Byte-level BPE against tiktoken's npm package 1.0.22 on its GPT-2 and cl100k vocabularies. Run
// from tests/npm by tiktoken.mjs; skipped where the package is not installed.
#include "text/tiktoken.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "text/sample_text.h"

namespace memagent {
namespace {

struct Peer {
  const char* encoding;
  const char* pre_tokenizer;
};

class Tiktoken : public testing::TestWithParam<Peer> {};

// Where two id sequences part, in words.
std::string first_difference(const Tokenizer& tokenizer, const std::vector<TokenId>& expected,
                             const std::vector<TokenId>& actual) {
  std::size_t at = 0;
  while (at < expected.size() && at < actual.size() && expected[at] == actual[at]) ++at;
  const auto show = [&](const std::vector<TokenId>& ids) {
    std::string text;
    for (std::size_t i = at; i < ids.size() && i < at + 8; ++i) {
      text += fmt::format("[{}]", tokenizer.token_bytes(ids[i]));
    }
    return text;
  };
  return fmt::format("at token {} expected {} found {}", at, show(expected), show(actual));
}

TEST_P(Tiktoken, SameIds) {
  if (!have_tiktoken()) GTEST_SKIP() << "tests/npm/node_modules is not installed; run `make test`";
  const auto tokenizer =
      make_tokenizer(tiktoken_vocabulary(GetParam().encoding, GetParam().pre_tokenizer));
  std::string text = mixed_sample(1, 3'000'000) + english_sample(2, 1'000'000);
  // Long pre-tokens, within the window: every merge strategy must be exercised.
  for (const int length : {40, 47, 48, 49, 50, 100, 1000, 20'000}) {
    const auto size = static_cast<std::size_t>(length);
    text += fmt::format("\n{}\n", std::string(size, 'a'));
    for (int i = 0; i < length; ++i) text += "acgt"[(i * i + i / 7) % 4];
    text += fmt::format("\n{}x", std::string(size, ' '));
  }
  text += real_sample(3'000'000);
  const std::vector<TokenId> expected = tiktoken_encode(GetParam().encoding, text);
  const std::vector<TokenId> actual = tokenizer->encode(text);
  EXPECT_GT(expected.size(), 1'000'000U);
  EXPECT_TRUE(expected == actual) << first_difference(*tokenizer, expected, actual);
  EXPECT_TRUE(tokenizer->decode(actual) == text);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, Tiktoken,
                         testing::Values(Peer{"gpt2", "gpt-2"}, Peer{"cl100k_base", "llama-bpe"}),
                         [](const auto& test) { return std::string(test.param.encoding); });

}  // namespace
}  // namespace memagent
