#include "task/frequency_oracle.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace memagent {
namespace {

constexpr std::size_t kKept = 5;
constexpr std::int64_t kSettledCount = 100;

bool is_space(char c) { return c == ' ' || c == '\n'; }

class FrequencyOracle final : public Oracle {
 public:
  FrequencyOracle(std::vector<WordCount> begun, std::size_t asked, std::int64_t document_bytes)
      : counts_(std::move(begun)), asked_(asked), document_bytes_(document_bytes) {}

  void read(std::int64_t, std::int64_t byte_end, std::string_view text) override {
    if (byte_end <= read_to_) return;
    read_to_ = byte_end;
    if (settled()) return;
    for (const char c : text) {
      if (is_space(c)) {
        count_word();
      } else {
        word_ += c;  // one that a section's end cuts goes on in the next
      }
    }
    if (read_to_ >= document_bytes_) count_word();
    keep_most_frequent(counts_);
  }

  std::string memory() const override {
    std::string memory;
    for (const WordCount& each : counts_) {
      if (!memory.empty()) memory += '\n';
      memory += each.word + ": " + std::to_string(each.count);
    }
    return memory;
  }
  bool complete() const override { return settled() || read_to_ >= document_bytes_; }
  std::string answer() const override {
    std::string answer;
    for (std::size_t i = 0; i < std::min(asked_, counts_.size()); ++i) {
      if (!answer.empty()) answer += ", ";
      answer += counts_[i].word;
    }
    return answer;
  }

 private:
  bool settled() const { return !counts_.empty() && counts_.front().count >= kSettledCount; }
  void count_word() {
    const bool dots = word_.find_first_not_of('.') == std::string::npos;
    if (!dots) {
      const auto found = std::find_if(counts_.begin(), counts_.end(),
                                      [&](const WordCount& each) { return each.word == word_; });
      if (found != counts_.end()) {
        ++found->count;
      } else {
        counts_.push_back({word_, 1});
      }
    }
    word_.clear();
  }

  std::vector<WordCount> counts_;
  std::size_t asked_;
  std::int64_t document_bytes_;
  std::int64_t read_to_ = 0;
  std::string word_;  // so far
};

}  // namespace

void keep_most_frequent(std::vector<WordCount>& counts) {
  std::stable_sort(counts.begin(), counts.end(),
                   [](const WordCount& a, const WordCount& b) { return a.count > b.count; });
  if (counts.size() > kKept) counts.resize(kKept);
}

std::unique_ptr<Oracle> frequency_oracle(std::vector<WordCount> begun, std::size_t asked,
                                         std::int64_t document_bytes) {
  return std::make_unique<FrequencyOracle>(std::move(begun), asked, document_bytes);
}

}  // namespace memagent
