// tokenizer.json: read, refused, written and read back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "memagent/error.h"
#include "text/bpe_trainer.h"
#include "text/sample_text.h"
#include "text/tiktoken.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

// The layout of Qwen2's file (two merges kept), with every byte in the vocabulary.
std::string qwen_like(const std::string& replaced = "", const std::string& replacement = "") {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    std::string token = in_byte_alphabet(std::string(1, static_cast<char>(byte)));
    if (token == "\"" || token == "\\") token = "\\" + token;
    vocab += fmt::format("\"{}\": {}, ", token, byte);
  }
  std::string text = fmt::format(
      R"({{"version": "1.0", "truncation": null, "padding": null,
"added_tokens": [
  {{"id": 258, "content": "<|endoftext|>", "special": true}},
  {{"id": 259, "content": "<|im_end|>", "special": true}},
  {{"id": 260, "content": "<think>", "special": false}}],
"normalizer": {{"type": "NFC"}},
"pre_tokenizer": {{"type": "Sequence", "pretokenizers": [
  {{"type": "Split", "pattern": {{"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{{L}}\\p{{N}}]?\\p{{L}}+|\\p{{N}}| ?[^\\s\\p{{L}}\\p{{N}}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    "behavior": "Isolated", "invert": false}},
  {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}}]}},
"post_processor": {{"type": "ByteLevel"}},
"decoder": {{"type": "ByteLevel"}},
"model": {{"type": "BPE", "byte_fallback": false,
  "vocab": {{{}"in": 256, "Ġin": 257}},
  "merges": ["i n", ["Ġ", "in"]]}}}})",
      vocab);
  if (!replaced.empty()) {
    const std::size_t at = text.find(replaced);
    if (at == std::string::npos) throw std::logic_error("not there: " + replaced);
    text.replace(at, replaced.size(), replacement);
  }
  return text;
}

TEST(TokenizerJson, ReadsTheLayoutOfQwen2) {
  const auto tokenizer = make_tokenizer(parse_tokenizer_json(qwen_like(), "q.json"));
  EXPECT_EQ(vocabulary_of(*tokenizer)->pre_tokenizer, "qwen2");
  EXPECT_EQ(tokenizer->vocab_size(), 261);
  EXPECT_EQ(tokenizer->encode("in in"), (std::vector<TokenId>{256, 257}));
  EXPECT_EQ(tokenizer->special_token("<|im_end|>"), 259);
  EXPECT_EQ(tokenizer->special_token("<think>"), 260);
  EXPECT_EQ(tokenizer->special_token("in"), std::nullopt);
  EXPECT_THAT(tokenizer->end_tokens(), testing::UnorderedElementsAre(258, 259));
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_FALSE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->token_bytes(257), " in");
  EXPECT_EQ(tokenizer->token_bytes(259), "");
  EXPECT_EQ(tokenizer->token_bytes(260), "<think>");
}

TEST(TokenizerJson, TextIsNeverASpecialToken) {
  const auto tokenizer = make_tokenizer(parse_tokenizer_json(qwen_like(), "q.json"));
  const std::string text = "<|im_end|> <think><|endoftext|>";
  for (const TokenId id : tokenizer->encode(text)) EXPECT_LT(id, 258);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
}

TEST(TokenizerJson, ReadsBeginOfTextFromTheTemplate) {
  const std::string text = qwen_like(R"("post_processor": {"type": "ByteLevel"})",
                                     R"("post_processor": {"type": "Sequence", "processors": [
      {"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}]})");
  const auto tokenizer = make_tokenizer(parse_tokenizer_json(text, "q.json"));
  EXPECT_EQ(tokenizer->bos(), 258);
  EXPECT_TRUE(tokenizer->adds_bos());
}

TEST(TokenizerJson, KeepsPatternsThatHaveNoName) {
  const std::string text = qwen_like(R"(\\p{N}|)", R"(\\p{N}{1,2}|)");
  const Vocabulary vocabulary = parse_tokenizer_json(text, "q.json");
  EXPECT_EQ(vocabulary.patterns.size(), 1U);
  const auto again = parse_tokenizer_json(write_tokenizer_json(vocabulary), "again");
  EXPECT_EQ(again.patterns, vocabulary.patterns);
}

TEST(TokenizerJson, RefusesWithTheReason) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const std::pair<std::string, const char*> cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"{\"model\": " + deep + "}", "nested more than"},
      {"{}", "'model' is missing"},
      {qwen_like("\"BPE\"", "\"WordPiece\""), "WordPiece"},
      {qwen_like("\"in\": 256", "\"in\": -1"), "'in' is -1"},
      {qwen_like("\"in\": 256", "\"in\": 4000000000"), "4000000000"},
      {qwen_like("\"in\": 256", "\"in\": 1.5"), "'in' is 1.5"},
      {qwen_like("\"in\": 256", "\"in\": \"x\""), "'in' is"},
      {qwen_like("\"i n\"", "\"in\""), "not two texts"},
      {qwen_like("\"i n\"", "17"), "neither a string nor a pair"},
      {qwen_like("\"i n\"", "\"i  n\""), "not byte-level text"},
      {qwen_like("\"NFC\"", "\"Lowercase\""), "Lowercase"},
      {qwen_like("\"ByteLevel\", \"add_prefix_space\"", "\"Whitespace\", \"add\""), "Whitespace"},
      {qwen_like("\"Isolated\"", "\"MergedWithNext\""), "MergedWithNext"},
      {qwen_like("(?i:'s", "(?i:('s"), "does not compile"},
      {qwen_like("\"merges\"", "\"merge\""), "'merges' is missing"},
      {qwen_like("\"content\": \"<think>\"", "\"text\": 1"), "lacks id or content"},
  };
  for (const auto& [text, reason] : cases) {
    try {
      make_tokenizer(parse_tokenizer_json(text, "file.json"), "file.json");
      ADD_FAILURE() << "taken: " << reason;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_THAT(error.what(), testing::StartsWith("file.json: "));
      EXPECT_THAT(error.what(), testing::HasSubstr(reason));
    }
  }
}

TEST(TokenizerJson, CutAnywhereIsRefusedNotFatal) {
  const std::string text = qwen_like();
  for (std::size_t size = 0; size < text.size(); size += 7) {
    EXPECT_THROW(parse_tokenizer_json(text.substr(0, size), "cut"), Error);
  }
}

TEST(TokenizerJson, WrittenAndReadBackGivesTheSameIds) {
  const std::string sample = mixed_sample(3, 50'000);
  for (const char* pre_tokenizer : {"gpt-2", "llama-bpe", "qwen2", "smollm", "default"}) {
    BpeTrainer trainer({.vocab_size = 1000, .pre_tokenizer = pre_tokenizer});
    trainer.feed(sample);
    Vocabulary vocabulary = trainer.train();
    vocabulary.bos = vocabulary.eos;
    vocabulary.add_bos = true;
    const Vocabulary again = parse_tokenizer_json(write_tokenizer_json(vocabulary), "again");
    EXPECT_EQ(again.pre_tokenizer, pre_tokenizer);
    EXPECT_EQ(again.tokens, vocabulary.tokens);
    EXPECT_EQ(again.merges, vocabulary.merges);
    EXPECT_EQ(again.types, vocabulary.types);
    EXPECT_EQ(again.bos, vocabulary.bos);
    EXPECT_EQ(again.eos, vocabulary.eos);
    EXPECT_TRUE(again.add_bos);
    EXPECT_EQ(make_tokenizer(again)->encode(sample), make_tokenizer(vocabulary)->encode(sample));
  }
}

class TokenizerFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(MEMAGENT_BINARY_DIR) / "tests/text/json_scratch";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::filesystem::path folder_;
};

TEST_F(TokenizerFile, LoadsWithTheConfigurationBesideIt) {
  write("tokenizer.json", qwen_like());
  write(
      "tokenizer_config.json",
      R"({"bos_token": {"content": "<|endoftext|>"}, "eos_token": "<|endoftext|>", "add_bos_token": true})");
  for (const auto& path : {folder_, folder_ / "tokenizer.json"}) {
    const auto tokenizer = load_tokenizer(path.string());
    EXPECT_EQ(tokenizer->bos(), 258);
    EXPECT_TRUE(tokenizer->adds_bos());
    EXPECT_EQ(tokenizer->end_tokens().front(), 258);
    EXPECT_EQ(tokenizer->encode("in"), std::vector<TokenId>{256});
  }
}

TEST_F(TokenizerFile, RefusesOtherFiles) {
  write("x.txt", "no tokenizer at all");
  write("empty", "");
  for (const auto& path : {folder_ / "x.txt", folder_ / "empty", folder_, folder_ / "absent"}) {
    try {
      load_tokenizer(path.string());
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    }
  }
}

TEST(Vocabulary, ContradictionsAreRefused) {
  const Vocabulary good = parse_tokenizer_json(qwen_like(), "q.json");
  const auto refused = [&](auto change, const char* reason) {
    Vocabulary vocabulary = good;
    change(vocabulary);
    try {
      make_tokenizer(std::move(vocabulary), "file");
      ADD_FAILURE() << "taken: " << reason;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_THAT(error.what(), testing::HasSubstr(reason));
    }
  };
  refused([](Vocabulary& v) { v.tokens.clear(); }, "no tokens");
  refused([](Vocabulary& v) { v.types.pop_back(); }, "token types");
  refused([](Vocabulary& v) { v.eos = 4000; }, "end-of-text");
  refused([](Vocabulary& v) { v.bos = -7; }, "begin-of-text");
  refused([](Vocabulary& v) { v.add_bos = true; }, "does not say which");
  refused([](Vocabulary& v) { v.pre_tokenizer = "klingon"; }, "klingon");
  refused([](Vocabulary& v) { v.kind = VocabularyKind::kSentencePiece; }, "without scores");
  refused([](Vocabulary& v) { v.tokens[0xEF] = "zzzz"; }, "lacks tokens for some bytes");
}

// A vocabulary without the bytes no UTF-8 contains is usual; they come out as U+FFFD.
TEST(Vocabulary, MissingBytesBecomeReplacementCharacters) {
  Vocabulary vocabulary = parse_tokenizer_json(qwen_like(), "q.json");
  vocabulary.types[0xFF] = TokenType::kUnused;
  const auto tokenizer = make_tokenizer(vocabulary);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFF"
                                                "b")),
            "a\xEF\xBF\xBD"
            "b");
  vocabulary.unknown = 258;
  EXPECT_EQ(make_tokenizer(vocabulary)->encode("a\xFF"), (std::vector<TokenId>{'a', 258}));
}

}  // namespace
}  // namespace memagent
