#include "text/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>

#include "base/check.h"
#include "base/fail.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::size_t kMaxWordBytes = 256;     // of a longer pre-token, each such part counts
constexpr std::size_t kMaxWords = 20'000'000;  // beyond, words seen once are forgotten

struct StringHash : std::hash<std::string_view> {
  using is_transparent = void;
};

using WordCounts = std::unordered_map<std::string, std::int64_t, StringHash, std::equal_to<>>;

struct Word {
  std::vector<std::int32_t> symbols;
  std::int64_t count = 0;
};

struct PairKey {
  std::int32_t left;
  std::int32_t right;
  bool operator==(const PairKey&) const = default;
  bool operator<(const PairKey& other) const {
    return left != other.left ? left < other.left : right < other.right;
  }
};

struct PairHash {
  std::size_t operator()(PairKey pair) const {
    const std::uint64_t both = (std::uint64_t{static_cast<std::uint32_t>(pair.left)} << 32) |
                               static_cast<std::uint32_t>(pair.right);
    return static_cast<std::size_t>((both * 0x9E3779B97F4A7C15ULL) >> 20);
  }
};

struct PairInfo {
  std::int64_t count = 0;
  std::vector<std::uint32_t> words;  // that had the pair at some time; may repeat
};

// In the queue; the count may be out of date.
struct Candidate {
  std::int64_t count;
  PairKey pair;
  // std::priority_queue gives the largest: most frequent first, then lowest ids.
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : other.pair < pair;
  }
};

class Merging {
 public:
  Merging(std::vector<Word> words, std::size_t num_merges, const BpeTrainerOptions& options)
      : words_(std::move(words)), num_merges_(num_merges), options_(options) {
    for (int byte = 0; byte < 256; ++byte) texts_.emplace_back(1, static_cast<char>(byte));
    for (std::uint32_t index = 0; index < words_.size(); ++index) count_pairs(index, 1);
    for (const auto& [pair, info] : pairs_) queue_.push({info.count, pair});
  }

  // Fills `vocabulary` with the tokens and merges.
  void run(Vocabulary& vocabulary) {
    std::set<std::string> known(texts_.begin(), texts_.end());
    while (vocabulary.merges.size() < num_merges_ && !queue_.empty()) {
      const Candidate top = queue_.top();
      queue_.pop();
      const PairInfo& info = pairs_[top.pair];
      if (info.count != top.count) {
        if (info.count >= options_.min_count) queue_.push({info.count, top.pair});
        continue;
      }
      if (info.count < options_.min_count) break;
      const std::string text = text_of(top.pair.left) + text_of(top.pair.right);
      if (text.size() > static_cast<std::size_t>(options_.max_token_bytes)) continue;
      // Two ways to the same text would give it two ids.
      if (!known.insert(text).second) continue;
      vocabulary.merges.push_back(to_byte_alphabet(text_of(top.pair.left)) + ' ' +
                                  to_byte_alphabet(text_of(top.pair.right)));
      texts_.push_back(text);
      merge(top.pair, static_cast<std::int32_t>(texts_.size()) - 1);
    }
    for (const std::string& text : texts_) vocabulary.tokens.push_back(to_byte_alphabet(text));
  }

 private:
  const std::string& text_of(std::int32_t symbol) const {
    return texts_[static_cast<std::size_t>(symbol)];
  }

  // Adds (sign 1) or takes away (-1) the pairs of one word.
  void count_pairs(std::uint32_t index, int sign) {
    const Word& word = words_[index];
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      PairInfo& info = pairs_[{word.symbols[i], word.symbols[i + 1]}];
      info.count += sign * word.count;
      if (sign > 0 && (info.words.empty() || info.words.back() != index)) {
        info.words.push_back(index);
      }
    }
  }

  void merge(PairKey pair, std::int32_t result) {
    const std::vector<std::uint32_t> affected = std::move(pairs_[pair].words);
    pairs_[pair].words.clear();
    std::set<PairKey> changed;
    for (const std::uint32_t index : affected) {
      std::vector<std::int32_t>& symbols = words_[index].symbols;
      if (!has_pair(symbols, pair)) continue;
      count_pairs(index, -1);
      std::size_t out = 0;
      for (std::size_t in = 0; in < symbols.size(); ++in) {
        const bool match =
            in + 1 < symbols.size() && symbols[in] == pair.left && symbols[in + 1] == pair.right;
        symbols[out++] = match ? result : symbols[in];
        if (match) ++in;
      }
      symbols.resize(out);
      count_pairs(index, 1);
      for (std::size_t i = 0; i + 1 < out; ++i) {
        if (symbols[i] == result || symbols[i + 1] == result) {
          changed.insert({symbols[i], symbols[i + 1]});
        }
      }
    }
    for (const PairKey& key : changed) queue_.push({pairs_[key].count, key});
  }

  static bool has_pair(const std::vector<std::int32_t>& symbols, PairKey pair) {
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      if (symbols[i] == pair.left && symbols[i + 1] == pair.right) return true;
    }
    return false;
  }

  std::vector<Word> words_;
  std::size_t num_merges_;
  const BpeTrainerOptions& options_;
  std::vector<std::string> texts_;  // of each symbol
  std::unordered_map<PairKey, PairInfo, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

struct BpeTrainer::State {
  BpeTrainerOptions options;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<PreTokenizer::Scratch> scratch;
  Utf8Repair repair;
  std::string pending;
  std::vector<std::uint32_t> ends;
  WordCounts counts;
  std::int64_t bytes = 0;

  void count(bool last) {
    const std::string_view text = pending;
    std::size_t done = 0;
    while (done < text.size()) {
      ends.clear();
      const std::string_view rest = text.substr(done);
      pre_tokenizer->split(rest, last, scratch.get(), ends);
      if (ends.empty()) break;
      std::size_t begin = 0;
      for (const std::uint32_t end : ends) {
        count_word(rest.substr(begin, end - begin));
        begin = end;
      }
      done += begin;
    }
    pending.erase(0, done);
  }

  void count_word(std::string_view word) {
    while (!word.empty()) {
      const std::string_view part = word.substr(0, kMaxWordBytes);
      word.remove_prefix(part.size());
      const auto found = counts.find(part);
      if (found != counts.end()) {
        ++found->second;
        continue;
      }
      if (counts.size() >= kMaxWords) {
        std::erase_if(counts, [](const auto& entry) { return entry.second == 1; });
      }
      counts.emplace(part, 1);
    }
  }
};

BpeTrainer::BpeTrainer(BpeTrainerOptions options) : state_(std::make_unique<State>()) {
  const auto special = static_cast<std::int64_t>(options.special_tokens.size());
  if (options.vocab_size < 256 + special || options.vocab_size > 1'000'000) {
    fail(ErrorKind::kUsage,
         "a vocabulary of {} tokens; it needs at least {} (256 bytes and {} special tokens) and at "
         "most 1000000",
         options.vocab_size, 256 + special, special);
  }
  if (options.max_token_bytes < 2) {
    fail(ErrorKind::kUsage, "tokens of at most {} bytes; at least 2 are needed",
         options.max_token_bytes);
  }
  std::set<std::string> seen;
  for (const std::string& token : options.special_tokens) {
    if (token.empty() || !seen.insert(token).second) {
      fail(ErrorKind::kUsage, "special token '{}' is empty or named twice", token);
    }
  }
  state_->pre_tokenizer = named_pre_tokenizer(options.pre_tokenizer);
  if (!state_->pre_tokenizer) {
    fail(ErrorKind::kUsage,
         "unknown pre-tokenizer '{}'; known are gpt-2, llama-bpe, qwen2, smollm and default",
         options.pre_tokenizer);
  }
  state_->scratch = state_->pre_tokenizer->make_scratch();
  state_->options = std::move(options);
}

BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view block = bytes.substr(0, std::size_t{1} << 20);
    bytes.remove_prefix(block.size());
    const std::size_t before = state_->pending.size();
    state_->repair.feed(block, state_->pending);
    state_->bytes += static_cast<std::int64_t>(state_->pending.size() - before);
    // Not for every few bytes: an unfinished pre-token is looked at again from its start.
    if (state_->pending.size() > 2 * kPreTokenWindow) state_->count(false);
  }
}

void BpeTrainer::end_document() {
  state_->repair.finish(state_->pending);
  state_->count(true);
}

std::int64_t BpeTrainer::bytes() const { return state_->bytes; }

Vocabulary BpeTrainer::train() {
  end_document();
  const BpeTrainerOptions& options = state_->options;
  std::vector<std::pair<std::string, std::int64_t>> sorted(state_->counts.begin(),
                                                           state_->counts.end());
  state_->counts.clear();
  std::sort(sorted.begin(), sorted.end());
  std::vector<Word> words;
  words.reserve(sorted.size());
  for (const auto& [text, count] : sorted) {
    if (text.size() < 2) continue;
    Word word;
    word.count = count;
    for (const char byte : text) word.symbols.push_back(static_cast<std::uint8_t>(byte));
    words.push_back(std::move(word));
  }
  sorted.clear();

  Vocabulary vocabulary;
  vocabulary.pre_tokenizer = options.pre_tokenizer;
  const std::size_t num_merges =
      static_cast<std::size_t>(options.vocab_size) - 256 - options.special_tokens.size();
  Merging(std::move(words), num_merges, options).run(vocabulary);
  vocabulary.types.assign(vocabulary.tokens.size(), TokenType::kNormal);
  for (const std::string& token : options.special_tokens) {
    vocabulary.tokens.push_back(token);
    vocabulary.types.push_back(TokenType::kControl);
  }
  set_well_known_ids(vocabulary);
  state_->bytes = 0;
  return vocabulary;
}

}  // namespace memagent
