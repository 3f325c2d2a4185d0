// Byte-pair merging of one pre-token: the adjacent pair with the lowest rank, the leftmost of
// equals, is replaced by its result until no pair has a rank.
//
// Short pre-tokens are searched pair by pair; long ones keep their candidates in order, so that the
// time stays n log n on any input.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent {

// (left symbol, right symbol) -> rank and result; open addressing, fixed once built.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoRank = 0xFFFFFFFF;
  struct Merge {
    std::uint32_t rank = kNoRank;
    TokenId result = -1;
  };

  explicit MergeTable(std::size_t merges);
  // The first of equal pairs counts.
  void insert(TokenId left, TokenId right, Merge merge);
  Merge find(TokenId left, TokenId right) const {
    const std::uint64_t key = pair_key(left, right);
    for (std::size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.key == key) return entry.merge;
      if (entry.key == kEmpty) return {};
    }
  }

 private:
  struct Entry {
    std::uint64_t key = kEmpty;
    Merge merge;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

  static std::uint64_t pair_key(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> shift_);
  }

  std::vector<Entry> entries_;
  std::size_t mask_;
  int shift_;
};

// Working memory of one caller at a time.
class BpeMerger {
 public:
  // Merges `symbols` in place; returns the ones that are left, a view into `symbols`.
  std::span<TokenId> merge(const MergeTable& table, std::span<TokenId> symbols);

 private:
  std::span<TokenId> merge_short(const MergeTable& table, std::span<TokenId> symbols);
  std::span<TokenId> merge_long(const MergeTable& table, std::span<TokenId> symbols);

  struct Node {
    MergeTable::Merge merge;  // of this symbol and the next
    std::int32_t previous;
    std::int32_t next;
  };
  std::vector<Node> nodes_;
  // Candidates, rank << 32 | position, perhaps out of date: those of the first look at the text in
  // order, those that merging brings in a heap with the smallest on top.
  std::vector<std::uint64_t> first_;
  std::vector<std::uint64_t> heap_;
};

}  // namespace memagent
