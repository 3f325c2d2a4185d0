#include "text/bpe_merger.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

namespace memagent {
namespace {

constexpr std::size_t kShort = 48;  // symbols; where the heap begins to pay

}  // namespace

MergeTable::MergeTable(std::size_t merges) {
  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(merges * 2, 16));
  entries_.resize(slots);
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t key = pair_key(left, right);
  std::size_t slot = slot_of(key);
  while (entries_[slot].key != kEmpty) {
    if (entries_[slot].key == key) return;
    slot = (slot + 1) & mask_;
  }
  entries_[slot] = {key, merge};
}

std::span<TokenId> BpeMerger::merge(const MergeTable& table, std::span<TokenId> symbols) {
  if (symbols.size() < 2) return symbols;
  return symbols.size() <= kShort ? merge_short(table, symbols) : merge_long(table, symbols);
}

std::span<TokenId> BpeMerger::merge_short(const MergeTable& table, std::span<TokenId> symbols) {
  std::array<MergeTable::Merge, kShort> pairs;  // pairs[i] joins symbols i and i + 1
  std::size_t count = symbols.size();
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = table.find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == MergeTable::kNoRank) break;
    symbols[best] = pairs[best].result;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (std::size_t i = best; i + 1 < count; ++i) pairs[i] = pairs[i + 1];
    if (best + 1 < count) pairs[best] = table.find(symbols[best], symbols[best + 1]);
    if (best > 0) pairs[best - 1] = table.find(symbols[best - 1], symbols[best]);
  }
  return symbols.first(count);
}

std::span<TokenId> BpeMerger::merge_long(const MergeTable& table, std::span<TokenId> symbols) {
  const auto count = static_cast<std::int32_t>(symbols.size());
  nodes_.resize(symbols.size());
  first_.clear();
  heap_.clear();
  const auto entry = [](MergeTable::Merge merge, std::int32_t position) {
    return (std::uint64_t{merge.rank} << 32) | static_cast<std::uint32_t>(position);
  };
  for (std::int32_t i = 0; i < count; ++i) {
    Node& node = nodes_[i];
    node = {{}, i - 1, i + 1 < count ? i + 1 : -1};
    if (node.next >= 0) node.merge = table.find(symbols[i], symbols[i + 1]);
    if (node.merge.rank != MergeTable::kNoRank) first_.push_back(entry(node.merge, i));
  }
  std::sort(first_.begin(), first_.end());
  const auto renew = [&](std::int32_t position) {
    Node& node = nodes_[position];
    node.merge =
        node.next < 0 ? MergeTable::Merge{} : table.find(symbols[position], symbols[node.next]);
    if (node.merge.rank == MergeTable::kNoRank) return;
    heap_.push_back(entry(node.merge, position));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  };
  std::size_t first = 0;
  while (first < first_.size() || !heap_.empty()) {
    std::uint64_t top = 0;
    if (heap_.empty() || (first < first_.size() && first_[first] < heap_.front())) {
      top = first_[first++];
    } else {
      top = heap_.front();
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
    }
    const auto position = static_cast<std::int32_t>(top & 0xFFFFFFFF);
    Node& node = nodes_[position];
    if (node.merge.rank != static_cast<std::uint32_t>(top >> 32)) continue;  // stale
    symbols[position] = node.merge.result;
    Node& gone = nodes_[node.next];
    gone.merge = {};
    node.next = gone.next;
    if (node.next >= 0) nodes_[node.next].previous = position;
    renew(position);
    if (node.previous >= 0) renew(node.previous);
  }
  std::size_t left = 0;
  for (std::int32_t i = 0; i >= 0; i = nodes_[i].next) symbols[left++] = symbols[i];
  return symbols.first(left);
}

}  // namespace memagent
