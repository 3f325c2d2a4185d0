// Planning lays the document out while it goes through the tokenizer. Where tokens are the limit,
// an insert's turn comes when its share of the filler's tokens has gone by: the filler is what the
// limit leaves besides the inserts, so one pass is enough. Only the end needs care: there units are
// weighed one by one, and the count that came out is checked, because words that meet at a border
// may join to fewer tokens or more. Should the weighing have been wrong, the document is laid out
// again with a unit fewer or more.
#include "task/unit_document.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
constexpr std::int64_t kRun = 32;  // units made at a time, where nothing stands between them

// The document so far, on its way through the tokenizer. Text gathers in a block until somebody
// needs to know the count.
class Measure {
 public:
  explicit Measure(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), stream_(tokenizer.stream()) {}

  void add(std::string_view text) {
    block_ += text;
    bytes_ += static_cast<std::int64_t>(text.size());
  }
  void add_units(const UnitText& units, std::int64_t begin, std::int64_t end) {
    const std::size_t before = block_.size();
    units.append_run(begin, end, block_);
    bytes_ += static_cast<std::int64_t>(block_.size() - before);
  }

  // No text has more tokens than bytes.
  std::int64_t most_tokens() const { return tokens_ + bytes_ - settled_bytes_; }
  std::size_t block_bytes() const { return block_.size(); }
  std::int64_t bytes() const { return bytes_; }

  // Tokens that end in what was added; the last ones may still change.
  std::int64_t settle() {
    if (block_.size() >= kKept) {
      last_.assign(block_, block_.size() - kKept);
    } else {
      last_ += block_;
      if (last_.size() > kKept) last_.erase(0, last_.size() - kKept);
    }
    stream_->feed(block_, ids_);
    block_.clear();
    for (const TokenId id : ids_) {
      settled_bytes_ += static_cast<std::int64_t>(tokenizer_.token_bytes(id).size());
    }
    return count();
  }
  // The same where nobody asks how many bytes are settled: not after this.
  std::int64_t count_on() {
    stream_->feed(block_, ids_);
    block_.clear();
    return count();
  }
  std::int64_t finish() {
    stream_->feed(block_, ids_);
    block_.clear();
    stream_->finish(ids_);
    return count();
  }
  // Tokens of the text that is not settled, as a text of its own.
  std::int64_t unsettled_tokens() const {
    const auto bytes = static_cast<std::size_t>(bytes_ - settled_bytes_);
    if (bytes > last_.size()) return static_cast<std::int64_t>(bytes) / 4;
    return static_cast<std::int64_t>(
        tokenizer_.encode(std::string_view(last_).substr(last_.size() - bytes)).size());
  }

 private:
  static constexpr std::size_t kKept = 4096;  // far more than a tokenizer keeps back of prose

  std::int64_t count() {
    tokens_ += static_cast<std::int64_t>(ids_.size());
    ids_.clear();
    return tokens_;
  }

  const Tokenizer& tokenizer_;
  std::unique_ptr<TokenStream> stream_;
  std::vector<TokenId> ids_;
  std::string block_;  // added, not yet fed
  std::string last_;   // the end of what was fed
  std::int64_t bytes_ = 0;
  std::int64_t tokens_ = 0;  // settled
  std::int64_t settled_bytes_ = 0;
};

class Planner {
 public:
  Planner(std::shared_ptr<const UnitText> units, std::vector<Insert> inserts, std::string head,
          std::string tail, const Tokenizer& tokenizer)
      : units_(std::move(units)),
        inserts_(std::move(inserts)),
        head_(std::move(head)),
        tail_(std::move(tail)),
        tokenizer_(tokenizer),
        order_(inserts_.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
      return inserts_[a].depth < inserts_[b].depth;
    });
  }

  std::shared_ptr<const UnitDocument> by_units(std::int64_t num_units) const {
    std::vector<std::int64_t> before(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const double share = std::clamp(inserts_[order_[i]].depth, 0.0, 1.0);
      before[i] = std::llround(share * static_cast<double>(num_units));
    }
    return lay_out(num_units, before);
  }

  std::shared_ptr<const UnitDocument> by_tokens(std::int64_t limit) const {
    Begun begun = lay_out_to(limit);
    if (begun.ran_out) {
      auto all = by_units(units_->size());
      while (all->tokens > limit) all = by_units(all->num_units - 1);
      return all;
    }
    std::shared_ptr<const UnitDocument> best = std::move(begun.document);
    if (best->tokens > limit) {
      do {
        if (best->num_units == 0) too_small(limit, best->tokens);
        best = lay_out(best->num_units - 1, begun.before_unit);
      } while (best->tokens > limit);
      return best;
    }
    while (best->num_units != units_->size() &&
           best->tokens + unit_tokens(best->num_units) <= limit) {
      auto longer = lay_out(best->num_units + 1, begun.before_unit);
      if (longer->tokens > limit) break;
      best = std::move(longer);
    }
    return best;
  }

 private:
  struct Begun {
    std::shared_ptr<UnitDocument> document;
    std::vector<std::int64_t> before_unit;  // of the inserts in document order
    bool ran_out = false;                   // of units, far from the limit
  };

  std::int64_t tokens_of(std::string_view text) const {
    std::vector<TokenId> ids;
    tokenizer_.encode(text, ids);
    return static_cast<std::int64_t>(ids.size());
  }
  std::int64_t unit_tokens(std::int64_t index) const {
    std::string text;
    units_->append(index, text);
    return tokens_of(text);
  }
  [[noreturn]] static void too_small(std::int64_t limit, std::int64_t least) {
    fail(ErrorKind::kUsage,
         "a document of {} tokens is too short for what it must hold: ask for "
         "at least {}",
         limit, least);
  }

  std::shared_ptr<UnitDocument> empty_document() const {
    auto document = std::make_shared<UnitDocument>();
    document->units = units_;
    document->head = head_;
    document->tail = tail_;
    document->origin = order_;
    return document;
  }
  void place(std::size_t i, std::int64_t before_unit, std::int64_t tokens, Measure& measure,
             UnitDocument& document) const {
    const std::string& text = inserts_[order_[i]].text;
    document.inserts.push_back({before_unit, measure.bytes(), tokens, text});
    measure.add(text);
  }

  // With everything's place given.
  std::shared_ptr<UnitDocument> lay_out(std::int64_t num_units,
                                        const std::vector<std::int64_t>& before_unit) const {
    auto document = empty_document();
    Measure measure(tokenizer_);
    measure.add(head_);
    std::size_t next = 0;
    for (std::int64_t unit = 0;;) {
      while (next < order_.size() && (unit == num_units || before_unit[next] <= unit)) {
        place(next++, unit, measure.count_on(), measure, *document);
      }
      if (unit == num_units) break;
      std::int64_t end = std::min(unit + kRun, num_units);
      if (next < order_.size()) end = std::min(end, before_unit[next]);
      measure.add_units(*units_, unit, end);
      unit = end;
      if (measure.block_bytes() >= kBlockBytes) measure.count_on();
    }
    measure.add(tail_);
    document->tokens = measure.finish();
    document->bytes = measure.bytes();
    document->num_units = num_units;
    return document;
  }

  // As many units as the limit seems to leave room for.
  Begun lay_out_to(std::int64_t limit) const {
    std::vector<std::int64_t> tokens(order_.size());
    std::int64_t reserved = tokens_of(tail_);  // for what is still to come besides units
    for (std::size_t i = 0; i < order_.size(); ++i) {
      tokens[i] = tokens_of(inserts_[order_[i]].text);
      reserved += tokens[i];
    }
    std::int64_t placed = tokens_of(head_);  // besides units
    const std::int64_t filler = limit - placed - reserved;
    if (filler < 0) too_small(limit, placed + reserved);

    Begun begun{empty_document(), {}, false};
    Measure measure(tokenizer_);
    measure.add(head_);
    std::size_t next = 0;
    std::int64_t unit = 0;
    const auto place_next = [&] {
      place(next, unit, measure.settle(), measure, *begun.document);
      begun.before_unit.push_back(unit);
      placed += tokens[next];
      reserved -= tokens[next];
      ++next;
    };
    const auto turn = [&](std::size_t i) {
      return placed + static_cast<std::int64_t>(std::clamp(inserts_[order_[i]].depth, 0.0, 1.0) *
                                                static_cast<double>(filler));
    };
    std::string text;
    std::int64_t weighed = 0;  // tokens of the units since the last settling, one by one
    bool weighing = false;     // at the end, where a unit may be too many
    std::int64_t so_far = 0;   // settled, and an estimate of what is not
    while (true) {
      // What comes next is so many tokens away that this block cannot reach it.
      const std::int64_t end = limit - reserved;
      const std::int64_t event = next < order_.size() ? std::min(turn(next), end) : end;
      text.clear();
      if (unit != units_->size()) units_->append(unit, text);
      const auto text_bytes = static_cast<std::int64_t>(text.size());
      if (measure.most_tokens() + text_bytes >= event ||
          measure.block_bytes() + text.size() > kBlockBytes) {
        if (!weighing || measure.block_bytes() > kBlockBytes) {
          so_far = measure.settle() + measure.unsettled_tokens();
          weighed = 0;
        }
        if (next < order_.size() && so_far + weighed >= turn(next)) {
          place_next();
          weighing = false;
          continue;
        }
        weighing = so_far + weighed + text_bytes >= end;
        if (weighing) {
          const std::int64_t more = tokens_of(text);
          if (so_far + weighed + more > end) break;
          weighed += more;
        }
      }
      if (unit == units_->size()) {
        begun.ran_out = true;
        return begun;
      }
      measure.add(text);
      ++unit;
    }
    while (next < order_.size()) place_next();
    measure.add(tail_);
    begun.document->tokens = measure.finish();
    begun.document->bytes = measure.bytes();
    begun.document->num_units = unit;
    return begun;
  }

  std::shared_ptr<const UnitText> units_;
  std::vector<Insert> inserts_;
  std::string head_;
  std::string tail_;
  const Tokenizer& tokenizer_;
  std::vector<std::size_t> order_;  // of the inserts in the document
};

class UnitSource final : public DocumentSource {
 public:
  UnitSource(std::shared_ptr<const UnitDocument> document, std::string name)
      : document_(std::move(document)), name_(std::move(name)) {
    rewind();
  }

  std::size_t read(std::span<char> buffer) override {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
      if (taken_ == block_.size() && !refill()) break;
      const std::size_t bytes = std::min(buffer.size() - filled, block_.size() - taken_);
      std::memcpy(buffer.data() + filled, block_.data() + taken_, bytes);
      filled += bytes;
      taken_ += bytes;
    }
    return filled;
  }
  bool rewindable() const override { return true; }
  void rewind() override {
    block_ = document_->head;
    taken_ = 0;
    next_unit_ = 0;
    next_insert_ = 0;
    ended_ = false;
  }
  std::int64_t total_bytes() const override { return document_->bytes; }
  std::string name() const override { return name_; }

 private:
  // The next piece of text; false at the end.
  bool refill() {
    block_.clear();
    taken_ = 0;
    while (!ended_ && block_.size() < kBlockBytes) {
      if (next_insert_ < document_->inserts.size() &&
          document_->inserts[next_insert_].before_unit == next_unit_) {
        block_ += document_->inserts[next_insert_++].text;
      } else if (next_unit_ < document_->num_units) {
        std::int64_t end = std::min(next_unit_ + kRun, document_->num_units);
        if (next_insert_ < document_->inserts.size()) {
          end = std::min(end, document_->inserts[next_insert_].before_unit);
        }
        document_->units->append_run(next_unit_, end, block_);
        next_unit_ = end;
      } else {
        block_ += document_->tail;
        ended_ = true;
      }
    }
    return !block_.empty();
  }

  std::shared_ptr<const UnitDocument> document_;
  std::string name_;
  std::string block_;
  std::size_t taken_ = 0;  // of the block
  std::int64_t next_unit_ = 0;
  std::size_t next_insert_ = 0;
  bool ended_ = false;
};

}  // namespace

const UnitDocument::Placed& UnitDocument::placed(std::size_t input) const {
  const auto found = std::find(origin.begin(), origin.end(), input);
  MEMAGENT_CHECK(found != origin.end(), "insert {} was not placed", input);
  return inserts[static_cast<std::size_t>(found - origin.begin())];
}

std::shared_ptr<const UnitDocument> plan_units(std::shared_ptr<const UnitText> units,
                                               std::vector<Insert> inserts, std::string head,
                                               std::string tail, const UnitLimits& limits,
                                               const Tokenizer& tokenizer) {
  MEMAGENT_CHECK((limits.tokens > 0) != (limits.num_units > 0), "{} tokens, {} units",
                 limits.tokens, limits.num_units);
  MEMAGENT_CHECK(units->size() < 0 || limits.num_units <= units->size(), "{} units of {}",
                 limits.num_units, units->size());
  const Planner planner(std::move(units), std::move(inserts), std::move(head), std::move(tail),
                        tokenizer);
  return limits.num_units > 0 ? planner.by_units(limits.num_units)
                              : planner.by_tokens(limits.tokens);
}

std::unique_ptr<DocumentSource> open_units(std::shared_ptr<const UnitDocument> document,
                                           std::string name) {
  return std::make_unique<UnitSource>(std::move(document), std::move(name));
}

}  // namespace memagent
