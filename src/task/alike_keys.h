// Keys that are hard to tell apart: names that share a word with others of their document, UUIDs
// that differ in few digits. For needles whose reader has to compare whole keys.
#pragma once

#include <cstdint>
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

// UUIDs of one stem, each with one to three of its digits drawn anew.
class AlikeUuids {
 public:
  AlikeUuids(Split split, std::uint64_t key);
  // UUID `number`, as many as wanted. Two of them are the same with odds below 1 in 10,000.
  Uuid uuid(std::uint64_t number) const;

 private:
  Split split_;
  std::uint64_t key_;
  std::vector<Uuid> stems_;
};

}  // namespace memagent
