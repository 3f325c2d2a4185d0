// What the agent reads from outside, as one target: the first byte picks a prompt file, a saved
// state, or a model's response. Anything but an Error for bad input is a finding.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/prompt_file.h"
#include "agent/state_json.h"
#include "agent/update_response.h"
#include "memagent/error.h"
#include "support/byte_tokenizer.h"

namespace memagent {
namespace {

void read_state(std::string_view text) {
  const EpisodeState state = episode_state_from_json(text);
  // What was read can be written, and is then read as the same.
  const std::string written = to_json(state);
  if (to_json(episode_state_from_json(written)) != written) std::abort();
}

PromptSet prompts_with_add() {
  PromptSet prompts = default_prompts();
  prompts.gate_add = "ADD";
  for (std::string& text : prompts.update[static_cast<std::size_t>(Policy::kGated)]) text += " ADD";
  return prompts;
}

// The memory of any response fits its budget, and is part of the response or follows the old one.
void read_response(std::string_view text, bool as_tokens) {
  const test::ByteTokenizerOptions merged{.merged = {"UPDATE", "\n\n", "\nA", "STOP\n", "ADD\n"}};
  static const auto tokenizer = test::byte_tokenizer(merged);
  static const PromptRenderer tokens(prompts_with_add(), ChatFormat::kPlain, tokenizer, true,
                                     false);
  static const PromptRenderer texts(prompts_with_add(), ChatFormat::kPlain, tokenizer, false,
                                    false);
  const PromptRenderer& renderer = as_tokens ? tokens : texts;
  GenerationResult response;
  response.text = text;
  if (as_tokens) response.tokens = renderer.tokenizer().encode(text);
  const TokenText before = renderer.encode("a\nb");
  for (const Policy policy : {Policy::kOverwrite, Policy::kGated}) {
    const UpdateReading reading = read_update(policy, renderer, before, response, 7);
    if (renderer.count_tokens(reading.memory.text) > 7 && !as_tokens) std::abort();
    if (reading.memory.tokens.size() > 7) std::abort();
    std::string_view written = reading.memory.text;
    if (reading.decision == Decision::kAdd) {
      for (const std::string_view kept : {"a\nb\n", "b\n"}) {
        if (written.starts_with(kept)) {
          written.remove_prefix(kept.size());
          break;
        }
      }
    }
    if (text.find(written) == std::string_view::npos) std::abort();
    if (reading.keeps != reading.memory.text.empty()) std::abort();
  }
  (void)read_answer(renderer, response);
}

}  // namespace
}  // namespace memagent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        memagent::parse_prompts(text, "fuzz");
        break;
      case 1:
        memagent::read_state(text);
        break;
      case 2:
        memagent::read_response(text, true);
        break;
      default:
        memagent::read_response(text, false);
    }
  } catch (const memagent::Error& error) {
    if (error.kind() != memagent::ErrorKind::kBadInput) std::abort();
  }
  return 0;
}
