// A text fed in pieces gives the ids of the text given whole; in bounded memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <thread>

#include "base/random.h"
#include "memagent/tokenizer.h"
#include "text/bpe_trainer.h"
#include "text/sample_text.h"

namespace memagent {
namespace {

Vocabulary trained(const std::string& pre_tokenizer) {
  BpeTrainer trainer({.vocab_size = 2000, .pre_tokenizer = pre_tokenizer});
  trainer.feed(mixed_sample(11, 300'000));
  trainer.feed(std::string(3000, 'a'));
  return trainer.train();
}

Vocabulary by_scores() {
  Vocabulary vocabulary;
  vocabulary.kind = VocabularyKind::kSentencePiece;
  const auto add = [&](const std::string& token, float score, TokenType type) {
    vocabulary.tokens.push_back(token);
    vocabulary.scores.push_back(score);
    vocabulary.types.push_back(type);
  };
  add("<unk>", 0, TokenType::kUnknown);
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    add(name, 0, TokenType::kByte);
  }
  vocabulary.unknown = 0;
  float score = 0;
  for (const char* token : {"\xE2\x96\x81t", "he", "\xE2\x96\x81the", "in", "an", "er", "aa",
                            "aaaa", "\xE2\x96\x81\xE2\x96\x81", "\xD0\xBD\xD0\xBE", "\xE2\x96\x81",
                            "t", "h", "e", "a", "n", "i", "r", "\xD0\xBD"}) {
    add(token, --score, TokenType::kNormal);
  }
  return vocabulary;
}

struct Case {
  const char* name;
  std::shared_ptr<const Tokenizer> (*make)();
};

class Stream : public testing::TestWithParam<Case> {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ = GetParam().make();

  void expect_same(std::string_view text, std::uint64_t seed, std::uint64_t largest_piece) {
    const std::vector<TokenId> expected = tokenizer_->encode(text);
    RandomStream random(seed);
    std::vector<TokenId> actual;
    const auto stream = tokenizer_->stream();
    for (int round = 0; round < 2; ++round) {  // a finished stream can be used again
      actual.clear();
      for (std::size_t done = 0; done < text.size();) {
        const std::string_view piece = text.substr(done, 1 + random.below(largest_piece));
        stream->feed(piece, actual);
        done += piece.size();
      }
      stream->finish(actual);
      ASSERT_TRUE(actual == expected) << "seed " << seed << " pieces up to " << largest_piece;
    }
    ASSERT_TRUE(tokenizer_->decode(expected) == text) << "seed " << seed;
  }
};

TEST_P(Stream, AnyCutsGiveTheSameIds) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::string text = mixed_sample(seed, 1 + derive(seed, 5) % 20'000);
    for (const std::uint64_t largest : {1U, 3U, 100U, 10'000U}) expect_same(text, seed, largest);
  }
}

TEST_P(Stream, AnyBytesGiveTheSameIds) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomStream random(seed);
    std::string text;
    for (std::uint64_t size = random.below(3000); size > 0; --size) {
      text += static_cast<char>(random.below(4) == 0 ? random.below(256) : 0x20 + random.below(95));
    }
    expect_same(text, seed, 1 + random.below(20));
  }
}

TEST_P(Stream, LongRunsGiveTheSameIds) {
  for (const char* part :
       {"a", " ", "\n", "\xD0\xBD", "\xE4\xB8\x80", "!", "\n ", "\xF0\x9F\x98\x80"}) {
    std::string text = "the ";
    while (text.size() < 140'000) text += part;
    text += "\nthe";
    expect_same(text, 1, 1000);
    expect_same(text, 2, 100'000);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Stream,
    testing::Values(Case{"gpt2", [] { return make_tokenizer(trained("gpt-2")); }},
                    Case{"llama3", [] { return make_tokenizer(trained("llama-bpe")); }},
                    Case{"qwen2", [] { return make_tokenizer(trained("qwen2")); }},
                    Case{"smollm", [] { return make_tokenizer(trained("smollm")); }},
                    Case{"patterns",
                         [] {
                           Vocabulary vocabulary = trained("qwen2");
                           vocabulary.patterns = {R"(\p{N}{1,3})", R"(\s*\p{L}+|[^\p{L}\p{N}]+)"};
                           return make_tokenizer(vocabulary);
                         }},
                    Case{"llamacpp_default", [] { return make_tokenizer(trained("default")); }},
                    Case{"sentencepiece", [] { return make_tokenizer(by_scores()); }},
                    Case{"estimate", [] { return estimating_tokenizer(); }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Threads, EncodeAtOnceAsAlone) {
  const auto tokenizer = make_tokenizer(trained("default"));
  const std::string text = mixed_sample(4, 100'000);
  const std::vector<TokenId> expected = tokenizer->encode(text);
  std::vector<std::vector<TokenId>> actual(4);
  std::vector<std::thread> threads;
  for (std::vector<TokenId>& ids : actual) {
    threads.emplace_back([&] {
      const auto stream = tokenizer->stream();
      for (std::size_t at = 0; at < text.size(); at += 777) {
        stream->feed(std::string_view(text).substr(at, 777), ids);
      }
      stream->finish(ids);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<TokenId>& ids : actual) EXPECT_TRUE(ids == expected);
}

// Of this process, now; in KiB.
std::int64_t resident_kib() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * 4;
}

// 100 MB of one letter, one pre-token by every pattern: the stream holds a window of it.
TEST(StreamMemory, OneLetterRepeatedTakesNoMore) {
  const auto tokenizer = make_tokenizer(trained("llama-bpe"));
  const auto stream = tokenizer->stream();
  const std::string block(50'000, 'a');
  std::vector<TokenId> ids;
  std::int64_t tokens = 0;
  std::int64_t decoded = 0;
  std::int64_t after_first = 0;
  std::int64_t largest = 0;
#ifdef __SANITIZE_ADDRESS__
  constexpr int kBlocks = 200;  // slow there, and freed memory is kept for a while
#else
  constexpr int kBlocks = 2000;
#endif
  for (int i = 0; i < kBlocks; ++i) {
    ids.clear();
    stream->feed(block, ids);
    tokens += static_cast<std::int64_t>(ids.size());
    for (const TokenId id : ids)
      decoded += static_cast<std::int64_t>(tokenizer->token_bytes(id).size());
    if (i == 20) after_first = resident_kib();
    if (i % 50 == 0) largest = std::max(largest, resident_kib());
  }
  ids.clear();
  stream->finish(ids);
  for (const TokenId id : ids)
    decoded += static_cast<std::int64_t>(tokenizer->token_bytes(id).size());
  EXPECT_EQ(decoded, kBlocks * 50'000);
  EXPECT_GT(tokens, kBlocks * 500);
  EXPECT_LT(largest - after_first, 4096) << "KiB more than after the first megabyte";
}

}  // namespace
}  // namespace memagent
