// Pages: counted, found by their tokens, kept and evicted.
#include "model/local/kv_cache.h"

#include <gtest/gtest.h>

#include <numeric>
#include <span>
#include <vector>

namespace memagent {
namespace {

ModelConfig tiny() {
  ModelConfig config;
  config.num_layers = 2;
  config.num_kv_heads = 3;
  config.head_dim = 16;
  return config;
}

std::vector<TokenId> run_from(TokenId first) {
  std::vector<TokenId> tokens(kPageTokens);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

TEST(KvCache, HeadsOfAPageDoNotOverlap) {
  KvCache cache(tiny(), 4, 0);
  EXPECT_EQ(KvCache::page_bytes(tiny()), 2 * 2 * 3 * 16 * 64 * 2);
  const PageId a = cache.allocate();
  const PageId b = cache.allocate();
  EXPECT_EQ(cache.values(a, 0, 0) - cache.keys(a, 0, 0), 16 * 64);
  EXPECT_EQ(cache.keys(a, 0, 1) - cache.keys(a, 0, 0), 2 * 16 * 64);
  EXPECT_EQ(cache.keys(a, 1, 0) - cache.keys(a, 0, 0), 3 * 2 * 16 * 64);
  EXPECT_EQ((cache.keys(b, 0, 0) - cache.keys(a, 0, 0)) * 2, KvCache::page_bytes(tiny()));
}

TEST(KvCache, FindsAPageByItsTokensAndItsPredecessor) {
  KvCache cache(tiny(), 8, 8);
  const PageId first = cache.allocate();
  const PageId second = cache.allocate();
  cache.register_page(first, kNoPage, run_from(0));
  cache.register_page(second, first, run_from(5));
  EXPECT_EQ(cache.find(kNoPage, run_from(0)), first);
  EXPECT_EQ(cache.find(first, run_from(5)), second);
  EXPECT_EQ(cache.find(kNoPage, run_from(5)), kNoPage);
  EXPECT_EQ(cache.find(first, run_from(6)), kNoPage);
}

TEST(KvCache, ReleasedPagesAreKeptOnlyWhenAskedFor) {
  KvCache cache(tiny(), 8, 8);
  const PageId page = cache.allocate();
  cache.register_page(page, kNoPage, run_from(0));
  cache.hold(page);
  cache.release(page, true);
  EXPECT_EQ(cache.available(), 7);
  cache.release(page, true);
  EXPECT_EQ(cache.available(), 8);
  EXPECT_EQ(cache.find(kNoPage, run_from(0)), page);
  // Somebody who keeps nothing does not undo what others have kept.
  cache.hold(page);
  cache.release(page, false);
  EXPECT_EQ(cache.find(kNoPage, run_from(0)), page);
  const PageId other = cache.allocate();
  cache.register_page(other, kNoPage, run_from(100));
  cache.release(other, false);
  EXPECT_EQ(cache.find(kNoPage, run_from(100)), kNoPage);
}

// What can no longer be found does not stand in the way of the same tokens computed anew.
TEST(KvCache, APageWhoseBeginningIsGoneGivesWay) {
  KvCache cache(tiny(), 8, 8);
  const PageId parent = cache.allocate();
  const PageId child = cache.allocate();
  cache.register_page(parent, kNoPage, run_from(0));
  cache.register_page(child, parent, run_from(64));
  cache.release(child, true);
  cache.release(parent, false);
  const PageId parent_again = cache.allocate();
  const PageId child_again = cache.allocate();
  cache.register_page(parent_again, kNoPage, run_from(0));
  cache.register_page(child_again, parent_again, run_from(64));
  EXPECT_EQ(cache.find(parent_again, run_from(64)), child_again);
}

TEST(KvCache, TheLeastRecentlyKeptPageGoesFirst) {
  KvCache cache(tiny(), 8, 2);
  for (const TokenId first : {0, 100, 200}) {
    const PageId page = cache.allocate();
    cache.register_page(page, kNoPage, run_from(first));
    cache.release(page, true);
  }
  EXPECT_EQ(cache.find(kNoPage, run_from(0)), kNoPage);
  EXPECT_NE(cache.find(kNoPage, run_from(100)), kNoPage);
  EXPECT_NE(cache.find(kNoPage, run_from(200)), kNoPage);
}

TEST(KvCache, KeptPagesGiveWayToHeldOnes) {
  KvCache cache(tiny(), 2, 2);
  for (const TokenId first : {0, 100}) {
    const PageId page = cache.allocate();
    cache.register_page(page, kNoPage, run_from(first));
    cache.release(page, true);
  }
  cache.allocate();
  cache.allocate();
  EXPECT_EQ(cache.available(), 0);
  EXPECT_EQ(cache.find(kNoPage, run_from(100)), kNoPage);
  EXPECT_THROW(cache.allocate(), std::logic_error);
}

TEST(KvCache, FindsTheLongestBeginningThatWasKept) {
  KvCache cache(tiny(), 8, 2);
  const PageId parent = cache.allocate();
  const PageId page = cache.allocate();
  cache.register_page(parent, kNoPage, run_from(0));
  const std::vector<TokenId> tokens = run_from(64);
  const std::span<const TokenId> whole(tokens);
  *cache.keys(page, 1, 2) = 7;
  cache.keep_beginning(page, parent, whole.first(20));
  cache.keep_beginning(page, parent, whole.first(20));  // there already
  std::vector<TokenId> other(tokens.begin(), tokens.begin() + 40);
  other[10] = 1;
  cache.keep_beginning(page, parent, other);

  const auto found = cache.find_beginning(parent, tokens);
  EXPECT_EQ(found.num_tokens, 20);
  EXPECT_NE(found.page, page);
  EXPECT_EQ(*cache.keys(found.page, 1, 2), 7);
  EXPECT_EQ(cache.find_beginning(parent, whole.first(15)).num_tokens, 15);
  EXPECT_EQ(cache.find_beginning(parent, other).num_tokens, 40);
  EXPECT_EQ(cache.find_beginning(kNoPage, tokens).num_tokens, 0);
  EXPECT_EQ(cache.find_beginning(parent, run_from(3)).page, kNoPage);
  // It is used least recently and makes room for another.
  cache.find_beginning(parent, other);
  cache.keep_beginning(page, parent, whole.last(30));
  EXPECT_EQ(cache.find_beginning(parent, tokens).num_tokens, 10);
  EXPECT_EQ(cache.available(), 6);

  cache.keep_beginning(parent, page, other);  // after a page that nobody can find
  EXPECT_EQ(cache.find_beginning(page, other).page, kNoPage);
  cache.release(page, false);
  cache.release(parent, false);
  cache.forget();
  EXPECT_EQ(cache.available(), 8);
  EXPECT_EQ(cache.find_beginning(parent, other).page, kNoPage);
}

TEST(KvCache, APageIsNotFoundAfterItsPredecessorWasReused) {
  KvCache cache(tiny(), 2, 2);
  const PageId parent = cache.allocate();
  const PageId child = cache.allocate();
  cache.register_page(parent, kNoPage, run_from(0));
  cache.register_page(child, parent, run_from(64));
  cache.release(parent, false);
  const PageId reused = cache.allocate();
  ASSERT_EQ(reused, parent);
  // Even under the same tokens it is another page: its keys are not yet written.
  cache.register_page(reused, kNoPage, run_from(0));
  EXPECT_EQ(cache.find(reused, run_from(64)), kNoPage);
}

}  // namespace
}  // namespace memagent
