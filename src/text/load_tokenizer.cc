// Finding out what a tokenizer file is, and reading it.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "base/mapped_file.h"
#include "text/gguf_vocabulary.h"
#include "text/sentencepiece_model.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

using nlohmann::json;

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// "eos_token": "x" or {"content": "x"}.
TokenId configured_id(const json& config, const char* key, const Vocabulary& vocabulary) {
  const auto found = config.find(key);
  if (found == config.end()) return -1;
  std::string text;
  if (found->is_string()) text = found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) {
    text = (*found)["content"].get<std::string>();
  }
  if (text.empty()) return -1;
  const auto place = std::ranges::find(vocabulary.tokens, text);
  return place == vocabulary.tokens.end() ? -1
                                          : static_cast<TokenId>(place - vocabulary.tokens.begin());
}

// tokenizer_config.json says what tokenizer.json leaves open: which tokens begin and end a text.
void apply_config(const std::filesystem::path& path, Vocabulary& vocabulary) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return;
  const MappedFile file(path.string());
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < 32; };
  const json config = json::parse(text_of(file), shallow, false);
  if (!config.is_object()) {
    fail(ErrorKind::kBadInput, "{}: is not a JSON object", path.string());
  }
  if (const TokenId id = configured_id(config, "bos_token", vocabulary); id >= 0) {
    vocabulary.bos = id;
  }
  if (const TokenId id = configured_id(config, "eos_token", vocabulary); id >= 0) {
    vocabulary.eos = id;
  }
  if (const TokenId id = configured_id(config, "pad_token", vocabulary); id >= 0) {
    vocabulary.padding = id;
  }
  const auto add_bos = config.find("add_bos_token");
  if (add_bos != config.end() && add_bos->is_boolean() && vocabulary.bos >= 0) {
    vocabulary.add_bos = add_bos->get<bool>();
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path) {
  std::filesystem::path file_path = path;
  std::error_code error;
  if (std::filesystem::is_directory(file_path, error)) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
      if (!std::filesystem::exists(file_path / name, error)) continue;
      return load_tokenizer((file_path / name).string());
    }
    fail(ErrorKind::kBadInput, "'{}' holds neither tokenizer.json nor tokenizer.model", path);
  }
  const MappedFile file(path);
  const std::string_view text = text_of(file);
  if (text.starts_with("GGUF")) {
    const Gguf gguf = parse_gguf(file.bytes(), path);
    if (!has_vocabulary(gguf)) {
      fail(ErrorKind::kBadInput, "'{}' is a GGUF file without a vocabulary", path);
    }
    return make_tokenizer(read_gguf_vocabulary(gguf, path), path);
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') {
    Vocabulary vocabulary = parse_tokenizer_json(text, path);
    apply_config(file_path.parent_path() / "tokenizer_config.json", vocabulary);
    return make_tokenizer(std::move(vocabulary), path);
  }
  // A SentencePiece model begins with its first piece: field 1, bytes.
  if (text.starts_with('\n')) {
    Vocabulary vocabulary = parse_sentencepiece_model(text, path);
    apply_config(file_path.parent_path() / "tokenizer_config.json", vocabulary);
    return make_tokenizer(std::move(vocabulary), path);
  }
  fail(ErrorKind::kBadInput,
       "'{}' is neither a tokenizer.json nor a SentencePiece model nor a GGUF file", path);
}

}  // namespace memagent
