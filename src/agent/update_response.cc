#include "agent/update_response.h"

#include <algorithm>
#include <optional>

#include "base/blank.h"

namespace memagent {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// The next word of a line, without punctuation at its ends; empty at the line's end. What is
// punctuation alone is no word.
std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kPunctuation = "*_`#\"'.,:;!-()[]";
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
    if (line.empty()) return {};
    std::string_view word = line.substr(0, line.find_first_of(kSpace));
    line.remove_prefix(word.size());
    word.remove_prefix(std::min(word.find_first_not_of(kPunctuation), word.size()));
    word = word.substr(0, word.find_last_not_of(kPunctuation) + 1);
    if (!word.empty()) return word;
  }
}

struct GateLine {
  Decision decision = Decision::kOverwrite;  // or kKeep, kAdd
  bool stop = false;
  std::size_t end = 0;  // offset just after the line's newline
};

std::optional<GateLine> read_gate_line(std::string_view text, const PromptSet& prompts) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t newline = std::min(text.find('\n', begin), text.size());
  std::string_view line = text.substr(begin, newline - begin);
  GateLine gate;
  gate.end = std::min(newline + 1, text.size());
  const std::string_view verb = next_word(line);
  if (same_word(verb, prompts.gate_keep)) {
    gate.decision = Decision::kKeep;
  } else if (!verb.empty() && same_word(verb, prompts.gate_add)) {
    gate.decision = Decision::kAdd;
  } else if (!same_word(verb, prompts.gate_update)) {
    return std::nullopt;
  }
  const std::string_view second = next_word(line);
  const bool alone = second.empty();
  gate.stop = same_word(second, prompts.gate_stop) && next_word(line).empty();
  if (alone || gate.stop || verb == prompts.gate_keep) return gate;
  return std::nullopt;
}

// The tokens of `response` from number `first` on that are text, up to the budget. Control tokens
// that were sampled on the way have no bytes; in a prompt they would not be memory but structure.
TokenText kept_tokens(const Tokenizer& tokenizer, const GenerationResult& response,
                      std::size_t first, std::int32_t memory_tokens, bool& cut) {
  TokenText memory;
  cut = false;
  for (std::size_t i = first; i < response.tokens.size(); ++i) {
    const TokenId id = response.tokens[i];
    const std::string_view bytes = tokenizer.token_bytes(id);
    if (bytes.empty()) continue;
    cut = memory.tokens.size() == static_cast<std::size_t>(memory_tokens);
    if (cut) return memory;
    memory.tokens.push_back(id);
    memory.text += bytes;
  }
  return memory;
}

// The longest start of `text`, in whole characters, that counts at most `memory_tokens` tokens.
TokenText kept_text(const Tokenizer& tokenizer, std::string_view text, std::int32_t memory_tokens,
                    bool& cut) {
  const std::size_t most = static_cast<std::size_t>(memory_tokens);
  cut = false;
  std::vector<TokenId> ids;
  // A token has at least one byte, so short texts need no counting; vocabularies that put a space
  // of their own before a text may count one more.
  while (text.size() >= most) {
    ids.clear();
    tokenizer.encode(text, ids);
    if (ids.size() <= most) break;
    cut = true;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < most; ++i) bytes += tokenizer.token_bytes(ids[i]).size();
    // Encoding a part again may count more than it did within the whole: then cut further.
    bytes = std::min(bytes, text.size() - 1);
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
    text = text.substr(0, bytes);
  }
  return {{}, std::string(text)};
}

// `text` without what stands before its second line; empty if it has only one.
std::string_view without_first_line(std::string_view text) {
  const std::size_t newline = text.find('\n');
  return newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
}

// Of tokens those up to the first one that ends a line.
void drop_first_line(const Tokenizer& tokenizer, TokenText& memory) {
  if (memory.tokens.empty()) {
    memory.text = std::string(without_first_line(memory.text));
    return;
  }
  std::size_t tokens = 0;
  std::size_t bytes = 0;
  bool line_ended = false;
  while (tokens < memory.tokens.size() && !line_ended) {
    const std::string_view piece = tokenizer.token_bytes(memory.tokens[tokens++]);
    bytes += piece.size();
    line_ended = piece.ends_with('\n');
  }
  memory.tokens.erase(memory.tokens.begin(),
                      memory.tokens.begin() + static_cast<std::ptrdiff_t>(tokens));
  memory.text.erase(0, bytes);
}

// Without what stands behind the last newline. Of tokens those up to the last one that ends a line.
void drop_unfinished_line(const Tokenizer& tokenizer, TokenText& memory) {
  if (memory.tokens.empty()) {
    memory.text.resize(memory.text.rfind('\n') + 1);
    return;
  }
  while (!memory.tokens.empty()) {
    const std::string_view piece = tokenizer.token_bytes(memory.tokens.back());
    if (piece.ends_with('\n')) return;
    memory.tokens.pop_back();
    memory.text.resize(memory.text.size() - piece.size());
  }
}

bool has_line(std::string_view text, std::string_view line) {
  for (std::string_view rest = text; !rest.empty(); rest = without_first_line(rest)) {
    if (rest.substr(0, rest.find('\n')) == line) return true;
  }
  return false;
}

bool has_all_lines(std::string_view text, std::string_view lines) {
  for (std::string_view rest = lines; !rest.empty(); rest = without_first_line(rest)) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (!is_blank(line) && !has_line(text, line)) return false;
  }
  return true;
}

TokenText followed_by(TokenText text, const TokenText& more) {
  text.tokens.insert(text.tokens.end(), more.tokens.begin(), more.tokens.end());
  text.text += more.text;
  return text;
}

// `added` below `before`, whose oldest lines go where there is no room for them.
TokenText joined(const PromptRenderer& renderer, TokenText before, const TokenText& added,
                 std::int32_t memory_tokens, bool& cut) {
  if (before.text == renderer.prompts().empty_memory) return added;
  if (!before.text.ends_with('\n')) before = followed_by(std::move(before), renderer.encode("\n"));
  while (true) {
    TokenText memory = followed_by(before, added);
    const auto count = renderer.as_tokens() ? static_cast<std::int64_t>(memory.tokens.size())
                                            : renderer.count_tokens(memory.text);
    if (count <= memory_tokens || before.text.empty()) return memory;
    drop_first_line(renderer.tokenizer(), before);
    cut = true;
  }
}

UpdateReading blank_reading() {
  UpdateReading reading;
  reading.decision = Decision::kMalformed;
  reading.keeps = true;
  return reading;
}

}  // namespace

std::string_view without_thinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>";
  constexpr std::string_view kClose = "</think>";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos || !text.substr(begin).starts_with(kOpen)) return text;
  const std::size_t close = text.find(kClose, begin);
  if (close == std::string_view::npos) return {};
  text.remove_prefix(close + kClose.size());
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text;
}

UpdateReading read_update(Policy policy, const PromptRenderer& renderer, const TokenText& before,
                          const GenerationResult& response, std::int32_t memory_tokens) {
  const bool tokens = renderer.as_tokens();
  const Tokenizer& tokenizer = renderer.tokenizer();
  const std::string_view text =
      tokens ? std::string_view(response.text) : without_thinking(response.text);
  if (is_blank(text)) return blank_reading();

  UpdateReading reading;
  std::size_t begin = 0;        // where the memory begins, in bytes of `text`
  std::size_t first_token = 0;  // and in tokens
  if (policy == Policy::kGated) {
    const std::optional<GateLine> gate = read_gate_line(text, renderer.prompts());
    if (gate && gate->decision == Decision::kKeep) {
      reading.decision = Decision::kKeep;
      reading.keeps = true;
      reading.stop_reading = gate->stop;
      return reading;
    }
    bool readable = gate.has_value();
    if (readable) {
      begin = gate->end;
      if (tokens) {
        std::size_t bytes = 0;
        while (first_token < response.tokens.size() && bytes < begin) {
          bytes += tokenizer.token_bytes(response.tokens[first_token++]).size();
        }
        readable = bytes >= begin && is_blank(text.substr(begin, bytes - begin));
        begin = bytes;
      }
    }
    if (readable) {
      reading.decision = gate->decision;
      reading.stop_reading = gate->stop;
    } else {
      reading.decision = Decision::kMalformed;
      begin = 0;
      first_token = 0;
    }
  }
  reading.memory = tokens
                       ? kept_tokens(tokenizer, response, first_token, memory_tokens, reading.cut)
                       : kept_text(tokenizer, text.substr(begin), memory_tokens, reading.cut);
  if (reading.decision == Decision::kAdd && (reading.cut || response.stop == StopReason::kLength)) {
    reading.cut = true;
    drop_unfinished_line(tokenizer, reading.memory);
  }
  if (is_blank(reading.memory.text)) return blank_reading();
  if (reading.decision == Decision::kAdd) {
    if (has_all_lines(before.text, reading.memory.text)) {
      reading.keeps = true;
      reading.memory = {};
    } else {
      reading.memory = joined(renderer, before, reading.memory, memory_tokens, reading.cut);
    }
  }
  return reading;
}

std::string read_answer(const PromptRenderer& renderer, const GenerationResult& response) {
  const std::string_view text =
      renderer.as_tokens() ? std::string_view(response.text) : without_thinking(response.text);
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string_view answer_so_far(const PromptRenderer& renderer, std::string_view so_far) {
  const auto trimmed = [](std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
  };
  if (renderer.as_tokens()) return trimmed(so_far);
  // It may be the beginning of a think block, or of its end.
  constexpr std::string_view kOpen = "<think>";
  if (kOpen.starts_with(trimmed(so_far))) return {};
  return trimmed(without_thinking(so_far));
}

std::vector<std::string> complete_responses(Policy policy, const PromptSet& prompts) {
  if (policy != Policy::kGated) return {};
  // Not the keep word alone: a stop word may follow it.
  return {prompts.gate_keep + "\n", prompts.gate_keep + "\n\n",
          prompts.gate_keep + " " + prompts.gate_stop};
}

}  // namespace memagent
