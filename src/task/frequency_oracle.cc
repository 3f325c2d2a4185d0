#include "task/frequency_oracle.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace memagent {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n'; }

class FrequencyOracle final : public Oracle {
 public:
  FrequencyOracle(std::vector<FrequencyVote> begun, std::int64_t document_bytes)
      : votes_(std::move(begun)), document_bytes_(document_bytes) {}

  void read(std::int64_t, std::int64_t byte_end, std::string_view text) override {
    if (byte_end <= read_to_) return;
    read_to_ = byte_end;
    if (votes_.size() >= kFrequencyVotes) return;
    std::vector<std::string> words;
    for (const char c : text) {
      if (is_space(c)) {
        take_word(words);
      } else {
        word_ += c;  // one that a section's end cuts goes on in the next
      }
    }
    if (read_to_ >= document_bytes_) take_word(words);
    if (!words.empty()) votes_.push_back(most_frequent(words));
  }

  std::string memory() const override {
    std::string memory;
    for (const FrequencyVote& vote : votes_) {
      // After "- " a word is spelt of the tokens that it has in a text.
      memory += fmt::format("{}- {}", memory.empty() ? "" : "\n", fmt::join(vote, ", "));
    }
    return memory;
  }
  bool complete() const override {
    return votes_.size() >= kFrequencyVotes || read_to_ >= document_bytes_;
  }
  std::string answer() const override {
    std::vector<std::string> words;
    for (const FrequencyVote& vote : votes_) words.insert(words.end(), vote.begin(), vote.end());
    return fmt::format("{}", fmt::join(most_frequent(words), ", "));
  }

 private:
  void take_word(std::vector<std::string>& words) {
    if (word_.find_first_not_of('.') != std::string::npos) words.push_back(word_);
    word_.clear();
  }

  std::vector<FrequencyVote> votes_;
  std::int64_t document_bytes_;
  std::int64_t read_to_ = 0;
  std::string word_;  // so far
};

}  // namespace

FrequencyVote most_frequent(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string_view, std::int64_t>> counts;
  for (const std::string& word : words) {
    const auto found = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& each) { return each.first == word; });
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace_back(word, 1);
    }
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  counts.resize(std::min(kFrequencyWords, counts.size()));
  FrequencyVote vote;
  for (const auto& [word, count] : counts) vote.emplace_back(word);
  return vote;
}

std::unique_ptr<Oracle> frequency_oracle(std::vector<FrequencyVote> begun,
                                         std::int64_t document_bytes) {
  return std::make_unique<FrequencyOracle>(std::move(begun), document_bytes);
}

}  // namespace memagent
