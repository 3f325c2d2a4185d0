#include "task/word_counting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "task/counting_oracle.h"
#include "task/fit_document.h"
#include "task/frequency_oracle.h"
#include "task/made_words.h"
#include "task/permutation.h"
#include "task/unit_sample.h"

namespace memagent {
namespace {

enum Purpose : std::uint64_t { kWords = 1, kOrder = 2, kBegun = 3 };

constexpr std::uint64_t kCommonWords = 10;

// How often words stand in a list: in a brief one, which RULER makes of less than 4,096 tokens,
// less often, so that it has room for others.
struct Times {
  std::uint64_t common;
  std::uint64_t other;
};
constexpr Times kTimes{30, 3};
constexpr Times kBriefTimes{6, 1};

constexpr std::size_t kAtOnce = 32;  // entries, whose permutations overlap

// The numbers from `begin` to at most `end`, as many as there is room for.
std::span<std::uint64_t> counted_from(std::int64_t begin, std::int64_t end,
                                      std::array<std::uint64_t, kAtOnce>& room) {
  const std::size_t count = std::min(kAtOnce, static_cast<std::size_t>(end - begin));
  std::iota(room.begin(), room.begin() + count, static_cast<std::uint64_t>(begin));
  return std::span(room).first(count);
}

// "1. amber-lantern" and so on, a line each, of ten common words and `others` others.
class CommonWordsList final : public UnitText {
 public:
  CommonWordsList(std::int64_t others, bool brief, Split split, std::uint64_t key)
      : times_(brief ? kBriefTimes : kTimes),
        words_(kCommonWords + static_cast<std::uint64_t>(others)),
        split_(split),
        // Long names only where there are not enough short ones: then all are long.
        long_names_(words_ > kNumShortNames),
        names_(long_names_ ? kNumLongNames : kNumShortNames, derive(key, kWords)),
        order_(kCommonWords * times_.common + times_.other * (words_ - kCommonWords),
               derive(key, kOrder)) {
    MEMAGENT_CHECK(words_ <= names_.size(), "{} words", words_);
  }

  void append(std::int64_t index, std::string& out) const override {
    append_run(index, index + 1, out);
  }
  void append_run(std::int64_t begin, std::int64_t end, std::string& out) const override {
    std::array<std::uint64_t, kAtOnce> names;
    for (std::int64_t index = begin; index < end;) {
      const std::span run = counted_from(index, end, names);
      order_.forward(run);
      for (std::uint64_t& name : run) name = word_at(name);
      names_.forward(run);
      for (const std::uint64_t name : run) {
        const fmt::format_int number(++index);
        out.append(number.data(), number.size());
        out += ". ";
        append_name(name, out);
        out += '\n';
      }
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(order_.size()); }

  std::vector<std::string> asked_words() const {
    std::vector<std::string> words(kCommonWords);
    for (std::uint64_t i = 0; i < kCommonWords; ++i) append_name(names_.forward(i), words[i]);
    return words;
  }

 private:
  // The common words come first.
  std::uint64_t word_at(std::uint64_t place) const {
    const std::uint64_t common_places = kCommonWords * times_.common;
    return place < common_places ? place / times_.common
                                 : kCommonWords + (place - common_places) / times_.other;
  }
  void append_name(std::uint64_t name, std::string& out) const {
    if (long_names_) {
      append_long_name(name, split_, out);
    } else {
      append_short_name(name, split_, out);
    }
  }

  Times times_;
  std::uint64_t words_;
  Split split_;
  bool long_names_;
  Permutation names_;
  Permutation order_;
};

constexpr int kCodeLetters = 6;
constexpr std::int64_t kWordsPerLine = 16;
constexpr double kZeta2 = std::numbers::pi * std::numbers::pi / 6;  // the sum of all 1 / k^2

// Coded words: the word of rank k stands floor(size / (k^2 zeta(2))) times. RULER's limit on the
// number of different words, a 50th of the tokens, is never reached: ranks run out before.
class FrequentWordsText final : public UnitText {
 public:
  FrequentWordsText(std::int64_t size, bool /*brief*/, Split split, std::uint64_t key)
      : ends_(rank_ends(size)), words_(ends_.size()), order_(ends_.back(), derive(key, kOrder)) {
    RandomStream draw(derive(key, kWords));
    words_[0] = "...";
    for (std::size_t rank = 1; rank < words_.size(); ++rank) {
      // 26^6 / 2 words are so many that the few thousand before are seldom met.
      do {
        words_[rank] = made_code(draw, split, kCodeLetters, 'a');
      } while (std::find(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(rank),
                         words_[rank]) != words_.begin() + static_cast<std::ptrdiff_t>(rank));
    }
    find_first_ranks();
  }

  void append(std::int64_t index, std::string& out) const override {
    append_run(index, index + 1, out);
  }
  void append_run(std::int64_t begin, std::int64_t end, std::string& out) const override {
    std::array<std::uint64_t, kAtOnce> places;
    for (std::int64_t index = begin; index < end;) {
      const std::span run = counted_from(index, end, places);
      order_.forward(run);
      for (const std::uint64_t place : run) {
        out += words_[rank_of(place)];
        out += ++index % kWordsPerLine == 0 ? '\n' : ' ';
      }
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(ends_.back()); }

  std::vector<std::string> asked_words() const {
    return {words_.begin() + 1, words_.begin() + 1 + kFrequencyWords};
  }

  // What a section of some other text of the same words would vote for (frequency_oracle.h).
  FrequencyVote vote_elsewhere(RandomStream& random) const {
    std::vector<std::string> words;
    for (std::uint64_t i = 30 + random.below(60); i > 0; --i) {
      const std::size_t rank = rank_of(random.below(ends_.back()));
      if (rank > 0) words.push_back(words_[rank]);
    }
    return most_frequent(words);
  }

 private:
  // Most places are of the first ranks; the others' are told apart by where the search begins.
  std::size_t rank_of(std::uint64_t place) const {
    std::size_t rank = first_ranks_[place >> first_shift_];
    while (ends_[rank] <= place) ++rank;
    return rank;
  }
  // For each run of 2^first_shift_ places, the rank of its first.
  void find_first_ranks() {
    constexpr std::uint64_t kMostRuns = 4096;
    while (ends_.back() >> first_shift_ >= kMostRuns) ++first_shift_;
    std::uint32_t rank = 0;
    for (std::uint64_t place = 0; place < ends_.back(); place += std::uint64_t{1} << first_shift_) {
      while (ends_[rank] <= place) ++rank;
      first_ranks_.push_back(rank);
    }
  }
  static std::vector<std::uint64_t> rank_ends(std::int64_t size) {
    std::vector<std::uint64_t> ends;
    std::uint64_t end = 0;
    for (double rank = 1;; ++rank) {
      const auto times =
          static_cast<std::uint64_t>(static_cast<double>(size) / (rank * rank * kZeta2));
      if (times == 0) break;
      ends.push_back(end += times);
    }
    return ends;
  }

  std::vector<std::uint64_t> ends_;  // of each rank's places; [ranks]
  std::vector<std::string> words_;   // [ranks]
  std::vector<std::uint32_t> first_ranks_;
  int first_shift_ = 0;
  Permutation order_;
};

// A text of frequent words, some of whose votes have been taken: its siblings ask the same
// question, but begin with the votes of other texts of the same words.
class FrequentWordsSample final : public Sample {
 public:
  FrequentWordsSample(std::shared_ptr<const Sample> text,
                      std::shared_ptr<const FrequentWordsText> words,
                      std::vector<FrequencyVote> begun)
      : text_(std::move(text)), words_(std::move(words)), begun_(std::move(begun)) {}

  const Row& row() const override { return text_->row(); }
  std::unique_ptr<DocumentSource> document() const override { return text_->document(); }
  std::unique_ptr<Oracle> oracle() const override {
    return frequency_oracle(begun_, row().document_bytes);
  }
  // From a single vote to all that are taken.
  std::vector<std::unique_ptr<Sample>> siblings(std::int64_t most,
                                                std::uint64_t key) const override {
    constexpr std::int64_t kMost = 3;  // a section's vote is the same for all of them
    std::vector<std::unique_ptr<Sample>> samples;
    RandomStream random(derive(key, kBegun));
    for (std::int64_t i = 0; i < std::min(most, kMost); ++i) {
      std::vector<FrequencyVote> votes(1 + random.below(kFrequencyVotes));
      for (FrequencyVote& vote : votes) vote = words_->vote_elsewhere(random);
      samples.push_back(std::make_unique<FrequentWordsSample>(text_, words_, std::move(votes)));
    }
    return samples;
  }

 private:
  std::shared_ptr<const Sample> text_;
  std::shared_ptr<const FrequentWordsText> words_;
  std::vector<FrequencyVote> begun_;
};

// What is different about the two tasks. List: CommonWordsList or FrequentWordsText.
struct CommonWords {
  using List = CommonWordsList;
  static constexpr const char* kName = "cwe";
  static constexpr const char* kDescription =
      "the ten words that stand thirty times in a list where the others stand three times";
  static constexpr std::int64_t kBriefBelow = 4096;  // tokens
  static constexpr const char* kQuestion =
      "Ten words stand in this list far more often than all others. Which ten?";
  static constexpr std::int64_t kLeast = 1;
  static constexpr std::int64_t kAnswerTokens = 100;

  static std::unique_ptr<Sample> make(Row row, std::shared_ptr<const UnitDocument> document) {
    return unit_sample(std::move(row), {}, std::move(document), [](const Row& made) {
      return counting_oracle(made.answers, made.document_bytes);
    });
  }
};

struct FrequentWords {
  using List = FrequentWordsText;
  static constexpr const char* kName = "fwe";
  static constexpr const char* kDescription =
      "the three most frequent coded words of a text with Zipf's frequencies";
  static constexpr std::int64_t kBriefBelow = 0;  // there is no brief form
  static constexpr const char* kQuestion =
      "Which three coded words stand most often in this text? The dots (...) do not count.";
  static constexpr std::int64_t kLeast = 250;  // ranks 4 and 5 stand 9 and 6 times
  static constexpr std::int64_t kAnswerTokens = 30;

  static std::unique_ptr<Sample> make(Row row,
                                      const std::shared_ptr<const UnitDocument>& document) {
    auto words = std::static_pointer_cast<const FrequentWordsText>(document->units);
    return std::make_unique<FrequentWordsSample>(unit_sample(std::move(row), {}, document, nullptr),
                                                 std::move(words), std::vector<FrequencyVote>());
  }
};

template <typename Config>
class WordCounting final : public Task {
 public:
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::int64_t size() const override { return -1; }
  // A tenth more than one row's least document, because other rows' words may take more.
  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    return plan(Config::kLeast, true, Split::kTest, 0, tokenizer)->tokens * 11 / 10 + 64;
  }
  std::int64_t answer_tokens() const override { return Config::kAnswerTokens; }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check_spec(name_, spec, fewest_tokens(*tokenizer));
    const std::uint64_t key = row_key(name_, spec);
    const auto fit = [&](bool brief) {
      return fit_document(Config::kLeast, spec.tokens, [&](std::int64_t size) {
        return plan(size, brief, spec.split, key, *tokenizer);
      });
    };
    auto document = fit(spec.tokens < Config::kBriefBelow);
    // Where a vocabulary needs many tokens, longer documents have to be brief, too.
    if (document == nullptr) document = fit(true);
    MEMAGENT_CHECK(document != nullptr, "{} tokens for {}", spec.tokens, name_);

    Row row;
    row.id = row_id(name_, spec);
    row.task = name_;
    row.question = Config::kQuestion;
    row.answers = static_cast<const typename Config::List&>(*document->units).asked_words();
    row.match = Match::kAll;
    return Config::make(std::move(row), std::move(document));
  }

 private:
  static std::shared_ptr<const UnitDocument> plan(std::int64_t size, bool brief, Split split,
                                                  std::uint64_t key, const Tokenizer& tokenizer) {
    const auto list = std::make_shared<const typename Config::List>(size, brief, split, key);
    return plan_units(list, {}, "", "", {.num_units = list->size()}, tokenizer);
  }

  const std::string name_ = Config::kName;
  const std::string description_ = Config::kDescription;
};

}  // namespace

std::shared_ptr<const Task> common_words_task() {
  return std::make_shared<WordCounting<CommonWords>>();
}

std::shared_ptr<const Task> frequent_words_task() {
  return std::make_shared<WordCounting<FrequentWords>>();
}

}  // namespace memagent
