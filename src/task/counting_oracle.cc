#include "task/counting_oracle.h"

#include <algorithm>
#include <utility>

namespace memagent {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n'; }

class CountingOracle final : public Oracle {
 public:
  CountingOracle(std::vector<std::string> words, std::int64_t document_bytes)
      : words_(std::move(words)), counts_(words_.size()), document_bytes_(document_bytes) {
    for (const std::string& word : words_) longest_ = std::max(longest_, word.size());
  }

  void read(std::int64_t, std::int64_t byte_end, std::string_view text) override {
    if (byte_end <= read_to_) return;
    read_to_ = byte_end;
    std::size_t at = 0;
    while (at < text.size()) {
      if (is_space(text[at])) {
        count_word();
        ++at;
        continue;
      }
      const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
      // A word that a section's end cuts goes on in the next. Longer than all is none of them.
      if (word_.size() <= longest_) word_ += text.substr(at, end - at);
      at = end;
    }
    if (complete()) count_word();
  }

  std::string memory() const override {
    std::string memory;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (counts_[i] == 0) continue;
      if (!memory.empty()) memory += '\n';
      memory += words_[i] + ": " + std::to_string(counts_[i]);
    }
    return memory;
  }
  bool complete() const override { return read_to_ >= document_bytes_; }
  std::string answer() const override {
    std::string answer;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (counts_[i] == 0) continue;
      if (!answer.empty()) answer += ", ";
      answer += words_[i];
    }
    return answer;
  }

 private:
  void count_word() {
    const auto found = std::find(words_.begin(), words_.end(), word_);
    if (found != words_.end()) ++counts_[static_cast<std::size_t>(found - words_.begin())];
    word_.clear();
  }

  std::vector<std::string> words_;
  std::vector<std::int64_t> counts_;
  std::int64_t document_bytes_;
  std::size_t longest_ = 0;
  std::int64_t read_to_ = 0;
  std::string word_;  // so far
};

}  // namespace

std::unique_ptr<Oracle> counting_oracle(std::vector<std::string> words,
                                        std::int64_t document_bytes) {
  return std::make_unique<CountingOracle>(std::move(words), document_bytes);
}

}  // namespace memagent
