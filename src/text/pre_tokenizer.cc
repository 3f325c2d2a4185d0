// The hand-written scanners. Each follows its pattern's alternatives in order; a scanner returns
// the bytes of the first pre-token, or 0 when more text could change it.
#include "text/pre_tokenizer.h"

#include <algorithm>

#include "text/unicode_classes.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::size_t kBatch = 256;  // pre-tokens per call of split()

constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// A character and how many bytes it takes; 0 bytes: the window ended (inside it).
struct Classed {
  std::uint32_t bytes;
  std::uint8_t char_class;
};

class Cursor {
 public:
  explicit Cursor(PreTokenWindow window)
      : begin_(window.text.data()), size_(window.text.size()), last_(window.last) {}

  bool last() const { return last_; }
  std::uint8_t byte(std::size_t at) const { return static_cast<std::uint8_t>(begin_[at]); }
  std::size_t size() const { return size_; }

  Classed at(std::size_t offset) const {
    if (offset >= size_) return {0, kOther};
    const std::uint8_t char_class = ascii_[byte(offset)];
    if (char_class != kNonAscii) return {1, char_class};
    return decode(offset);
  }

  // The end of the run of characters from `offset` on whose class has a bit of `wanted`, or, with
  // wanted = 0, no bit at all. Equal to size() (or short of it by an unfinished character) at the
  // window's end.
  template <std::uint8_t wanted>
  std::size_t run(std::size_t offset) const {
    while (true) {
      while (offset < size_) {
        const std::uint8_t char_class = ascii_[byte(offset)];
        if (!matches<wanted>(char_class)) break;
        ++offset;
      }
      if (offset >= size_ || ascii_[byte(offset)] != kNonAscii) return offset;
      const Classed next = decode(offset);
      if (next.bytes == 0 || !matches<wanted>(next.char_class)) return offset;
      offset += next.bytes;
    }
  }

  // True where a run that ended at `offset` might go on in text that is not there yet.
  bool undecided(std::size_t offset) const { return !last_ && at(offset).bytes == 0; }

 private:
  template <std::uint8_t wanted>
  static bool matches(std::uint8_t char_class) {
    return wanted == 0 ? char_class == 0 : (char_class & wanted) != 0;
  }

  Classed decode(std::size_t offset) const {
    const Utf8Char next = decode_utf8(std::string_view(begin_ + offset, size_ - offset));
    if (next.incomplete && !last_) return {0, kOther};
    if (!next.valid) return {1, kOther};  // byte by byte, so that streaming cannot differ
    return {next.bytes, next.point < unicode_.size() ? unicode_[next.point]
                                                     : static_cast<std::uint8_t>(kOther)};
  }

  const char* begin_;
  std::size_t size_;
  bool last_;
  const std::uint8_t* ascii_ = ascii_classes().data();
  std::span<const std::uint8_t> unicode_ = unicode_classes();
};

// `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe: bytes matched, 0 if none, -1 if text is missing.
// Ignoring case follows Unicode: U+017F, the long s, is an s.
int contraction(const Cursor& text, bool ignore_case) {
  const auto letter = [&](std::size_t at) -> int {
    if (at >= text.size()) return text.last() ? 0 : -1;
    const std::uint8_t byte = text.byte(at);
    if (ignore_case && byte >= 'A' && byte <= 'Z') return byte + 32;
    return byte;
  };
  const int first = letter(1);
  if (first < 0) return -1;
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (first == 'r' || first == 'v' || first == 'l') {
    const int second = letter(2);
    if (second < 0) return -1;
    return second == (first == 'l' ? 'l' : 'e') ? 3 : 0;
  }
  if (ignore_case && first == 0xC5) {
    const int second = letter(2);
    if (second < 0) return -1;
    return second == 0xBF ? 3 : 0;
  }
  return 0;
}

// `\s+(?!\S)|\s+` at a white-space character, where the run ends at `end`: all of it at the end of
// the text, else all but its last character, which goes with what follows.
std::size_t space_run(const Cursor& text, std::size_t end) {
  if (text.undecided(end)) return 0;
  if (end >= text.size()) return end;
  std::size_t last = end - 1;
  while (last > 0 && (text.byte(last) & 0xC0U) == 0x80) --last;
  return last == 0 ? end : last;
}

// GPT-2's pattern; with single_digits, `\p{N}` is cut out first, one character each (SmolLM).
template <bool single_digits>
std::size_t scan_gpt2(PreTokenWindow window) {
  const Cursor text(window);
  if (text.byte(0) == '\'') {
    const int matched = contraction(text, false);
    if (matched < 0) return 0;
    if (matched > 0) return static_cast<std::size_t>(matched);
  }
  Classed first = text.at(0);
  if (first.bytes == 0) return 0;
  std::size_t begin = 0;
  if (text.byte(0) == ' ') {
    const Classed second = text.at(1);
    if (second.bytes == 0 && !text.last()) return 0;
    if (second.bytes > 0 && (second.char_class & kSpace) == 0 &&
        !(single_digits && second.char_class == kNumber)) {
      first = second;
      begin = 1;
    }
  }
  std::size_t end = 0;
  if (first.char_class == kLetter) {
    end = text.run<kLetter>(begin + first.bytes);
  } else if (first.char_class == kNumber) {
    if (single_digits) return first.bytes;
    end = text.run<kNumber>(begin + first.bytes);
  } else if ((first.char_class & kSpace) != 0) {
    end = text.run<kSpace>(first.bytes);
    if (single_digits && text.at(end).char_class == kNumber) return end;
    return space_run(text, end);
  } else {
    end = text.run<kOther>(begin + first.bytes);
  }
  return text.undecided(end) ? 0 : end;
}

// The pattern of Llama 3 (three digits together, as cl100k) and of Qwen2 (one digit).
template <int max_digits>
std::size_t scan_llama3(PreTokenWindow window) {
  const Cursor text(window);
  if (text.byte(0) == '\'') {
    const int matched = contraction(text, true);
    if (matched < 0) return 0;
    if (matched > 0) return static_cast<std::size_t>(matched);
  }
  const Classed first = text.at(0);
  if (first.bytes == 0) return 0;
  std::size_t end = first.bytes;
  if (first.char_class == kLetter) {
    end = text.run<kLetter>(end);
    return text.undecided(end) ? 0 : end;
  }
  if (first.char_class == kNumber) {
    for (int digits = 1; digits < max_digits; ++digits) {
      const Classed next = text.at(end);
      if (next.bytes == 0 && !text.last()) return 0;
      if (next.char_class != kNumber) break;
      end += next.bytes;
    }
    return end;
  }
  if ((first.char_class & kNewline) == 0) {
    const Classed second = text.at(end);
    if (second.bytes == 0 && !text.last()) return 0;
    if (second.bytes > 0 && second.char_class == kLetter) {
      end = text.run<kLetter>(end + second.bytes);
      return text.undecided(end) ? 0 : end;
    }
    const bool other_after_space =
        text.byte(0) == ' ' && second.bytes > 0 && second.char_class == kOther;
    if (first.char_class == kOther || other_after_space) {
      end = text.run<kOther>(end);
      end = text.run<kNewline>(end);
      return text.undecided(end) ? 0 : end;
    }
  }
  // White space: up to its last newline, if it has one.
  end = text.run<kSpace>(0);
  if (text.undecided(end)) return 0;
  for (std::size_t at = end; at > 0; --at) {
    if (text.byte(at - 1) == '\n' || text.byte(at - 1) == '\r') return at;
  }
  return space_run(text, end);
}

using Scan = std::size_t (*)(PreTokenWindow);

template <Scan scan>
class Scanner final : public PreTokenizer {
 public:
  void split(std::string_view text, bool last, Scratch*,
             std::vector<std::uint32_t>& ends) const override {
    std::size_t begin = 0;
    for (std::size_t count = 0; count < kBatch && begin < text.size(); ++count) {
      const std::size_t bytes = scan(pre_token_window(text.substr(begin), last));
      if (bytes == 0) return;
      begin += bytes;
      ends.push_back(static_cast<std::uint32_t>(begin));
    }
  }
};

struct Named {
  std::string_view name;
  std::string_view same_as;  // "": is itself one of the four
};

constexpr Named kNames[] = {
    {"gpt-2", ""},
    {"llama-bpe", ""},
    {"qwen2", ""},
    {"smollm", ""},
    {"mpt", "gpt-2"},
    {"olmo", "gpt-2"},
    {"jais", "gpt-2"},
    {"phi-2", "gpt-2"},
    {"roberta-bpe", "gpt-2"},
    {"llama3", "llama-bpe"},
    {"llama-v3", "llama-bpe"},
    {"stablelm2", "qwen2"},
    {"hunyuan", "qwen2"},
    {"deepseek-r1-qwen", "qwen2"},
    {"starcoder", "smollm"},
    {"refact", "smollm"},
    {"command-r", "smollm"},
    {"default", ""},
};

std::string_view canonical(std::string_view name) {
  if (name.empty()) return "default";
  for (const Named& named : kNames) {
    if (named.name == name) return named.same_as.empty() ? named.name : named.same_as;
  }
  return "";
}

}  // namespace

PreTokenWindow pre_token_window(std::string_view text, bool last) {
  if (text.size() <= kPreTokenWindow) return {text, last};
  const std::string_view window = text.substr(0, kPreTokenWindow);
  return {window.substr(0, window.size() - incomplete_tail(window)), true};
}

std::unique_ptr<PreTokenizer> named_pre_tokenizer(std::string_view name) {
  const std::string_view known = canonical(name);
  if (known == "gpt-2") return std::make_unique<Scanner<scan_gpt2<false>>>();
  if (known == "smollm") return std::make_unique<Scanner<scan_gpt2<true>>>();
  if (known == "llama-bpe") return std::make_unique<Scanner<scan_llama3<3>>>();
  if (known == "qwen2") return std::make_unique<Scanner<scan_llama3<1>>>();
  if (known == "default") return pattern_pre_tokenizer(patterns_of(known), std::string(name));
  return nullptr;
}

std::vector<std::string> patterns_of(std::string_view name) {
  const std::string_view known = canonical(name);
  if (known == "gpt-2") return {kGpt2Pattern};
  if (known == "smollm") return {R"(\p{N})", kGpt2Pattern};
  if (known == "llama-bpe") return {kLlama3Pattern};
  if (known == "qwen2") return {kQwen2Pattern};
  // What GGUF files without a name, or named "default", are taken to mean by llama.cpp.
  if (known == "default") {
    return {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", R"([0-9][0-9][0-9])"};
  }
  return {};
}

std::string name_of_patterns(std::span<const std::string> patterns) {
  for (const Named& named : kNames) {
    if (!named.same_as.empty()) continue;
    const std::vector<std::string> known = patterns_of(named.name);
    if (std::equal(known.begin(), known.end(), patterns.begin(), patterns.end())) {
      return std::string(named.name);
    }
  }
  return "";
}

}  // namespace memagent
