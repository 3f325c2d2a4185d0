#include "text/utf8.h"

#include <cstring>

namespace memagent {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

// The length of the leading run of ASCII.
std::size_t ascii_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length + 8 <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + length, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
    length += 8;
  }
  while (length < text.size() && byte_at(text, length) < 0x80) ++length;
  return length;
}

}  // namespace

Utf8Char decode_utf8(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1, true, false};
  // The second byte's range depends on the first (Unicode, table 3-7); later ones are 80..BF.
  std::uint8_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  std::uint32_t point = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    point = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    point = lead & 0x0FU;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    point = lead & 0x07U;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0xFFFD, 1, false, false};
  }
  for (std::uint8_t i = 1; i < length; ++i) {
    if (i >= text.size()) return {0xFFFD, i, false, true};
    const std::uint8_t byte = byte_at(text, i);
    if (byte < low || byte > high) return {0xFFFD, i, false, false};
    point = (point << 6) | (byte & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {point, length, true, false};
}

void append_utf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

std::size_t incomplete_tail(std::string_view text) {
  const std::size_t limit = text.size() < 3 ? text.size() : 3;
  for (std::size_t back = 1; back <= limit; ++back) {
    const std::uint8_t byte = byte_at(text, text.size() - back);
    if (byte < 0x80) return 0;
    if (byte >= 0xC0) {
      return decode_utf8(text.substr(text.size() - back)).incomplete ? back : 0;
    }
  }
  return 0;
}

void Utf8Repair::feed(std::string_view bytes, std::string& out) {
  while (!pending_.empty() && !bytes.empty()) {
    pending_ += bytes.front();
    const Utf8Char next = decode_utf8(pending_);
    if (next.incomplete) {
      bytes.remove_prefix(1);
      continue;
    }
    if (next.valid) {
      bytes.remove_prefix(1);
      out += pending_;
    } else {
      // The byte just added does not belong to it: it is looked at again below.
      ++repaired_;
      out += kReplacement;
    }
    pending_.clear();
  }
  while (!bytes.empty()) {
    const std::size_t ascii = ascii_prefix(bytes);
    out.append(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    while (!bytes.empty() && byte_at(bytes, 0) >= 0x80) {
      const Utf8Char next = decode_utf8(bytes);
      if (next.incomplete) {
        pending_ = bytes;
        return;
      }
      if (next.valid) {
        out.append(bytes.substr(0, next.bytes));
      } else {
        ++repaired_;
        out += kReplacement;
      }
      bytes.remove_prefix(next.bytes);
    }
  }
}

void Utf8Repair::finish(std::string& out) {
  if (pending_.empty()) return;
  ++repaired_;
  out += kReplacement;
  pending_.clear();
}

}  // namespace memagent
