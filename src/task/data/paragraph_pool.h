// All paragraphs of a data set, each once, packed into large blocks: the supply that documents are
// padded from. Knows nothing about questions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace memagent::data {

// Filled by one thread, then read by any number.
class ParagraphPool {
 public:
  // The paragraph's number; that of an equal one if there is one.
  std::uint32_t add(std::string_view title, std::string_view text);
  // Ends the filling: with_title() may be called.
  void close();

  std::int64_t size() const { return static_cast<std::int64_t>(paragraphs_.size()); }
  // Valid as long as the pool.
  std::string_view title(std::uint32_t number) const;
  std::string_view text(std::uint32_t number) const;
  // As it stands in documents: a heading line with the title, an empty line, the text, an empty
  // line. Returns the bytes before the text.
  std::size_t append(std::uint32_t number, std::string& out) const;
  std::size_t bytes(std::uint32_t number) const;  // of that
  void append_with_title(std::string_view title, std::vector<std::uint32_t>& out) const;

 private:
  struct Paragraph {
    const char* title;  // the text follows it
    std::uint32_t title_bytes;
    std::uint32_t text_bytes;
  };
  static constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
  char* allocate(std::size_t bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_next_ = nullptr;
  std::vector<Paragraph> paragraphs_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_hash_;       // while filling
  std::vector<std::pair<std::uint64_t, std::uint32_t>> by_title_;  // hash, number; sorted
};

}  // namespace memagent::data
