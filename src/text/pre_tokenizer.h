// Cutting text into pre-tokens, inside which byte-level BPE merges.
//
// The known patterns have hand-written scanners; any other pattern goes through PCRE2 (tests hold
// the scanners against PCRE2 with the pattern they stand for). A pre-token never looks further than
// kPreTokenWindow bytes: a longer run (a gigabyte of one letter) is cut there, whether the text
// arrives whole or in pieces. That bound is where we depart from the patterns' other users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

inline constexpr std::size_t kPreTokenWindow = std::size_t{64} * 1024;

class PreTokenizer {
 public:
  // Working memory of one caller at a time.
  struct Scratch {
    virtual ~Scratch() = default;
  };

  virtual ~PreTokenizer() = default;
  virtual std::unique_ptr<Scratch> make_scratch() const { return nullptr; }
  // Appends to `ends` the ends (offsets in `text`) of the leading pre-tokens of `text`, a few
  // hundred per call; appends nothing if that takes text that is not there yet. `last`: no text
  // follows. `text` may be invalid UTF-8, and at most 2^32-1 bytes.
  virtual void split(std::string_view text, bool last, Scratch* scratch,
                     std::vector<std::uint32_t>& ends) const = 0;
};

// By the name used in GGUF's tokenizer.ggml.pre; null if it is not known.
std::unique_ptr<PreTokenizer> named_pre_tokenizer(std::string_view name);
// The patterns a name stands for, each applied to the pieces of the one before; empty if unknown.
std::vector<std::string> patterns_of(std::string_view name);
// The name that stands for exactly these patterns, as tokenizer.json files spell them; "" if none.
std::string name_of_patterns(std::span<const std::string> patterns);
// Any patterns. Throws Error(kBadInput) for one PCRE2 does not compile.
std::unique_ptr<PreTokenizer> pattern_pre_tokenizer(std::span<const std::string> patterns,
                                                    const std::string& file);

// The window a pre-token at the start of `text` is looked for in.
struct PreTokenWindow {
  std::string_view text;
  bool last = false;  // the pre-token may be decided as if the text ended with the window
};
PreTokenWindow pre_token_window(std::string_view text, bool last);

}  // namespace memagent
