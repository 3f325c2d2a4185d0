#include "text/unicode_classes.h"

namespace memagent {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
  CharClass char_class;
};

constexpr Range kRanges[] = {
#include "text/unicode_classes.inc"
};

std::array<std::uint8_t, 256> make_ascii_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (int byte = 0; byte < 256; ++byte) {
    std::uint8_t& entry = classes[static_cast<std::size_t>(byte)];
    if (byte >= 0x80) entry = kNonAscii;
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) entry = kLetter;
    if (byte >= '0' && byte <= '9') entry = kNumber;
    if (byte == ' ' || (byte >= '\t' && byte <= '\r')) entry = kSpace;
    if (byte == '\n' || byte == '\r') entry = kSpace | kNewline;
  }
  return classes;
}

std::vector<std::uint8_t> make_unicode_classes() {
  std::uint32_t last = 0x7F;
  for (const Range& range : kRanges) last = range.last > last ? range.last : last;
  std::vector<std::uint8_t> classes(last + 1, kOther);
  for (std::uint32_t point = 0; point < 0x80; ++point) classes[point] = ascii_classes()[point];
  for (const Range& range : kRanges) {
    for (std::uint32_t point = range.first; point <= range.last; ++point) {
      classes[point] = range.char_class;
    }
  }
  return classes;
}

}  // namespace

const std::array<std::uint8_t, 256>& ascii_classes() {
  static const std::array<std::uint8_t, 256> classes = make_ascii_classes();
  return classes;
}

const std::vector<std::uint8_t>& unicode_classes() {
  static const std::vector<std::uint8_t> classes = make_unicode_classes();
  return classes;
}

}  // namespace memagent
