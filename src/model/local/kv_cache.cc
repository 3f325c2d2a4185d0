#include "model/local/kv_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"

namespace memagent {

std::int64_t KvCache::page_bytes(const ModelConfig& config) {
  return std::int64_t{2} * config.num_layers * config.num_kv_heads * config.head_dim * kPageTokens *
         static_cast<std::int64_t>(sizeof(std::uint16_t));
}

KvCache::KvCache(const ModelConfig& config, std::int32_t capacity, std::int32_t retained)
    : capacity_(capacity),
      retained_limit_(retained),
      head_dim_(config.head_dim),
      num_kv_heads_(config.num_kv_heads),
      page_elements_(page_bytes(config) / static_cast<std::int64_t>(sizeof(std::uint16_t))),
      pages_(static_cast<std::size_t>(capacity)) {
  memory_bytes_ = static_cast<std::size_t>(page_bytes(config)) * static_cast<std::size_t>(capacity);
  // Fresh anonymous memory is zero, which the kernels rely on: masked values must be finite.
  void* memory = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    fail(ErrorKind::kModel, "cannot reserve {} bytes for the KV cache: {}: use a smaller context",
         memory_bytes_, std::strerror(errno));
  }
  memory_ = static_cast<std::uint16_t*>(memory);
}

KvCache::~KvCache() { ::munmap(memory_, memory_bytes_); }

PageId KvCache::allocate() {
  PageId id = kNoPage;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else if (used_ < capacity_) {
    id = used_++;
  } else {
    MEMAGENT_CHECK(!retained_.empty(), "all {} pages are held", capacity_);
    evict_oldest();
    id = free_.back();
    free_.pop_back();
  }
  Page& page = pages_[static_cast<std::size_t>(id)];
  page.holders = 1;
  page.retain = false;
  ++page.life;
  ++held_;
  return id;
}

void KvCache::hold(PageId id) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (page.holders++ == 0) {
    retained_.erase(page.retained_at);
    ++held_;
  }
}

void KvCache::release(PageId id, bool retain) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  MEMAGENT_CHECK(page.holders > 0, "page {} is held by nobody", id);
  page.retain = page.retain || retain;
  if (--page.holders > 0) return;
  --held_;
  if (page.registered && page.retain && retained_limit_ > 0) {
    retained_.push_back(id);
    page.retained_at = std::prev(retained_.end());
    if (static_cast<std::int32_t>(retained_.size()) > retained_limit_) evict_oldest();
  } else {
    unregister(page);
    free_.push_back(id);
  }
}

void KvCache::copy(PageId from, PageId to) {
  std::copy_n(memory_ + from * page_elements_, page_elements_, memory_ + to * page_elements_);
}

void KvCache::forget() {
  MEMAGENT_CHECK(held_ == 0, "{} pages are held", held_);
  while (!retained_.empty()) evict_oldest();
}

void KvCache::evict_oldest() {
  const PageId id = retained_.front();
  retained_.pop_front();
  unregister(pages_[static_cast<std::size_t>(id)]);
  free_.push_back(id);
}

void KvCache::unregister(Page& page) {
  if (!page.registered) return;
  page.registered = false;
  const auto [first, last] = beginnings_.equal_range(page.parent);
  const auto kept = std::find_if(first, last, [&](const auto& beginning) {
    return &pages_[static_cast<std::size_t>(beginning.second)] == &page;
  });
  if (kept != last) beginnings_.erase(kept);
  page.tokens.clear();
  registered_.erase(page.key);
}

std::uint64_t KvCache::registration_key(PageId parent, std::span<const TokenId> tokens) const {
  std::uint64_t key = parent == kNoPage ? 1 : pages_[static_cast<std::size_t>(parent)].key;
  for (const TokenId token : tokens) key = derive(key, static_cast<std::uint64_t>(token));
  return key;
}

bool KvCache::follows(const Page& page, PageId parent) const {
  return page.parent == parent &&
         (parent == kNoPage || page.parent_life == pages_[static_cast<std::size_t>(parent)].life);
}

PageId KvCache::find(PageId parent, std::span<const TokenId> tokens) const {
  const auto found = registered_.find(registration_key(parent, tokens));
  if (found == registered_.end()) return kNoPage;
  const Page& page = pages_[static_cast<std::size_t>(found->second)];
  return follows(page, parent) && std::ranges::equal(page.tokens, tokens) ? found->second : kNoPage;
}

void KvCache::keep_beginning(PageId page, PageId parent, std::span<const TokenId> tokens) {
  if (retained_limit_ == 0 || available() == 0 || find(parent, tokens) != kNoPage) return;
  const PageId kept = allocate();
  register_page(kept, parent, tokens);
  // After a page that is not, it could never be found.
  if (pages_[static_cast<std::size_t>(kept)].registered) {
    copy(page, kept);
    beginnings_.emplace(parent, kept);
  }
  release(kept, true);
}

KvCache::Beginning KvCache::find_beginning(PageId parent, std::span<const TokenId> tokens) {
  Beginning best;
  const auto [first, last] = beginnings_.equal_range(parent);
  for (auto kept = first; kept != last; ++kept) {
    const Page& page = pages_[static_cast<std::size_t>(kept->second)];
    if (!follows(page, parent)) continue;
    const auto differ = std::ranges::mismatch(page.tokens, tokens).in1;
    const auto shared = static_cast<std::int32_t>(differ - page.tokens.begin());
    if (shared > best.num_tokens) best = {kept->second, shared};
  }
  if (best.page != kNoPage) {
    const auto at = pages_[static_cast<std::size_t>(best.page)].retained_at;
    retained_.splice(retained_.end(), retained_, at);
  }
  return best;
}

void KvCache::register_page(PageId id, PageId parent, std::span<const TokenId> tokens) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (page.registered) return;
  // A page after an unregistered one could never be found.
  if (parent != kNoPage && !pages_[static_cast<std::size_t>(parent)].registered) return;
  page.key = registration_key(parent, tokens);
  const auto [entry, is_new] = registered_.emplace(page.key, id);
  if (!is_new) {
    // Of the same tokens; or of some whose own beginning has gone, which nobody can find any more.
    Page& other = pages_[static_cast<std::size_t>(entry->second)];
    if (other.parent == kNoPage) return;
    const Page& its_parent = pages_[static_cast<std::size_t>(other.parent)];
    if (its_parent.registered && its_parent.life == other.parent_life) return;
    unregister(other);
    registered_.emplace(page.key, id);
  }
  page.registered = true;
  page.parent = parent;
  page.parent_life = parent == kNoPage ? 0 : pages_[static_cast<std::size_t>(parent)].life;
  page.tokens.assign(tokens.begin(), tokens.end());
}

std::uint16_t* KvCache::keys(PageId page, std::int32_t layer, std::int32_t kv_head) const {
  const std::int64_t head = std::int64_t{layer} * num_kv_heads_ + kv_head;
  return memory_ + page * page_elements_ + head * 2 * head_dim_ * kPageTokens;
}

std::uint16_t* KvCache::values(PageId page, std::int32_t layer, std::int32_t kv_head) const {
  return keys(page, layer, kv_head) + std::int64_t{head_dim_} * kPageTokens;
}

}  // namespace memagent
