#include "train/packed_batch.h"

#include "base/check.h"

namespace memagent {

std::int64_t PackedBatch::add(std::span<const std::int32_t> ids, std::int64_t parent) {
  MEMAGENT_CHECK(!ids.empty(), "an empty segment");
  const auto index = static_cast<std::int64_t>(segments.size());
  std::int64_t position = 0;
  if (parent >= 0) {
    MEMAGENT_CHECK(parent < index, "parent {} of segment {}", parent, index);
    const Segment& root = segments[static_cast<std::size_t>(parent)];
    MEMAGENT_CHECK(root.parent < 0, "segment {} has a parent itself", parent);
    const Segment& last = segments.back();
    MEMAGENT_CHECK(last.parent == parent || parent == index - 1,
                   "segment {} does not follow its parent {}", index, parent);
    position = root.end - root.begin;
  }
  segments.push_back({num_tokens(), num_tokens() + static_cast<std::int64_t>(ids.size()), parent});
  for (const std::int32_t id : ids) {
    tokens.push_back(id);
    positions.push_back(position++);
  }
  return index;
}

void PackedBatch::learn(std::int64_t index, std::int64_t first, std::int64_t last) {
  const Segment& segment = segments[static_cast<std::size_t>(index)];
  MEMAGENT_CHECK(first >= (segment.parent < 0 ? 1 : 0) && last <= segment.end - segment.begin,
                 "tokens [{}, {}) of segment {}", first, last, index);
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t before =
        i > 0 ? segment.begin + i - 1 : segments[static_cast<std::size_t>(segment.parent)].end - 1;
    rows.push_back(before);
    targets.push_back(tokens[static_cast<std::size_t>(segment.begin + i)]);
  }
}

}  // namespace memagent
