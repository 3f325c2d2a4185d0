#include "task/data/padding.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/fail.h"
#include "base/random.h"
#include "task/permutation.h"

namespace memagent::data {
namespace {

constexpr std::uint64_t kPlaces = 0x706C6163;  // purposes of random draws
constexpr std::uint64_t kOrder = 0x6F726465;

// The pool's paragraphs in a drawn order, without some.
class Others final : public UnitText {
 public:
  Others(std::shared_ptr<const ParagraphPool> pool, const std::vector<std::uint32_t>& without,
         std::uint64_t key)
      : pool_(std::move(pool)), order_(static_cast<std::uint64_t>(pool_->size()), key) {
    for (const std::uint32_t number : without) {
      skipped_.push_back(static_cast<std::int64_t>(order_.backward(number)));
    }
    std::ranges::sort(skipped_);
    skipped_.erase(std::unique(skipped_.begin(), skipped_.end()), skipped_.end());
  }

  void append(std::int64_t index, std::string& out) const override {
    for (const std::int64_t skipped : skipped_) index += skipped <= index ? 1 : 0;
    pool_->append(static_cast<std::uint32_t>(order_.forward(static_cast<std::uint64_t>(index))),
                  out);
  }
  std::int64_t size() const override {
    return pool_->size() - static_cast<std::int64_t>(skipped_.size());
  }

 private:
  std::shared_ptr<const ParagraphPool> pool_;
  Permutation order_;
  std::vector<std::int64_t> skipped_;  // places in the order, ascending
};

class Nothing final : public UnitText {
 public:
  void append(std::int64_t, std::string&) const override {}
  std::int64_t size() const override { return 0; }
};

std::vector<std::uint32_t> without_repeats(std::vector<std::uint32_t> numbers) {
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

std::int64_t tokens_of(const PaddingSpec& spec, const std::vector<std::uint32_t>& numbers,
                       const Tokenizer& tokenizer) {
  std::int64_t tokens = 0;
  for (const std::uint32_t number : numbers) {
    std::string text;
    spec.pool->append(number, text);
    tokens += static_cast<std::int64_t>(tokenizer.encode(text).size());
  }
  return tokens;
}

std::vector<std::uint32_t> shuffled_in(const PaddingSpec& spec, const Tokenizer& tokenizer) {
  const std::vector<std::uint32_t> own = without_repeats(spec.own);
  const bool all = spec.paragraphs > 0 ? static_cast<std::int64_t>(own.size()) <= spec.paragraphs
                   : spec.tokens > 0   ? tokens_of(spec, own, tokenizer) <= spec.tokens
                                       : true;
  return all ? own : without_repeats(spec.supporting);
}

}  // namespace

Padded pad(const PaddingSpec& spec, const Tokenizer& tokenizer) {
  const std::vector<std::uint32_t> inside = shuffled_in(spec, tokenizer);
  const auto num_inside = static_cast<std::int64_t>(inside.size());
  std::vector<Insert> inserts;
  std::vector<std::size_t> heading_bytes;
  for (const std::uint32_t number : inside) {
    inserts.push_back({uniform(derive(spec.key, kPlaces), number), ""});
    heading_bytes.push_back(spec.pool->append(number, inserts.back().text));
  }
  std::vector<std::uint32_t> without = inside;
  for (const std::uint32_t number : spec.supporting) {
    spec.pool->append_with_title(spec.pool->title(number), without);
  }
  auto others = std::make_shared<Others>(spec.pool, without, derive(spec.key, kOrder));
  const std::int64_t num_others = others->size();

  UnitLimits limits{.tokens = spec.tokens, .num_units = 0};
  std::shared_ptr<const UnitText> units = std::move(others);
  if (spec.paragraphs > 0) {
    if (num_inside > spec.paragraphs || spec.paragraphs - num_inside > num_others) {
      fail(ErrorKind::kUsage, "{}: {} paragraphs: from {} to {} are possible", spec.name,
           spec.paragraphs, num_inside, num_inside + num_others);
    }
    limits = {.tokens = 0, .num_units = spec.paragraphs - num_inside};
  }
  if (limits.tokens == 0 && limits.num_units == 0) {
    units = std::make_shared<Nothing>();
    limits.tokens = std::numeric_limits<std::int64_t>::max() / 4;
  }

  Padded result;
  result.document = plan_units(units, std::move(inserts), "", "", limits, tokenizer);
  if (spec.tokens > 0 && spec.paragraphs == 0 && result.document->num_units == num_others &&
      result.document->tokens < spec.tokens) {
    fail(ErrorKind::kUsage,
         "{}: all its paragraphs make {} tokens, fewer than {}: ask for at most that, or give more "
         "to pad with (--distractors)",
         spec.name, result.document->tokens, spec.tokens);
  }
  for (std::size_t i = 0; i < inside.size(); ++i) {
    result.text_begin[inside[i]] =
        result.document->placed(i).byte_begin + static_cast<std::int64_t>(heading_bytes[i]);
  }
  return result;
}

}  // namespace memagent::data
