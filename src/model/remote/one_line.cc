#include "model/remote/one_line.h"

#include <algorithm>

namespace memagent {
namespace {

constexpr std::size_t kLeastSecret = 4;

// Length of the valid UTF-8 sequence at the front of `bytes`, 0 if there is none.
std::size_t sequence_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

std::string one_line(std::string_view bytes, std::size_t max_bytes) {
  std::string line;
  bool blank = false;
  while (!bytes.empty()) {
    const auto lead = static_cast<unsigned char>(bytes[0]);
    if (lead <= 0x20 || lead == 0x7F) {
      blank = true;
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t length = sequence_length(bytes);
    // U+0080..U+009F are control characters too; terminals act on some of them.
    const bool control = length == 2 && lead == 0xC2 && static_cast<unsigned char>(bytes[1]) < 0xA0;
    const std::string_view shown = length == 0 || control ? "?" : bytes.substr(0, length);
    const std::size_t needed = shown.size() + (blank && !line.empty() ? 1 : 0);
    if (line.size() + needed + 3 > max_bytes) return line + "...";
    if (blank && !line.empty()) line += ' ';
    blank = false;
    line += shown;
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return line;
}

Scrubber::Scrubber(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {
  std::erase_if(secrets_, [](const std::string& secret) { return secret.size() < kLeastSecret; });
}

std::string Scrubber::operator()(std::string text) const {
  static constexpr std::string_view kShown = "[secret]";
  for (const std::string& secret : secrets_) {
    std::size_t at = 0;
    while ((at = text.find(secret, at)) != std::string::npos) {
      text.replace(at, secret.size(), kShown);
      at += kShown.size();
    }
    for (at = 0; (at = text.find("...", at)) != std::string::npos; at += 3) {
      for (std::size_t length = std::min(at, secret.size() - 1); length >= kLeastSecret; --length) {
        if (text.compare(at - length, length, secret, 0, length) != 0) continue;
        text.replace(at - length, length, kShown);
        at = at - length + kShown.size();
        break;
      }
    }
  }
  return text;
}

}  // namespace memagent
