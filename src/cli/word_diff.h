// What changed from one text to another, word by word, for people who watch a memory.
//
// A word keeps the white space before it, so joining the kept and added parts gives the new text
// and joining the kept and removed parts gives the old one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memagent {

enum class DiffKind { kSame, kAdded, kRemoved };

struct DiffPart {
  DiffKind kind = DiffKind::kSame;
  std::string text;
  bool operator==(const DiffPart&) const = default;
};

// A longest common subsequence of words; neighbouring parts have different kinds. Texts of more
// than some 2,000 differing words each are shown as one removal and one addition.
std::vector<DiffPart> word_diff(std::string_view before, std::string_view after);

}  // namespace memagent
