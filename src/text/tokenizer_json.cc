// Reading tokenizer.json, the file of the Hugging Face tokenizers library.
//
// Taken: BPE models, byte-level ones and SentencePiece ones with byte fallback (Llama 2), whose
// merges become scores. What would change the text before it is encoded (lower-casing, NFKC) is
// refused, as decoding has to give the text back; NFC alone is ignored, and so is the space some
// models put first. Truncation and padding settings do not concern us.
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "text/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxJsonBytes = std::size_t{512} << 20;
constexpr int kMaxDepth = 32;

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : name_(name) {
    if (text.size() > kMaxJsonBytes) bad("has {} bytes, more than {}", text.size(), kMaxJsonBytes);
    bool too_deep = false;
    const auto watch = [&](int depth, json::parse_event_t, json&) {
      too_deep = too_deep || depth > kMaxDepth;
      return !too_deep;
    };
    root_ = json::parse(text, watch, false);
    if (too_deep) bad("is nested more than {} deep", kMaxDepth);
    if (root_.is_discarded()) bad("is not valid JSON");
    if (!root_.is_object()) bad("is not a JSON object");
  }

  Vocabulary read() {
    const json& model = object(root_, "model");
    const std::string type = string_or(model, "type", "BPE");
    if (type != "BPE") bad("holds a {} model; only BPE is supported", type);
    read_tokens(object(model, "vocab"));
    read_added_tokens();
    read_merges(model);
    vocabulary_.ignore_merges = bool_or(model, "ignore_merges", false);
    if (const json* unknown = find(model, "unk_token"); unknown && unknown->is_string()) {
      vocabulary_.unknown = id_of(unknown->get_ref<const std::string&>());
    }
    if (bool_or(model, "byte_fallback", false)) {
      become_sentencepiece();
    } else {
      read_normalizer(find(root_, "normalizer"));
      const json* pre_tokenizer = find(root_, "pre_tokenizer");
      if (pre_tokenizer == nullptr) bad("has no pre_tokenizer; is it byte-level BPE?");
      read_pre_tokenizer(*pre_tokenizer);
      if (!byte_level_) bad("is not byte-level BPE (no ByteLevel pre-tokenizer)");
      vocabulary_.pre_tokenizer = name_of_patterns(patterns_);
      if (vocabulary_.pre_tokenizer.empty()) {
        if (patterns_.empty()) bad("does not cut text into pre-tokens");
        vocabulary_.patterns = patterns_;
      }
    }
    if (const json* post = find(root_, "post_processor")) read_post_processor(*post, 0);
    set_well_known_ids(vocabulary_);
    return std::move(vocabulary_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::kBadInput, "{}: {}", name_, fmt::format(format, std::forward<Args>(args)...));
  }

  // Null if absent or null.
  static const json* find(const json& parent, const char* key) {
    if (!parent.is_object()) return nullptr;
    const auto found = parent.find(key);
    return found == parent.end() || found->is_null() ? nullptr : &*found;
  }
  const json& object(const json& parent, const char* key) const {
    const json* value = find(parent, key);
    if (value == nullptr || !value->is_object()) bad("'{}' is missing or not an object", key);
    return *value;
  }
  static std::string string_or(const json& parent, const char* key, const char* otherwise) {
    const json* value = find(parent, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : otherwise;
  }
  static bool bool_or(const json& parent, const char* key, bool otherwise) {
    const json* value = find(parent, key);
    return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
  }

  void put_token(const json& id, const std::string& text, TokenType type) {
    // A token table with holes wastes memory; a hostile one would exhaust it.
    const std::size_t limit = 2 * declared_tokens_ + 65536;
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        static_cast<std::size_t>(id.get<std::int64_t>()) >= limit) {
      bad("the id of token '{}' is {}, not between 0 and {}", text, id.dump(), limit);
    }
    const auto index = static_cast<std::size_t>(id.get<std::int64_t>());
    if (index >= vocabulary_.tokens.size()) {
      vocabulary_.tokens.resize(index + 1);
      vocabulary_.types.resize(index + 1, TokenType::kUnused);
    }
    vocabulary_.tokens[index] = text;
    vocabulary_.types[index] = type;
  }

  void read_tokens(const json& vocab) {
    declared_tokens_ = vocab.size();
    if (const json* added = find(root_, "added_tokens")) declared_tokens_ += added->size();
    for (const auto& [text, id] : vocab.items()) {
      put_token(id, text, TokenType::kNormal);
      ids_.emplace(text, id.get<TokenId>());
    }
  }

  void read_added_tokens() {
    const json* added = find(root_, "added_tokens");
    if (added == nullptr) return;
    if (!added->is_array()) bad("'added_tokens' is not an array");
    for (const json& token : *added) {
      const json* id = find(token, "id");
      const json* content = find(token, "content");
      if (id == nullptr || content == nullptr || !content->is_string()) {
        bad("an entry of 'added_tokens' lacks id or content");
      }
      const auto& text = content->get_ref<const std::string&>();
      put_token(*id, text,
                bool_or(token, "special", false) ? TokenType::kControl : TokenType::kUserDefined);
      ids_.insert_or_assign(text, id->get<TokenId>());
    }
  }

  void read_merges(const json& model) {
    const json* merges = find(model, "merges");
    if (merges == nullptr || !merges->is_array()) bad("'merges' is missing or not an array");
    vocabulary_.merges.reserve(merges->size());
    for (const json& merge : *merges) {
      if (merge.is_string()) {
        vocabulary_.merges.push_back(merge.get<std::string>());
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        vocabulary_.merges.push_back(merge[0].get<std::string>() + ' ' +
                                     merge[1].get<std::string>());
      } else {
        bad("merge {} is neither a string nor a pair of strings", vocabulary_.merges.size());
      }
    }
  }

  TokenId id_of(const std::string& text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? -1 : found->second;
  }

  // Merges with the tokens' own alphabet become scores: the sooner merged, the higher.
  void become_sentencepiece() {
    vocabulary_.kind = VocabularyKind::kSentencePiece;
    const std::size_t count = vocabulary_.tokens.size();
    vocabulary_.scores.assign(count, -1e9F);
    float score = 0;
    for (const std::string& merge : vocabulary_.merges) {
      const std::size_t space = merge.find(' ', 1);
      if (space == std::string::npos) bad("merge '{}' has no space", merge);
      const TokenId result = id_of(merge.substr(0, space) + merge.substr(space + 1));
      if (result < 0) bad("merge '{}' makes a token that is not in the vocabulary", merge);
      float& known = vocabulary_.scores[static_cast<std::size_t>(result)];
      if (known == -1e9F) known = score--;
    }
    vocabulary_.merges.clear();
    vocabulary_.add_space_prefix = false;
    for (std::size_t id = 0; id < count; ++id) {
      const std::string& token = vocabulary_.tokens[id];
      if (vocabulary_.types[id] == TokenType::kNormal && token.size() == 6 &&
          token.starts_with("<0x") && token.ends_with('>')) {
        vocabulary_.types[id] = TokenType::kByte;
      }
    }
    if (vocabulary_.unknown >= 0) {
      vocabulary_.types[static_cast<std::size_t>(vocabulary_.unknown)] = TokenType::kUnknown;
    }
    // The space in front: a Prepend normalizer (old files) or a Metaspace pre-tokenizer.
    if (const json* normalizer = find(root_, "normalizer")) {
      vocabulary_.add_space_prefix = normalizer->dump().find("\"Prepend\"") != std::string::npos;
    }
    if (const json* pre_tokenizer = find(root_, "pre_tokenizer")) {
      const std::string scheme = string_or(*pre_tokenizer, "prepend_scheme", "always");
      if (string_or(*pre_tokenizer, "type", "") == "Metaspace" && scheme != "never") {
        vocabulary_.add_space_prefix = true;
      }
    }
  }

  void read_normalizer(const json* normalizer) const {
    if (normalizer == nullptr) return;
    const std::string type = string_or(*normalizer, "type", "");
    if (type == "NFC") return;
    if (type == "Sequence") {
      const json* parts = find(*normalizer, "normalizers");
      if (parts != nullptr && parts->is_array()) {
        for (const json& part : *parts) {
          if (string_or(part, "type", "") != "NFC") read_normalizer_refuse(part);
        }
        return;
      }
    }
    read_normalizer_refuse(*normalizer);
  }
  [[noreturn]] void read_normalizer_refuse(const json& normalizer) const {
    bad("normalizer '{}' changes the text and is not supported",
        string_or(normalizer, "type", "?"));
  }

  void read_pre_tokenizer(const json& part) {
    const std::string type = string_or(part, "type", "");
    if (type == "Sequence") {
      const json* parts = find(part, "pretokenizers");
      if (parts == nullptr || !parts->is_array()) bad("a Sequence without pretokenizers");
      for (const json& inner : *parts) {
        if (string_or(inner, "type", "") == "Sequence") bad("a Sequence inside a Sequence");
        read_pre_tokenizer(inner);
      }
    } else if (type == "ByteLevel") {
      byte_level_ = true;
      if (bool_or(part, "use_regex", true)) patterns_.push_back(patterns_of("gpt-2").front());
    } else if (type == "Digits") {
      patterns_.emplace_back(bool_or(part, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
    } else if (type == "Split") {
      read_split(part);
    } else {
      bad("pre-tokenizer '{}' is not supported", type);
    }
  }

  void read_split(const json& part) {
    const std::string behavior = string_or(part, "behavior", "");
    const bool inverted = bool_or(part, "invert", false);
    // Removing what is between the matches is isolating them, where they cover everything.
    if (!(behavior == "Isolated" || (behavior == "Removed" && inverted))) {
      bad("a Split with behavior '{}' is not supported", behavior);
    }
    const json& pattern = object(part, "pattern");
    if (const json* regex = find(pattern, "Regex"); regex != nullptr && regex->is_string()) {
      patterns_.push_back(regex->get<std::string>());
      return;
    }
    const json* text = find(pattern, "String");
    if (text == nullptr || !text->is_string()) bad("a Split without a Regex or String pattern");
    std::string escaped;
    for (const char byte : text->get_ref<const std::string&>()) {
      if (std::ispunct(static_cast<unsigned char>(byte)) != 0) escaped += '\\';
      escaped += byte;
    }
    patterns_.push_back(escaped);
  }

  // A begin-of-text token is one that the template for a single text puts first.
  void read_post_processor(const json& post, int depth) {
    const std::string type = string_or(post, "type", "");
    if (type == "Sequence" && depth < 4) {
      const json* parts = find(post, "processors");
      if (parts == nullptr || !parts->is_array()) return;
      for (const json& part : *parts) read_post_processor(part, depth + 1);
    } else if (type == "TemplateProcessing") {
      const json* single = find(post, "single");
      if (single == nullptr || !single->is_array() || single->empty()) return;
      const json* special = find((*single)[0], "SpecialToken");
      if (special == nullptr) return;
      const TokenId id = id_of(string_or(*special, "id", ""));
      if (id < 0) return;
      vocabulary_.bos = id;
      vocabulary_.add_bos = true;
    }
  }

  const std::string& name_;
  json root_;
  Vocabulary vocabulary_;
  std::unordered_map<std::string, TokenId> ids_;
  std::size_t declared_tokens_ = 0;
  std::vector<std::string> patterns_;
  bool byte_level_ = false;
};

}  // namespace

Vocabulary parse_tokenizer_json(std::string_view json, const std::string& name) {
  return Reader(json, name).read();
}

}  // namespace memagent
