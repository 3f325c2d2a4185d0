#include "task/data/paragraph_pool.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "document/heading.h"

namespace memagent::data {
namespace {

std::uint64_t hash_of(std::string_view title, std::string_view text = {}) {
  Hash64 hash;
  hash.update(title);
  hash.update(std::string_view("\0", 1));
  hash.update(text);
  return hash.value();
}

}  // namespace

char* ParagraphPool::allocate(std::size_t bytes) {
  if (bytes > kBlockBytes / 4) {  // a block of its own
    blocks_.push_back(std::make_unique<char[]>(bytes));
    return blocks_.back().get();
  }
  if (bytes > block_left_) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_next_ = blocks_.back().get();
    block_left_ = kBlockBytes;
  }
  char* begin = block_next_;
  block_next_ += bytes;
  block_left_ -= bytes;
  return begin;
}

std::uint32_t ParagraphPool::add(std::string_view title, std::string_view text) {
  const auto number = static_cast<std::uint32_t>(paragraphs_.size());
  const auto [found, is_new] = by_hash_.emplace(hash_of(title, text), number);
  if (!is_new && this->title(found->second) == title && this->text(found->second) == text) {
    return found->second;
  }
  char* bytes = allocate(title.size() + text.size());
  std::copy(title.begin(), title.end(), bytes);
  std::copy(text.begin(), text.end(), bytes + title.size());
  paragraphs_.push_back(
      {bytes, static_cast<std::uint32_t>(title.size()), static_cast<std::uint32_t>(text.size())});
  return number;
}

void ParagraphPool::close() {
  by_hash_ = {};
  by_title_.reserve(paragraphs_.size());
  for (std::uint32_t i = 0; i < paragraphs_.size(); ++i)
    by_title_.emplace_back(hash_of(title(i)), i);
  std::ranges::sort(by_title_);
}

std::string_view ParagraphPool::title(std::uint32_t number) const {
  const Paragraph& paragraph = paragraphs_[number];
  return {paragraph.title, paragraph.title_bytes};
}

std::string_view ParagraphPool::text(std::uint32_t number) const {
  const Paragraph& paragraph = paragraphs_[number];
  return {paragraph.title + paragraph.title_bytes, paragraph.text_bytes};
}

std::size_t ParagraphPool::append(std::uint32_t number, std::string& out) const {
  const std::string heading = heading_line(title(number), false);
  out += heading;
  out += text(number);
  out += "\n\n";
  return heading.size();
}

std::size_t ParagraphPool::bytes(std::uint32_t number) const {
  return heading_line(title(number), false).size() + text(number).size() + 2;
}

void ParagraphPool::append_with_title(std::string_view title,
                                      std::vector<std::uint32_t>& out) const {
  const std::uint64_t hash = hash_of(title);
  for (auto at = std::ranges::lower_bound(by_title_, std::pair{hash, std::uint32_t{0}});
       at != by_title_.end() && at->first == hash; ++at) {
    if (this->title(at->second) == title) out.push_back(at->second);
  }
}

}  // namespace memagent::data
