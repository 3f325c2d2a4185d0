// Keys and values of many sequences in pages of 64 tokens, shared between sequences that begin
// alike.
//
// A page holds one run of 64 positions for all layers and KV heads:
//   [num_layers][num_kv_heads] { keys [head_dim][64] f16, values [64][head_dim] f16 }
// Keys lie transposed so that scores are sums of whole vectors. Pages are counted references; a
// full page of prompt tokens can be registered under its tokens and its predecessor, and is then
// found by other prompts with the same beginning. What prompts share seldom ends with a page: of a
// last page that they share in part a copy is kept, which others copy in turn, and go on from.
// Lookups compare the tokens themselves, so no choice of text can make one prompt read another's
// page.
//
// Knows nothing about requests or models beyond the shape. Not thread-safe; the memory of different
// positions may be written by different threads at once.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "memagent/tokenizer.h"
#include "model/local/kernels/kernels.h"
#include "model/local/model_file.h"

namespace memagent {

using PageId = std::int32_t;
inline constexpr PageId kNoPage = -1;

class KvCache {
 public:
  // `capacity` pages in all, reserved as address space and touched only when used. Up to `retained`
  // registered pages that nobody holds are kept for later prompts, least recently used out first.
  KvCache(const ModelConfig& config, std::int32_t capacity, std::int32_t retained);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  static std::int64_t page_bytes(const ModelConfig& config);
  std::int32_t capacity() const { return capacity_; }
  // Pages that allocate() can still give.
  std::int32_t available() const { return capacity_ - held_; }

  // A page of its own, held once; its contents are finite but arbitrary.
  PageId allocate();
  void hold(PageId page);
  // `retain`: keep a registered page for later prompts once nobody holds it.
  void release(PageId page, bool retain);
  // Keys and values of all positions.
  void copy(PageId from, PageId to);
  // Lets go of what is kept for later prompts: the weights it was computed with are no more. Nobody
  // may hold a page.
  void forget();

  // The registered page with exactly these 64 tokens after `parent` (kNoPage: at the beginning).
  PageId find(PageId parent, std::span<const TokenId> tokens) const;
  // Makes a full page findable. Does nothing if an equal page is registered already.
  void register_page(PageId page, PageId parent, std::span<const TokenId> tokens);

  // Keeps a copy of the first positions of a page, with these tokens, for later prompts, if there
  // is a page for it; the least recently used goes out first, as any that nobody holds.
  void keep_beginning(PageId page, PageId parent, std::span<const TokenId> tokens);
  // Of the beginnings kept after `parent` the one that `tokens` begin with the longest part of.
  struct Beginning {
    PageId page = kNoPage;
    std::int32_t num_tokens = 0;
  };
  Beginning find_beginning(PageId parent, std::span<const TokenId> tokens);

  std::uint16_t* keys(PageId page, std::int32_t layer, std::int32_t kv_head) const;
  std::uint16_t* values(PageId page, std::int32_t layer, std::int32_t kv_head) const;

 private:
  struct Page {
    std::int32_t holders = 0;
    bool registered = false;
    bool retain = false;    // one of those who held it said so
    std::uint64_t key = 0;  // of the registration
    PageId parent = kNoPage;
    std::uint32_t parent_life = 0;  // which use of the parent's page it was
    std::uint32_t life = 0;         // counts the uses of this page
    std::vector<TokenId> tokens;
    std::list<PageId>::iterator retained_at;
  };

  std::uint64_t registration_key(PageId parent, std::span<const TokenId> tokens) const;
  bool follows(const Page& page, PageId parent) const;
  void unregister(Page& page);
  void evict_oldest();

  std::int32_t capacity_;
  std::int32_t retained_limit_;
  std::int32_t head_dim_;
  std::int32_t num_kv_heads_;
  std::int64_t page_elements_;
  std::uint16_t* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
  std::list<PageId> retained_;  // registered and held by nobody, oldest first
  std::int32_t used_ = 0;       // pages ever used
  std::int32_t held_ = 0;       // pages with holders
  std::unordered_map<std::uint64_t, PageId> registered_;
  std::unordered_multimap<PageId, PageId> beginnings_;  // kept ones, by their parents
};

}  // namespace memagent
