#include "train/misleading_notes.h"

#include <algorithm>

#include "task/evidence_oracle.h"

namespace memagent {

std::size_t likeness(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  const auto begin = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first -
      a.begin());
  const auto end = static_cast<std::size_t>(
      std::mismatch(a.rbegin(), a.rbegin() + static_cast<std::ptrdiff_t>(most), b.rbegin()).first -
      a.rbegin());
  return begin + end;
}

std::string misleading_notes(const std::string& question, const std::vector<Evidence>& evidence,
                             const std::vector<std::unique_ptr<Sample>>& others,
                             RandomStream& random) {
  std::string notes;
  if (others.empty()) return notes;
  for (std::uint64_t i = 1 + random.below(2); i > 0; --i) {
    // Of one to sixteen the one that is most like it: errors are of that kind.
    const Row* other = nullptr;
    for (std::uint64_t tries = std::uint64_t{1} << random.below(5); tries > 0; --tries) {
      const Row& drawn = others[random.below(others.size())]->row();
      if (drawn.evidence.empty() || drawn.question == question) continue;
      if (other == nullptr ||
          likeness(drawn.question, question) > likeness(other->question, question)) {
        other = &drawn;
      }
    }
    if (other == nullptr) continue;
    const std::string& note = other->evidence[random.below(other->evidence.size())].note;
    const bool asked = std::any_of(evidence.begin(), evidence.end(),
                                   [&](const Evidence& own) { return own.note == note; });
    const std::string line = memory_line(note);
    if (asked || notes == line) continue;
    if (!notes.empty()) notes += '\n';
    notes += line;
  }
  return notes;
}

}  // namespace memagent
