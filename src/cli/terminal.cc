#include "cli/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/lengths.h"
#include "cli/word_diff.h"

namespace memagent {

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1_control = byte == 0xC2 && i + 1 < text.size() &&
                            static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                            static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      out += "\xEF\xBF\xBD";
    } else if (c1_control) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else {
      out += static_cast<char>(byte);
    }
  }
  return out;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string progress_line(const ProgressState& state, int width) {
  const double tokens_now = static_cast<double>(state.tokens - state.tokens_resumed);
  std::string counts = grouped(state.tokens) + " tokens";
  if (state.seconds > 0.5 && tokens_now > 0) {
    counts += fmt::format("  {} tokens/s", grouped(std::llround(tokens_now / state.seconds)));
  }
  if (state.fraction < 0) {
    return fmt::format("{}  {}", state.answering ? "answering" : "reading", counts)
        .substr(0, static_cast<std::size_t>(std::max(width, 0)));
  }
  const double fraction = std::clamp(state.fraction, 0.0, 1.0);
  const double done_now = fraction - state.fraction_resumed;
  if (state.answering) {
    counts += "  answering";
  } else if (state.seconds > 0.5 && done_now > 1e-9) {
    counts += fmt::format("  {} left", duration_text(state.seconds * (1 - fraction) / done_now));
  }
  const std::string percent = fmt::format("{:3}%", static_cast<int>(std::floor(fraction * 100)));
  const int bar = std::min(30, width - static_cast<int>(percent.size() + counts.size()) - 5);
  std::string line = percent;
  if (bar >= 8) {
    const int full = static_cast<int>(fraction * bar);
    line += fmt::format(" [{}{}]", std::string(static_cast<std::size_t>(full), '#'),
                        std::string(static_cast<std::size_t>(bar - full), '.'));
  }
  line += "  " + counts;
  return line.substr(0, static_cast<std::size_t>(std::max(width, 0)));
}

std::string marked_changes(std::string_view before, std::string_view after, bool colour) {
  std::string out;
  for (const DiffPart& part : word_diff(before, after)) {
    // White space in front of a part is set before its mark, so that lines stay lines.
    const std::string text = harmless(part.text);
    const std::size_t word = std::min(text.find_first_not_of(" \n\t"), text.size());
    const std::string space = text.substr(0, word);
    const std::string rest = text.substr(word);
    switch (part.kind) {
      case DiffKind::kSame:
        out += text;
        break;
      case DiffKind::kAdded:
        out += colour ? fmt::format("{}\x1B[32m{}\x1B[0m", space, rest)
                      : fmt::format("{}{{+{}+}}", space, rest);
        break;
      case DiffKind::kRemoved:
        out += colour ? fmt::format("{}\x1B[31;9m{}\x1B[0m", space, rest)
                      : fmt::format("{}[-{}-]", space, rest);
        break;
    }
  }
  return out;
}

}  // namespace memagent
