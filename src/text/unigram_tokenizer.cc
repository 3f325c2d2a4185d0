// SentencePiece unigram models, through the library.
//
// The text is handed over in pre-tokens that begin at spaces no piece reaches over. The library is
// told not to change the text; characters it does not know become the unknown token, which is the
// one case in which decoding is not exact.
#include <sentencepiece_processor.h>

#include "base/check.h"
#include "base/fail.h"
#include "text/pre_tokenizer.h"
#include "text/sentencepiece_model.h"
#include "text/sentencepiece_pieces.h"
#include "text/vocabulary_tokenizer.h"

namespace memagent {
namespace {

// ModelProto.normalizer_spec (field 3, 10 bytes): precompiled_charsmap (2) empty, add_dummy_prefix
// (3) and remove_extra_whitespaces (4) off, escape_whitespaces (5) on. Of a field given twice, the
// later wins.
constexpr std::string_view kChangeNothing("\x1A\x08\x12\x00\x18\x00\x20\x00\x28\x01", 10);

class UnigramTokenizer final : public VocabularyTokenizer {
 public:
  UnigramTokenizer(Vocabulary given, std::string_view model_bytes, const std::string& name)
      : VocabularyTokenizer(std::move(given), name) {
    std::string bytes(model_bytes);
    bytes += kChangeNothing;
    const auto status = processor_.LoadFromSerializedProto(bytes);
    if (!status.ok()) {
      fail(ErrorKind::kBadInput, "'{}' is not a usable SentencePiece model: {}", name,
           status.ToString());
    }
    SpaceJoins joins;
    for (TokenId id = 0; id < static_cast<TokenId>(vocabulary().tokens.size()); ++id) {
      const std::string text = is_text(id) ? sentencepiece_bytes(vocabulary(), id) : std::string();
      add_space_joins(text, joins);
      add_token_bytes(text);
    }
    pre_tokenizer_ = space_pre_tokenizer(joins);
  }

  std::size_t consume(std::string_view text, bool last, std::vector<TokenId>& out) const override {
    std::vector<std::uint32_t> ends;
    pre_tokenizer_->split(text, last, nullptr, ends);
    std::size_t begin = 0;
    std::vector<int> ids;
    for (const std::uint32_t end : ends) {
      const auto status = processor_.Encode({text.data() + begin, end - begin}, &ids);
      MEMAGENT_CHECK(status.ok(), "{}", status.ToString());
      out.insert(out.end(), ids.begin(), ids.end());
      begin = end;
    }
    return begin;
  }
  std::size_t consume_window() const override { return kPreTokenWindow; }

 private:
  sentencepiece::SentencePieceProcessor processor_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_unigram_tokenizer(Vocabulary vocabulary,
                                                        std::string_view model_bytes,
                                                        const std::string& name) {
  return std::make_shared<UnigramTokenizer>(std::move(vocabulary), model_bytes, name);
}

}  // namespace memagent
