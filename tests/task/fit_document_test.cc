// The largest document that fits, against trying every size.
#include "task/fit_document.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace memagent {
namespace {

class Lists : public testing::TestWithParam<std::int64_t> {};

// Tokens of a numbered list: entries of 3 tokens and one for each digit of their number.
std::int64_t list_tokens(std::int64_t size) {
  std::int64_t tokens = 40;
  for (std::int64_t i = 1; i <= size; ++i) {
    tokens += 3 + static_cast<std::int64_t>(std::to_string(i).size());
  }
  return tokens;
}

struct Fit {
  std::int64_t size = -1;
  int made = 0;
  std::int64_t tokens_made = 0;
};

Fit fit(std::int64_t limit, const std::function<std::int64_t(std::int64_t)>& tokens_of) {
  Fit result;
  const auto document = fit_document(5, limit, [&](std::int64_t size) {
    auto made = std::make_shared<UnitDocument>();
    made->num_units = size;
    made->tokens = tokens_of(size);
    ++result.made;
    result.tokens_made += made->tokens;
    return made;
  });
  if (document != nullptr) result.size = document->num_units;
  return result;
}

TEST_P(Lists, AreFilledToTheLastEntryInFewAttempts) {
  const std::int64_t limit = GetParam();
  const Fit result = fit(limit, list_tokens);
  ASSERT_GE(result.size, 5);
  EXPECT_LE(list_tokens(result.size), limit);
  EXPECT_GT(list_tokens(result.size + 1), limit);
  EXPECT_LE(result.tokens_made, 5 * limit);
}

INSTANTIATE_TEST_SUITE_P(FitDocument, Lists,
                         testing::Values(60, 61, 64, 65, 100, 101, 102, 103, 104, 105, 5000, 65536,
                                         1000003));

TEST(FitDocument, NothingFits) { EXPECT_EQ(fit(59, list_tokens).size, -1); }

TEST(FitDocument, EndsWhereTokensDoNotGrowEvenly) {
  // Each size draws its own words: up to 20 tokens more or fewer than its neighbours, and sometimes
  // a size adds none.
  const auto tokens_of = [](std::int64_t size) {
    return 4 * size - size % 3 +
           static_cast<std::int64_t>(derive(1, static_cast<std::uint64_t>(size)) % 20);
  };
  for (std::int64_t limit = 1000; limit < 1200; ++limit) {
    const Fit result = fit(limit, tokens_of);
    EXPECT_LE(tokens_of(result.size), limit);
    EXPECT_GT(tokens_of(result.size), limit - 24);
    EXPECT_LT(result.made, 30);
  }
}

}  // namespace
}  // namespace memagent
