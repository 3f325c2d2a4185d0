// SentencePiece models against the library, on models the library trains here.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "memagent/error.h"
#include "text/sample_text.h"
#include "text/sentencepiece_model.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

// Trains as Llama 2's model was: no normalisation, byte fallback, digits apart.
std::string train(const std::string& type, bool split_words = true) {
  const std::filesystem::path folder = MEMAGENT_BINARY_DIR "/tests/text/sentencepiece_scratch";
  std::filesystem::create_directories(folder);
  const std::string stem = (folder / fmt::format("{}{}", type, split_words)).string();
  if (std::filesystem::exists(stem + ".model")) return stem + ".model";
  std::ofstream(stem + ".txt") << english_sample(1, 60'000) << mixed_sample(2, 60'000);
  const auto status = sentencepiece::SentencePieceTrainer::Train(fmt::format(
      "--input={0}.txt --model_prefix={0}_new --model_type={1} --vocab_size=2500 "
      "--byte_fallback=true "
      "--normalization_rule_name=identity --remove_extra_whitespaces=false --split_digits=true "
      "--character_coverage=0.98 --split_by_whitespace={2} --minloglevel=2 --num_threads=1 "
      "--hard_vocab_limit=false",
      stem, type, split_words));
  if (!status.ok()) throw std::runtime_error(status.ToString());
  std::filesystem::rename(stem + "_new.model", stem + ".model");
  return stem + ".model";
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

struct Case {
  const char* type;
  bool split_words;
};

class SentencePiece : public testing::TestWithParam<Case> {};

TEST_P(SentencePiece, SameIdsAsTheLibrary) {
  const std::string path = train(GetParam().type, GetParam().split_words);
  const auto tokenizer = load_tokenizer(path);
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.Load(path).ok());
  EXPECT_EQ(tokenizer->vocab_size(), library.GetPieceSize());
  EXPECT_EQ(tokenizer->bos(), library.bos_id());
  EXPECT_EQ(tokenizer->end_tokens().front(), library.eos_id());
  EXPECT_EQ(tokenizer->special_token("<s>"), library.bos_id());
  EXPECT_EQ(tokenizer->token_bytes(library.bos_id()), "");
  EXPECT_TRUE(tokenizer->adds_bos());
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = mixed_sample(seed, 1 + derive(seed, 1) % 2000);
    std::vector<int> expected;
    // The library puts a space in front; we are given it.
    ASSERT_TRUE(library.Encode(text, &expected).ok());
    const std::vector<TokenId> actual = tokenizer->encode(" " + text);
    ASSERT_EQ(tokenizer->decode(actual), " " + text);
    if (actual == expected) continue;
    // Two segmentations of nearly equal probability: the library adds up floats from the start of
    // the text, we from the start of the word.
    ASSERT_STREQ(GetParam().type, "unigram") << seed;
    double difference = 0;
    double sum = 0;
    for (const TokenId id : actual) difference += library.GetScore(id);
    for (const TokenId id : expected) sum += library.GetScore(id);
    ASSERT_LT(std::abs(difference - sum), 1e-6 * std::abs(sum)) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SentencePiece,
                         testing::Values(Case{"bpe", true}, Case{"bpe", false},
                                         Case{"unigram", true}),
                         [](const auto& test) {
                           return fmt::format("{}{}", test.param.type,
                                              test.param.split_words ? "" : "_across_words");
                         });

TEST(SentencePieceModels, TextIsNeverASpecialToken) {
  for (const char* type : {"bpe", "unigram"}) {
    const auto tokenizer = load_tokenizer(train(type));
    const std::string text = "<s>[</s><unk>\xE2\x96\x81<0x41>\xEF\xBF\xBD";
    const std::vector<TokenId> ids = tokenizer->encode(text);
    for (const TokenId id : ids) EXPECT_GT(id, 2);
    if (type == std::string("bpe")) {
      EXPECT_EQ(tokenizer->decode(ids), text);
    }
  }
}

TEST(SentencePieceModels, CutAnywhereIsRefusedNotFatal) {
  const std::string bytes = read_file(train("bpe"));
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    try {
      make_tokenizer(parse_sentencepiece_model(bytes.substr(0, size), "cut.model"), "cut.model");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    }
  }
  EXPECT_THROW(parse_sentencepiece_model("", "empty.model"), Error);
}

TEST(SentencePieceModels, ScoresAndMergesSurviveTokenizerJson) {
  const std::string path = train("bpe");
  const auto tokenizer = load_tokenizer(path);
  const Vocabulary& vocabulary = *vocabulary_of(*tokenizer);
  const Vocabulary again = parse_tokenizer_json(write_tokenizer_json(vocabulary), "again");
  EXPECT_EQ(again.kind, VocabularyKind::kSentencePiece);
  EXPECT_EQ(again.tokens, vocabulary.tokens);
  EXPECT_EQ(again.types, vocabulary.types);
  EXPECT_EQ(again.bos, vocabulary.bos);
  EXPECT_TRUE(again.add_space_prefix);
  const std::string sample = mixed_sample(9, 50'000);
  EXPECT_EQ(make_tokenizer(again)->encode(sample), tokenizer->encode(sample));
}

TEST(SentencePieceModels, UnigramIsNotWrittenElsewhere) {
  const auto tokenizer = load_tokenizer(train("unigram"));
  EXPECT_THROW(write_tokenizer_json(*vocabulary_of(*tokenizer)), Error);
  // But it is one like any other.
  const std::string sample = mixed_sample(9, 50'000);
  EXPECT_EQ(make_tokenizer(*vocabulary_of(*tokenizer))->encode(sample), tokenizer->encode(sample));
}

}  // namespace
}  // namespace memagent
