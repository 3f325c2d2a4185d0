// Writing tokenizer.json, for models that leave as safetensors folders.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

ordered_json split(const std::string& pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

ordered_json pre_tokenizer(const Vocabulary& vocabulary) {
  const std::string& name = vocabulary.pre_tokenizer;
  const std::vector<std::string> patterns =
      vocabulary.patterns.empty() ? patterns_of(name) : vocabulary.patterns;
  const std::string gpt2 = patterns_of("gpt-2").front();
  ordered_json parts = ordered_json::array();
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const bool last = i + 1 == patterns.size();
    if (patterns[i] == R"(\p{N})") {
      parts.push_back({{"type", "Digits"}, {"individual_digits", true}});
    } else if (!(last && patterns[i] == gpt2)) {
      parts.push_back(split(patterns[i]));
    }
  }
  parts.push_back(byte_level(!patterns.empty() && patterns.back() == gpt2));
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {"pretokenizers", parts}};
}

ordered_json post_processor(const Vocabulary& vocabulary) {
  const bool byte_bpe = vocabulary.kind == VocabularyKind::kByteLevelBpe;
  if (!vocabulary.add_bos || vocabulary.bos < 0) {
    return byte_bpe ? byte_level(false) : ordered_json();
  }
  const std::string& bos = vocabulary.tokens[static_cast<std::size_t>(vocabulary.bos)];
  const auto special = [&](int type) {
    return ordered_json{{"SpecialToken", {{"id", bos}, {"type_id", type}}}};
  };
  const auto sequence = [](const char* id, int type) {
    return ordered_json{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", {special(0), sequence("A", 0)}},
          {"pair", {special(0), sequence("A", 0), special(1), sequence("B", 1)}},
          {"special_tokens", {{bos, {{"id", bos}, {"ids", {vocabulary.bos}}, {"tokens", {bos}}}}}}};
}

// The merges that scores imply: every way to make a token of two others, best score first.
json merges_of_scores(const Vocabulary& vocabulary, const json& vocab) {
  struct Merge {
    float score;
    std::string left;
    std::string right;
  };
  std::vector<Merge> merges;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!vocabulary.types.empty() && vocabulary.types[id] != TokenType::kNormal) continue;
    const std::string_view token = vocabulary.tokens[id];
    for (std::size_t cut = 0; cut < token.size();) {
      cut += decode_utf8(token.substr(cut)).bytes;
      if (cut >= token.size()) break;
      std::string left(token.substr(0, cut));
      std::string right(token.substr(cut));
      if (vocab.contains(left) && vocab.contains(right)) {
        merges.push_back({vocabulary.scores[id], std::move(left), std::move(right)});
      }
    }
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [](const Merge& a, const Merge& b) { return a.score > b.score; });
  json out = json::array();
  for (const Merge& merge : merges) out.push_back({merge.left, merge.right});
  return out;
}

}  // namespace

std::string write_tokenizer_json(const Vocabulary& vocabulary) {
  if (vocabulary.kind == VocabularyKind::kUnigram) {
    fail(ErrorKind::kBadInput, "a unigram vocabulary cannot be written as tokenizer.json");
  }
  const bool byte_bpe = vocabulary.kind == VocabularyKind::kByteLevelBpe;
  json vocab = json::object();
  ordered_json added = ordered_json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    const TokenType type = vocabulary.types.empty() ? TokenType::kNormal : vocabulary.types[id];
    const bool special = type == TokenType::kControl || type == TokenType::kUnknown;
    if (special || type == TokenType::kUserDefined) {
      added.push_back({{"id", id},
                       {"content", token},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", special}});
      if (byte_bpe) continue;
    }
    if (type == TokenType::kUnused && vocab.contains(token)) continue;
    vocab[token] = id;
  }

  ordered_json model = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", !byte_bpe},
                        {"byte_fallback", !byte_bpe}};
  const bool llama3 = vocabulary.patterns.empty() &&
                      patterns_of(vocabulary.pre_tokenizer) == patterns_of("llama-bpe");
  model["ignore_merges"] = byte_bpe && (vocabulary.ignore_merges || llama3);
  if (vocabulary.unknown >= 0) {
    model["unk_token"] = vocabulary.tokens[static_cast<std::size_t>(vocabulary.unknown)];
  }
  ordered_json root = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", added},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", nullptr},
                       {"post_processor", post_processor(vocabulary)},
                       {"decoder", byte_level(true)}};
  json merges = json::array();
  if (byte_bpe) {
    root["pre_tokenizer"] = pre_tokenizer(vocabulary);
    for (const std::string& merge : vocabulary.merges) {
      const std::size_t space = merge.find(' ', 1);
      if (space == std::string::npos) {
        fail(ErrorKind::kBadInput, "merge '{}' of the vocabulary has no space", merge);
      }
      merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
    }
  } else {
    const char* const space_mark = "\xE2\x96\x81";
    ordered_json parts = ordered_json::array();
    if (vocabulary.add_space_prefix) {
      parts.push_back({{"type", "Prepend"}, {"prepend", space_mark}});
    }
    parts.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space_mark}});
    root["normalizer"] = {{"type", "Sequence"}, {"normalizers", parts}};
    ordered_json decoders = {
        {{"type", "Replace"}, {"pattern", {{"String", space_mark}}}, {"content", " "}},
        {{"type", "ByteFallback"}},
        {{"type", "Fuse"}}};
    if (vocabulary.add_space_prefix) {
      decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    }
    root["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
    merges = merges_of_scores(vocabulary, vocab);
  }

  try {
    // The model's tables come last and are dumped apart: an ordered object of 150,000 keys would be
    // searched from the front for each of them.
    std::string text = root.dump(2);
    std::string model_text = model.dump(2);
    text.resize(text.rfind('}'));
    model_text.resize(model_text.rfind('}'));
    return text + ",\n  \"model\": " + model_text + ",\n  \"vocab\": " + vocab.dump() +
           ",\n  \"merges\": " + merges.dump() + "\n  }\n}\n";
  } catch (const json::type_error&) {
    fail(ErrorKind::kBadInput, "the vocabulary has tokens that are not UTF-8");
  }
}

}  // namespace memagent
