#include "task/unit_sample.h"

#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"

namespace memagent {
namespace {

constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;

std::string whole_text(DocumentSource& source) {
  std::string text;
  std::vector<char> buffer(1 << 16);
  for (std::size_t count; (count = source.read(buffer)) > 0;) text.append(buffer.data(), count);
  return text;
}

class UnitSample final : public Sample {
 public:
  UnitSample(Row row, std::shared_ptr<const UnitDocument> document, MakeOracle make_oracle,
             MakeRows others)
      : row_(std::move(row)),
        document_(std::move(document)),
        make_oracle_(std::move(make_oracle)),
        others_(std::move(others)) {}

  const Row& row() const override { return row_; }
  std::unique_ptr<DocumentSource> document() const override {
    return open_units(document_, row_.id);
  }
  std::unique_ptr<Oracle> oracle() const override {
    return make_oracle_ ? make_oracle_(row_) : nullptr;
  }
  std::vector<std::unique_ptr<Sample>> siblings(std::int64_t most,
                                                std::uint64_t key) const override {
    std::vector<std::unique_ptr<Sample>> samples;
    if (!others_) return samples;
    const std::string text = whole_text(*document());
    for (Row& row : others_(most, key)) {
      for (Evidence& fact : row.evidence) {
        if (fact.byte_begin >= 0) continue;
        const std::size_t at = text.find(fact.text);
        MEMAGENT_CHECK(at != std::string::npos, "row {}: '{}' is not in its document", row.id,
                       fact.text);
        fact.byte_begin = static_cast<std::int64_t>(at);
        fact.byte_end = fact.byte_begin + static_cast<std::int64_t>(fact.text.size());
      }
      samples.push_back(unit_sample(std::move(row), document_, make_oracle_));
    }
    return samples;
  }

 private:
  Row row_;
  std::shared_ptr<const UnitDocument> document_;
  MakeOracle make_oracle_;
  MakeRows others_;
};

// The row with what only its document tells: lengths, and where evidence i stands, which is the
// insert `insert_of[i]` of the plan's input.
Row placed_row(Row row, const std::vector<std::size_t>& insert_of, const UnitDocument& document) {
  MEMAGENT_CHECK(insert_of.size() == row.evidence.size(), "{} inserts for {} facts",
                 insert_of.size(), row.evidence.size());
  for (std::size_t i = 0; i < insert_of.size(); ++i) {
    Evidence& fact = row.evidence[i];
    const UnitDocument::Placed& placed = document.placed(insert_of[i]);
    MEMAGENT_CHECK(placed.text.starts_with(fact.text), "row {}: evidence {}", row.id, i);
    fact.byte_begin = placed.byte_begin;
    fact.byte_end = placed.byte_begin + static_cast<std::int64_t>(fact.text.size());
  }
  row.tokens = document.tokens;
  row.document_bytes = document.bytes;
  return row;
}

}  // namespace

std::uint64_t row_key(std::string_view task, const SampleSpec& spec) {
  Hash64 hash;
  hash.update(task);
  const std::uint64_t split_key =
      derive(derive(spec.seed, hash.value()), static_cast<std::uint64_t>(spec.split));
  return derive(split_key, static_cast<std::uint64_t>(spec.index));
}

std::string row_id(std::string_view task, const SampleSpec& spec) {
  const std::string length =
      spec.paragraphs > 0 ? fmt::format("{}p", spec.paragraphs) : fmt::format("{}", spec.tokens);
  return fmt::format("{}-{}-{}-{}-{}", task, to_string(spec.split), spec.seed, length, spec.index);
}

std::unique_ptr<Sample> unit_sample(Row row, std::shared_ptr<const UnitDocument> document,
                                    MakeOracle make_oracle, MakeRows others) {
  row.tokens = document->tokens;
  row.document_bytes = document->bytes;
  return std::make_unique<UnitSample>(std::move(row), std::move(document), std::move(make_oracle),
                                      std::move(others));
}

std::unique_ptr<Sample> unit_sample(Row row, const std::vector<std::size_t>& insert_of,
                                    std::shared_ptr<const UnitDocument> document,
                                    MakeOracle make_oracle, MakeRows others) {
  row = placed_row(std::move(row), insert_of, *document);
  return std::make_unique<UnitSample>(std::move(row), std::move(document), std::move(make_oracle),
                                      std::move(others));
}

void check_spec(std::string_view task, const SampleSpec& spec, std::int64_t fewest) {
  if (spec.index < 0) fail(ErrorKind::kUsage, "{}: row {}: rows count from 0", task, spec.index);
  if (spec.paragraphs > 0) {
    fail(ErrorKind::kUsage, "{} is not made of paragraphs: give its length in tokens", task);
  }
  if (spec.tokens < fewest) {
    fail(ErrorKind::kUsage, "{}: {} tokens are too few: it needs at least {} with this tokenizer",
         task, spec.tokens, fewest);
  }
  if (spec.tokens > kMostTokens) {
    fail(ErrorKind::kUsage, "{}: {} tokens are too many: at most {}", task, spec.tokens,
         kMostTokens);
  }
}

}  // namespace memagent
