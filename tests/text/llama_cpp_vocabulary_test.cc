// Encoding against llama.cpp (npm node-llama-cpp 3.22.1) on GGUF files that hold nothing but a
// vocabulary, with much mixed text. tests/model has short examples on whole models.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "format/gguf_writer.h"
#include "text/bpe_trainer.h"
#include "text/gguf_vocabulary.h"
#include "text/sample_text.h"

namespace memagent {
namespace {

using Json = nlohmann::json;

const std::string kFolder = MEMAGENT_BINARY_DIR "/tests/text/llama_scratch";

std::string write_gguf(const Vocabulary& vocabulary, const std::string& name) {
  const std::string path = fmt::format("{}/{}.gguf", kFolder, name);
  GgufWriter writer(path);
  writer.set_string("general.architecture", "llama");
  writer.set_u32("llama.block_count", 1);
  writer.set_u32("llama.context_length", 512);
  writer.set_u32("llama.embedding_length", 32);
  writer.set_u32("llama.feed_forward_length", 32);
  writer.set_u32("llama.attention.head_count", 1);
  writer.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  write_gguf_vocabulary(vocabulary, writer);
  writer.begin();
  writer.finish();
  return path;
}

// Merges of a trained vocabulary as scores, in SentencePiece's form.
Vocabulary as_sentencepiece(const Vocabulary& bpe) {
  Vocabulary out;
  out.kind = VocabularyKind::kSentencePiece;
  const auto add = [&](const std::string& token, TokenType type, float score) {
    out.tokens.push_back(token);
    out.types.push_back(type);
    out.scores.push_back(score);
  };
  add("<unk>", TokenType::kUnknown, 0);
  add("<s>", TokenType::kControl, 0);
  add("</s>", TokenType::kControl, 0);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), TokenType::kByte, 0);
  const auto tokenizer = make_tokenizer(bpe);
  float score = 0;
  for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
    std::string piece;
    bool whole = !tokenizer->token_bytes(id).empty();
    for (const char byte : tokenizer->token_bytes(id)) {
      whole = whole && byte != '\xE2';  // keeps parts of characters and of U+2581 away
      if (byte == ' ') {
        piece += "\xE2\x96\x81";
      } else {
        piece += byte;
      }
    }
    try {
      if (whole && !Json(piece).dump().empty()) add(piece, TokenType::kNormal, --score);
    } catch (const Json::type_error&) {
      // Part of a character.
    }
  }
  out.bos = 1;
  out.eos = 2;
  out.unknown = 0;
  return out;
}

TEST(LlamaCppVocabulary, SameIds) {
  if (!std::filesystem::exists(MEMAGENT_SOURCE_DIR "/tests/npm/node_modules/node-llama-cpp")) {
    GTEST_SKIP() << "tests/npm/node_modules is not installed; run `make test`";
  }
  std::filesystem::create_directories(kFolder);
  std::vector<std::string> paths;
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "smollm", "default"}) {
    BpeTrainer trainer({.vocab_size = 3000, .pre_tokenizer = name});
    trainer.feed(mixed_sample(1, 300'000));
    const Vocabulary vocabulary = trainer.train();
    paths.push_back(write_gguf(vocabulary, name));
    if (name == std::string("gpt-2")) {
      paths.push_back(write_gguf(as_sentencepiece(vocabulary), "sentencepiece"));
    }
  }
  std::vector<std::string> texts;
  for (std::uint64_t seed = 0; seed < 300; ++seed) texts.push_back(mixed_sample(seed, 600));
  texts.push_back(real_sample(200'000));
  std::ofstream(kFolder + "/texts.json") << Json(texts).dump();
  std::string command = fmt::format(
      "node '{0}/tests/npm/llama_tokenize.mjs' '{1}/texts.json' "
      "'{1}/ids.json'",
      MEMAGENT_SOURCE_DIR, kFolder);
  for (const std::string& path : paths) command += fmt::format(" '{}'", path);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream file(kFolder + "/ids.json");
  const Json reply = Json::parse(file);

  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto tokenizer = load_tokenizer(paths[i]);
    // The space some models want in front is the caller's to give.
    const bool prefix = vocabulary_of(*tokenizer)->kind == VocabularyKind::kSentencePiece;
    int different = 0;
    for (std::size_t t = 0; t < texts.size(); ++t) {
      if (texts[t].empty()) continue;
      const auto ours = tokenizer->encode((prefix ? " " : "") + texts[t]);
      const auto theirs = reply.at(i).at(t).get<std::vector<TokenId>>();
      if (ours == theirs || ++different > 3) continue;
      std::size_t at = 0;
      while (at < ours.size() && at < theirs.size() && ours[at] == theirs[at]) ++at;
      const auto show = [&](const std::vector<TokenId>& ids) {
        std::string text;
        for (std::size_t k = at > 0 ? at - 1 : 0; k < ids.size() && k < at + 6; ++k) {
          text += fmt::format("[{}]", tokenizer->token_bytes(ids[k]));
        }
        return text;
      };
      ADD_FAILURE() << paths[i] << " text " << t << " token " << at << ": llama.cpp "
                    << show(theirs) << " ours " << show(ours);
    }
    EXPECT_EQ(different, 0) << paths[i];
  }
}

}  // namespace
}  // namespace memagent
