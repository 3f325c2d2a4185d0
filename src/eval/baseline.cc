#include "eval/baseline.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "eval/retrieval.h"
#include "eval/window.h"

namespace memagent {
namespace {

// What validate() lets a budget be.
constexpr std::int32_t kMostTokens = 1 << 28;

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// For models of text: cuts are between characters, and there are no tokens.
TokenText as_text(TokenText shown) {
  shown.tokens.clear();
  std::size_t begin = 0;
  while (begin < shown.text.size() && begin < 3 && continues_character(shown.text[begin])) ++begin;
  shown.text.erase(0, begin);
  return shown;
}

// Retrieved text is not a run of the document's tokens: it is encoded anew, and may then be a few
// tokens longer than its chunks were.
TokenText encode_at_most(const PromptRenderer& renderer, std::string text, std::int64_t tokens) {
  TokenText encoded;
  encoded.tokens = renderer.tokenizer().encode(text);
  if (static_cast<std::int64_t>(encoded.tokens.size()) > tokens) {
    encoded.tokens.resize(static_cast<std::size_t>(tokens));
    text = renderer.tokenizer().decode(encoded.tokens);
  }
  encoded.text = std::move(text);
  return encoded;
}

}  // namespace

PromptSet baseline_prompts(PromptSet prompts) {
  constexpr std::string_view kSection = "{section}";
  std::string text = prompts.document;
  const std::size_t at = text.find(kSection);
  MEMAGENT_CHECK(at != std::string::npos, "prompts '{}' show no document", prompts.name);
  prompts.answer = text.replace(at, kSection.size(), "{memory}");
  return prompts;
}

std::int64_t room_for_document(const EpisodeConfig& config, const PromptRenderer& renderer,
                               const std::string& question, std::int64_t window_tokens) {
  return window_tokens - renderer.answer_overhead_tokens() - renderer.count_tokens(question) -
         config.output_tokens;
}

std::optional<TokenText> text_shown(Method method, const Sample& sample,
                                    const PromptRenderer& renderer,
                                    const std::shared_ptr<const Tokenizer>& tokenizer,
                                    std::int64_t tokens) {
  const std::int64_t room = std::max<std::int64_t>(tokens, 0);
  std::optional<TokenText> shown;
  switch (method) {
    case Method::kMemory:
      MEMAGENT_CHECK(false, "a memory is not shown {} tokens", tokens);
    case Method::kFull:
      shown = whole_document(sample.document(), tokenizer, room);
      break;
    case Method::kTruncate:
      shown = ends_of_document(sample.document(), tokenizer, 0, room);
      break;
    case Method::kTruncateMiddle:
      shown = ends_of_document(sample.document(), tokenizer, room / 2, room - room / 2);
      break;
    case Method::kRetrieve:
      shown = encode_at_most(renderer,
                             retrieve(sample.document(), tokenizer, sample.row().question,
                                      {.chunk_tokens = 256, .tokens = room}),
                             room);
      break;
  }
  if (shown && !renderer.as_tokens()) shown = as_text(std::move(*shown));
  return shown;
}

Episode baseline_episode(const EpisodeConfig& config,
                         std::shared_ptr<const PromptRenderer> renderer,
                         const std::string& question, TokenText shown) {
  EpisodeConfig answering = config;
  // room_for_document() has done the arithmetic.
  answering.window_tokens = 0;
  answering.memory_tokens = kMostTokens;
  answering.passes = 1;
  answering.lookahead = 1;
  EpisodeState state;
  state.reading_done = true;
  state.memory =
      shown.text.empty() ? renderer->encode(renderer->prompts().empty_memory) : std::move(shown);
  return {answering, std::move(renderer), question, std::move(state)};
}

}  // namespace memagent
