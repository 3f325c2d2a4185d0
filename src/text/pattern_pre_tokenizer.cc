// Pre-tokenizers for patterns that have no scanner, through PCRE2.
//
// What a pattern leaves between its matches is a pre-token too, as in the "isolated" splits of
// tokenizer.json. Of several patterns, each is applied to the pieces of the one before.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"
#include "base/fail.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::uint32_t kMatchLimit = 10'000'000;  // a hostile pattern fails instead of hanging
constexpr std::size_t kJitStackBytes = std::size_t{8} << 20;

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

struct JitStackFree {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

struct PatternScratch final : PreTokenizer::Scratch {
  std::unique_ptr<pcre2_match_data, MatchDataFree> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, MatchContextFree> context{
      pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, JitStackFree> jit_stack{
      pcre2_jit_stack_create(std::size_t{32} * 1024, kJitStackBytes, nullptr)};
  std::vector<std::uint32_t> pieces;  // of the outer pattern
};

struct Match {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool found = false;
  bool partial = false;  // more text could change it
};

class PatternPreTokenizer final : public PreTokenizer {
 public:
  PatternPreTokenizer(std::span<const std::string> patterns, std::string file)
      : file_(std::move(file)) {
    for (const std::string& pattern : patterns) {
      int error = 0;
      PCRE2_SIZE offset = 0;
      // MATCH_INVALID_UTF: no match reaches over an invalid byte, which becomes its own piece.
      pcre2_code* code =
          pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                        PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                        &error, &offset, nullptr);
      if (code == nullptr) {
        PCRE2_UCHAR message[200] = {};
        pcre2_get_error_message(error, message, sizeof(message));
        fail(ErrorKind::kBadInput, "{}: pre-tokenizer pattern does not compile at offset {}: {}",
             file_, offset, reinterpret_cast<const char*>(message));
      }
      codes_.emplace_back(code);
      // Without JIT the pattern is interpreted, with the same result.
      pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    }
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    auto scratch = std::make_unique<PatternScratch>();
    MEMAGENT_CHECK(scratch->data && scratch->context && scratch->jit_stack, "out of memory");
    pcre2_jit_stack_assign(scratch->context.get(), nullptr, scratch->jit_stack.get());
    pcre2_set_match_limit(scratch->context.get(), kMatchLimit);
    return scratch;
  }

  void split(std::string_view text, bool last, Scratch* scratch,
             std::vector<std::uint32_t>& ends) const override {
    auto& own = *static_cast<PatternScratch*>(scratch);
    std::size_t begin = 0;
    while (begin < text.size() && ends.size() < 256) {
      const PreTokenWindow window = pre_token_window(text.substr(begin), last);
      own.pieces.clear();
      split_window(window, own);
      if (own.pieces.empty()) return;
      std::size_t piece = begin;
      for (const std::uint32_t end : own.pieces) {
        split_inner(1, text.substr(piece, begin + end - piece), piece, own, ends);
        piece = begin + end;
      }
      begin = piece;
    }
  }

 private:
  // The first match of the outermost pattern, and what is before it.
  void split_window(PreTokenWindow window, PatternScratch& own) const {
    std::string_view text = window.text;
    if (!window.last) text.remove_suffix(incomplete_tail(text));
    if (text.empty()) return;
    const Match match = find(0, text, 0, !window.last, own);
    if (!match.found) {
      // Nothing matches: one piece, but only once it is known where it ends.
      if (window.last) own.pieces.push_back(static_cast<std::uint32_t>(window.text.size()));
      return;
    }
    if (match.partial) return;
    if (match.begin > 0) own.pieces.push_back(static_cast<std::uint32_t>(match.begin));
    if (match.end > match.begin) own.pieces.push_back(static_cast<std::uint32_t>(match.end));
  }

  // Pattern `depth` and those after it, on one whole piece that begins at `base`.
  void split_inner(std::size_t depth, std::string_view piece, std::size_t base, PatternScratch& own,
                   std::vector<std::uint32_t>& ends) const {
    if (depth == codes_.size()) {
      ends.push_back(static_cast<std::uint32_t>(base + piece.size()));
      return;
    }
    std::size_t done = 0;
    while (done < piece.size()) {
      const Match match = find(depth, piece, done, false, own);
      const std::size_t begin = match.found ? match.begin : piece.size();
      if (begin > done) {
        split_inner(depth + 1, piece.substr(done, begin - done), base + done, own, ends);
      }
      if (!match.found) return;
      split_inner(depth + 1, piece.substr(match.begin, match.end - match.begin), base + match.begin,
                  own, ends);
      done = match.end;
    }
  }

  // The first match that is not empty, from `from` on.
  Match find(std::size_t depth, std::string_view text, std::size_t from, bool partial,
             PatternScratch& own) const {
    const std::uint32_t options = PCRE2_NOTEMPTY | (partial ? PCRE2_PARTIAL_HARD : 0U);
    const int result = pcre2_match(codes_[depth].get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                   text.size(), from, options, own.data.get(), own.context.get());
    if (result == PCRE2_ERROR_NOMATCH) return {};
    if (result < 0 && result != PCRE2_ERROR_PARTIAL) {
      PCRE2_UCHAR message[200] = {};
      pcre2_get_error_message(result, message, sizeof(message));
      fail(ErrorKind::kBadInput, "{}: the pre-tokenizer pattern cannot be applied: {}", file_,
           reinterpret_cast<const char*>(message));
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(own.data.get());
    return {range[0], range[1], true, result == PCRE2_ERROR_PARTIAL};
  }

  std::string file_;
  std::vector<std::unique_ptr<pcre2_code, CodeFree>> codes_;
};

}  // namespace

std::unique_ptr<PreTokenizer> pattern_pre_tokenizer(std::span<const std::string> patterns,
                                                    const std::string& file) {
  return std::make_unique<PatternPreTokenizer>(patterns, file);
}

}  // namespace memagent
