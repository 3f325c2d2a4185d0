#include "cli/ask_support.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/random.h"

namespace memagent {

const std::string& tiny_model() {
  static const ScratchFolder folder;
  static const std::string path = [] {
    std::string made = folder / "tiny.gguf";
    const RunResult result = run_memagent({"model", "init", "llama-tiny", made});
    if (result.exit_code != 0) throw std::runtime_error("no model: " + result.errors);
    return made;
  }();
  return path;
}

std::string english(std::size_t bytes, std::uint64_t seed) {
  static const char* const words[] = {"the",    "keeper", "of",    "harbour", "wrote", "a",
                                      "ledger", "every",  "night", "before",  "storm", "came"};
  RandomStream random(seed);
  std::string text;
  while (text.size() < bytes) {
    text += words[random.below(std::size(words))];
    text += random.below(9) == 0 ? ". " : " ";
    if (random.below(60) == 0) text += "\n\n";
  }
  return text;
}

std::vector<std::string> tiny_ask(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      "ask", "--model",         tiny_model(), "--section-tokens",  "64", "--memory-tokens",
      "12",  "--output-tokens", "6",          "--question-tokens", "64", "--threads",
      "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace memagent
