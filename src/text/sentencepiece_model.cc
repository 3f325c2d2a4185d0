#include "text/sentencepiece_model.h"

#include <cstring>
#include <optional>

#include "base/fail.h"
#include "text/utf8.h"

namespace memagent {
namespace {

// A field of a message: its number and either a number or bytes.
struct Field {
  std::uint32_t number = 0;
  std::uint64_t value = 0;  // wire types 0, 1 and 5
  std::string_view bytes;   // wire type 2
  int wire_type = 0;
};

// Walks the fields of one message.
class Message {
 public:
  Message(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::optional<Field> next() {
    if (bytes_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field field;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.wire_type = static_cast<int>(tag & 7);
    switch (field.wire_type) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2: {
        const std::uint64_t length = varint();
        if (length > bytes_.size()) bad();
        field.bytes = bytes_.substr(0, static_cast<std::size_t>(length));
        bytes_.remove_prefix(field.bytes.size());
        break;
      }
      case 5:
        field.value = fixed(4);
        break;
      default:
        bad();
    }
    if (field.number == 0) bad();
    return field;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    bad();
  }

  std::uint64_t fixed(std::size_t size) {
    if (bytes_.size() < size) bad();
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return value;
  }

  [[noreturn]] void bad() const {
    fail(ErrorKind::kBadInput, "'{}' is not a SentencePiece model (or is damaged)", name_);
  }

  std::string_view bytes_;
  const std::string& name_;
};

void read_piece(std::string_view bytes, Vocabulary& vocabulary, const std::string& name) {
  Message message(bytes, name);
  std::string text;
  float score = 0;
  std::uint64_t type = 1;
  while (const auto field = message.next()) {
    if (field->number == 1) text = field->bytes;
    if (field->number == 2) {
      const auto bits = static_cast<std::uint32_t>(field->value);
      std::memcpy(&score, &bits, sizeof(score));
    }
    if (field->number == 3) type = field->value;
  }
  if (type < 1 || type > 6) {
    fail(ErrorKind::kBadInput, "'{}': piece {} has type {}, expected 1 to 6", name,
         vocabulary.tokens.size(), type);
  }
  vocabulary.tokens.push_back(std::move(text));
  vocabulary.scores.push_back(score);
  vocabulary.types.push_back(static_cast<TokenType>(type));
}

}  // namespace

Vocabulary parse_sentencepiece_model(std::string_view bytes, const std::string& name) {
  Vocabulary vocabulary;
  std::uint64_t model_type = 1;
  std::int32_t unknown = 0;
  std::int32_t bos = 1;
  std::int32_t eos = 2;
  std::int32_t padding = -1;
  Message message(bytes, name);
  while (const auto field = message.next()) {
    if (field->number == 1) read_piece(field->bytes, vocabulary, name);
    if (field->number == 2) {
      Message trainer(field->bytes, name);
      while (const auto setting = trainer.next()) {
        const auto id = static_cast<std::int32_t>(setting->value);
        if (setting->number == 3) model_type = setting->value;
        if (setting->number == 40) unknown = id;
        if (setting->number == 41) bos = id;
        if (setting->number == 42) eos = id;
        if (setting->number == 43) padding = id;
      }
    }
    if (field->number == 3) {
      Message normalizer(field->bytes, name);
      while (const auto setting = normalizer.next()) {
        if (setting->number == 3) vocabulary.add_space_prefix = setting->value != 0;
      }
    }
  }
  if (vocabulary.tokens.empty()) {
    fail(ErrorKind::kBadInput, "'{}' is not a SentencePiece model: it has no pieces", name);
  }
  if (model_type != 1 && model_type != 2) {
    fail(ErrorKind::kBadInput,
         "'{}': SentencePiece models of type {} are not supported, only unigram (1) and BPE (2)",
         name, model_type);
  }
  vocabulary.kind = model_type == 1 ? VocabularyKind::kUnigram : VocabularyKind::kSentencePiece;
  const auto typed = [&](std::int32_t id, TokenType type) {
    const bool inside = id >= 0 && static_cast<std::size_t>(id) < vocabulary.types.size();
    return inside && vocabulary.types[static_cast<std::size_t>(id)] == type ? id : -1;
  };
  vocabulary.unknown = typed(unknown, TokenType::kUnknown);
  vocabulary.bos = typed(bos, TokenType::kControl);
  vocabulary.eos = typed(eos, TokenType::kControl);
  vocabulary.padding = typed(padding, TokenType::kControl);
  // The .model does not say; models that have a begin-of-text token were trained with it.
  vocabulary.add_bos = vocabulary.bos >= 0;
  return vocabulary;
}

}  // namespace memagent
