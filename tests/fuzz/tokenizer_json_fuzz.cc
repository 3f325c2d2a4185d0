// tokenizer.json and SentencePiece models from anyone: refused with an Error or turned into a
// tokenizer whose encoding decodes to the text and does not depend on how the text is cut.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "memagent/error.h"
#include "text/sentencepiece_model.h"
#include "text/vocabulary.h"

namespace {

constexpr std::string_view kText =
    "the Thing's 12345 <|im_end|>\n\n  caf\xC3\xA9 \xE4\xBD\xA0\xE5\xA5\xBD "
    "\xF0\x9F\x98\x80\t!?'ll \xFF\xC3";

void check(const memagent::Tokenizer& tokenizer) {
  const std::vector<memagent::TokenId> whole = tokenizer.encode(kText);
  std::vector<memagent::TokenId> cut;
  const auto stream = tokenizer.stream();
  for (const char byte : kText) stream->feed({&byte, 1}, cut);
  stream->finish(cut);
  if (cut != whole) std::abort();
  for (const memagent::TokenId id : whole) {
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  }
  tokenizer.decode(whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    memagent::Vocabulary vocabulary;
    if (bytes.starts_with("\n")) {
      vocabulary = memagent::parse_sentencepiece_model(bytes, "fuzz");
    } else {
      vocabulary = memagent::parse_tokenizer_json(bytes, "fuzz");
    }
    const auto tokenizer = memagent::make_tokenizer(vocabulary, "fuzz");
    check(*tokenizer);
    const std::string written = memagent::write_tokenizer_json(vocabulary);
    if (written.empty()) std::abort();
  } catch (const memagent::Error&) {
    // One line, as it should be.
  }
  return 0;
}
