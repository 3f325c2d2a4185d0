// Keys that are hard to tell apart: names that share a word with others of their document, UUIDs
// that differ in few digits. For needles whose reader has to compare whole keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "task/made_words.h"

namespace memagent {

// Every first word with every second one: a word is shared by eleven other names.
class AlikeNames {
 public:
  static constexpr std::uint64_t kNumWords = 12;
  static constexpr std::uint64_t kNumNames = kNumWords * kNumWords;

  AlikeNames(Split split, std::uint64_t key);
  // Name `number` of kNumNames, an index for append_short_name(); no two are the same.
  std::uint64_t name(std::uint64_t number) const;

 private:
  std::uint64_t key_;
  std::vector<std::uint64_t> words_;  // names: all listed, or all coined
};

// UUIDs of six stems, each with one to three of its digits changed.
class AlikeUuids {
 public:
  AlikeUuids(Split split, std::uint64_t key);
  // UUID `number`, as many as wanted; no two are the same. From some five million on, and one in
  // tens of thousands before, they are of no stem.
  Uuid uuid(std::uint64_t number) const;

 private:
  Uuid single(std::uint64_t code) const;
  // With this digit changed, too, such that it is of the split. None is with odds of 1 in 2^15.
  std::optional<Uuid> changed_into_ours(Uuid uuid, std::uint64_t place, RandomStream& draw) const;
  bool is_ours(Uuid uuid) const;
  std::uint64_t place_of(std::uint64_t number, std::uint64_t size) const;

  Split split_;
  std::uint64_t key_;
  std::vector<Uuid> stems_;
  std::vector<std::uint16_t> singles_;  // codes of those with one change that are of the split
};

}  // namespace memagent
