#include "task/data_set.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "base/blank.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"
#include "task/data/json_rows.h"
#include "task/data/padding.h"
#include "task/data/paragraph_pool.h"
#include "task/data/raw_row.h"
#include "task/unit_sample.h"
#include "task/verifier.h"
#include "task/world/questions.h"

namespace memagent {
namespace {

using data::Fact;
using data::Format;
using data::JsonRows;
using data::ParagraphPool;
using data::RawRow;

constexpr std::size_t kMostWarnings = 100;
constexpr const char* kMayBeUnanswerable =
    " If the text does not give the answer, say \"not stated\".";

// What is kept of a row.
struct KeptRow {
  std::string id;
  std::string task;
  std::string question;
  std::vector<std::string> answers;
  Match match = Match::kAny;
  std::vector<std::string> rejected;
  std::vector<std::uint32_t> paragraphs;  // in the pool
  std::vector<Fact> facts;
  JsonRows::Item item;            // where its own document is read again
  std::size_t context_bytes = 0;  // of that
  bool has_context = false;
};

struct Contents {
  explicit Contents(const std::string& path) : file(path) {}
  JsonRows file;
  const Format* format = nullptr;
  ParagraphPool pool;
  std::vector<KeptRow> rows;
  bool some_unanswerable = false;
};

const Format& recognise(const JsonRows& file, const JsonRows::Item& first) {
  const nlohmann::json item = file.parse(first);
  for (const Format& format : data::formats()) {
    if (format.recognises(item)) return format;
  }
  fail(ErrorKind::kBadInput,
       "{}: its fields are of no data set that is known: docs/data-sets.md lists the formats",
       file.where(first));
}

std::vector<RawRow> read_item(const Contents& contents, const JsonRows::Item& item) {
  std::vector<RawRow> rows;
  const nlohmann::json object = contents.file.parse(item);
  contents.format->read(JsonFields(object, contents.file.where(item)), rows);
  return rows;
}

// Yes, no and choices are inferred, never read off.
bool needs_no_text(const std::string& answer) {
  const std::string plain = normalise_answer(answer);
  return plain == "yes" || plain == "no";
}

bool has_answer_in_text(const RawRow& row) {
  if (row.unanswerable || std::ranges::any_of(row.answers, needs_no_text)) return true;
  // As our own tasks write rows that have no answer.
  if (row.answers == world::no_answer_spellings()) return true;
  const auto holds_one = [&](const std::string& text) {
    const AnswerText words(text);
    return std::ranges::any_of(row.answers,
                               [&](const std::string& answer) { return words.contains(answer); });
  };
  if (row.context) return holds_one(*row.context);
  return std::ranges::any_of(row.paragraphs, [&](const TitledText& paragraph) {
    return holds_one(paragraph.title) || holds_one(paragraph.text);
  });
}

// A title tells nothing by itself.
bool has_text(const RawRow& row) {
  if (row.context) return !is_blank(*row.context);
  return std::ranges::any_of(row.paragraphs,
                             [](const TitledText& paragraph) { return !is_blank(paragraph.text); });
}

class Reader {
 public:
  explicit Reader(const DataSetOptions& options)
      : options_(options), contents_(std::make_shared<Contents>(options.path)) {}

  void read() {
    contents_->file.for_each([this](const JsonRows::Item& item) {
      if (contents_->format == nullptr) contents_->format = &recognise(contents_->file, item);
      for (RawRow& row : read_item(*contents_, item)) keep(std::move(row), item);
    });
    if (contents_->rows.empty()) contents_->file.fail_empty();
    for (const std::string& path : options_.distractor_files) read_distractors(path);
    contents_->pool.close();
    if (num_warnings_ > kMostWarnings) {
      warnings_.push_back(
          fmt::format("{}: {} more rows like these", options_.path, num_warnings_ - kMostWarnings));
    }
  }

  std::shared_ptr<const Contents> contents() const { return contents_; }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  void keep(RawRow row, const JsonRows::Item& item) {
    const std::string where = contents_->file.where(item);
    if (row.id.empty()) {
      row.id =
          fmt::format("{}-{}", std::filesystem::path(options_.path).stem().string(), item.number);
    }
    if (!ids_.insert(row.id).second) {
      fail(ErrorKind::kBadInput, "{}: id {} is that of an earlier row: give each row its own",
           where, row.id);
    }
    const auto fail_without = [&](const char* what) {
      fail(ErrorKind::kBadInput, "{}: {}: has no {}: add it or take the row out", where, row.id,
           what);
    };
    if (row.question.empty()) fail_without("question");
    const bool unanswered =
        row.answers.empty() || std::ranges::any_of(row.answers, &std::string::empty);
    if (unanswered && !row.unanswerable) {
      fail(ErrorKind::kBadInput, "{}: {}: no answer: use a split that has answers", where, row.id);
    }
    if (!row.context && row.paragraphs.empty()) fail_without("paragraphs");
    if (!has_text(row)) fail_without("text");
    if (!has_answer_in_text(row) && ++num_warnings_ <= kMostWarnings) {
      warnings_.push_back(
          fmt::format("{}: {}: none of its answers stands in its document", where, row.id));
    }
    contents_->some_unanswerable |= row.unanswerable;
    KeptRow kept;
    kept.id = std::move(row.id);
    kept.task = row.task.empty() ? contents_->format->name : std::move(row.task);
    kept.question = std::move(row.question);
    kept.answers = row.unanswerable ? world::no_answer_spellings() : std::move(row.answers);
    kept.match = row.match;
    kept.rejected = std::move(row.rejected);
    kept.item = item;
    kept.has_context = row.context.has_value();
    kept.context_bytes = row.context ? row.context->size() : 0;
    for (const TitledText& paragraph : row.paragraphs) {
      kept.paragraphs.push_back(contents_->pool.add(paragraph.title, paragraph.text));
    }
    kept.facts = std::move(row.facts);
    contents_->rows.push_back(std::move(kept));
  }

  void read_distractors(const std::string& path) {
    const JsonRows file(path);
    file.for_each([&](const JsonRows::Item& item) {
      const nlohmann::json object = file.parse(item);
      const JsonFields fields(object, file.where(item));
      contents_->pool.add(fields.text("title"), fields.text("text"));
    });
  }

  const DataSetOptions& options_;
  std::shared_ptr<Contents> contents_;
  std::unordered_set<std::string> ids_;
  std::vector<std::string> warnings_;
  std::size_t num_warnings_ = 0;
};

class ContextSample final : public Sample {
 public:
  ContextSample(Row row, std::string context)
      : row_(std::move(row)), context_(std::move(context)) {}
  const Row& row() const override { return row_; }
  std::unique_ptr<DocumentSource> document() const override {
    return text_source(context_, row_.id);
  }
  std::unique_ptr<Oracle> oracle() const override { return nullptr; }

 private:
  Row row_;
  std::string context_;
};

class DataSetTask final : public Task {
 public:
  explicit DataSetTask(std::shared_ptr<const Contents> contents)
      : contents_(std::move(contents)),
        name_(contents_->rows[0].task),
        description_(contents_->format->description) {
    for (const KeptRow& row : contents_->rows) {
      for (const std::string& answer : row.answers) longest_ = std::max(longest_, answer.size());
      if (row.task != contents_->rows[0].task) name_ = contents_->format->name;
    }
  }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(contents_->rows.size()); }
  std::int64_t answer_tokens() const override {
    return 8 + static_cast<std::int64_t>(longest_) / 3;
  }

  // Once for a tokenizer: of a large set it may take a minute.
  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    const std::lock_guard lock(mutex_);
    if (counted_with_ != &tokenizer) fewest_tokens_ = count_fewest_tokens(tokenizer);
    counted_with_ = &tokenizer;
    return fewest_tokens_;
  }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check(spec);
    const auto index = static_cast<std::size_t>(spec.index);
    const KeptRow& kept = contents_->rows[index];
    Row row;
    row.id = kept.id;
    row.task = kept.task;
    row.question = kept.question;
    if (contents_->some_unanswerable) row.question += kMayBeUnanswerable;
    row.answers = kept.answers;
    row.match = kept.match;
    row.rejected = kept.rejected;
    if (kept.has_context) return own_document(std::move(row), index, spec, *tokenizer);
    return padded(std::move(row), kept, spec, *tokenizer);
  }

 private:
  void check(const SampleSpec& spec) const {
    if (spec.index < 0 || spec.index >= size()) {
      fail(ErrorKind::kUsage, "{}: row {}: it has rows 0 to {}", name_, spec.index, size() - 1);
    }
    if (spec.tokens < 0 || spec.tokens > (std::int64_t{1} << 40) || spec.paragraphs < 0) {
      fail(ErrorKind::kUsage, "{}: a length of {} tokens, {} paragraphs: give one from 0 to 2^40",
           name_, spec.tokens, spec.paragraphs);
    }
  }

  // From the longest row by bytes on, as long as a row may have the most tokens: a text has no more
  // of them than bytes, and one for the space that some vocabularies begin it with.
  std::int64_t count_fewest_tokens(const Tokenizer& tokenizer) const {
    std::vector<std::pair<std::size_t, std::size_t>> longest;  // bytes, row
    for (std::size_t i = 0; i < contents_->rows.size(); ++i) {
      longest.emplace_back(fewest_bytes(contents_->rows[i]), i);
    }
    std::ranges::sort(longest, std::greater<>());
    std::int64_t fewest = 1;
    for (const auto& [bytes, number] : longest) {
      if (static_cast<std::int64_t>(bytes) < fewest) break;
      const KeptRow& row = contents_->rows[number];
      const std::string text = row.has_context ? *read_again(number).context : supporting_text(row);
      fewest = std::max(fewest, static_cast<std::int64_t>(tokenizer.encode(text).size()));
    }
    return fewest;
  }

  RawRow read_again(std::size_t index) const {
    const KeptRow& kept = contents_->rows[index];
    std::vector<RawRow> rows = read_item(*contents_, kept.item);
    if (rows.size() != 1 || !rows[0].context) {
      fail(ErrorKind::kBadInput, "{}: changed while it was in use",
           contents_->file.where(kept.item));
    }
    return std::move(rows[0]);
  }

  std::unique_ptr<Sample> own_document(Row row, std::size_t index, const SampleSpec& spec,
                                       const Tokenizer& tokenizer) const {
    if (spec.paragraphs > 0) {
      fail(ErrorKind::kUsage, "{} is not made of paragraphs: give its length in tokens", name_);
    }
    RawRow raw = read_again(index);
    row.tokens = static_cast<std::int64_t>(tokenizer.encode(*raw.context).size());
    if (spec.tokens > 0 && row.tokens > spec.tokens) {
      fail(ErrorKind::kUsage,
           "{}: row {} brings a document of {} tokens, more than {}: ask for as many", name_,
           row.id, row.tokens, spec.tokens);
    }
    row.document_bytes = static_cast<std::int64_t>(raw.context->size());
    row.evidence = std::move(raw.evidence);
    return std::make_unique<ContextSample>(std::move(row), std::move(*raw.context));
  }

  std::unique_ptr<Sample> padded(Row row, const KeptRow& kept, const SampleSpec& spec,
                                 const Tokenizer& tokenizer) const {
    Hash64 hash;
    hash.update(kept.id);
    const std::shared_ptr<const ParagraphPool> pool(contents_, &contents_->pool);
    const data::Padded padded = data::pad({.pool = pool,
                                           .own = kept.paragraphs,
                                           .supporting = supporting(kept),
                                           .tokens = spec.tokens,
                                           .paragraphs = spec.paragraphs,
                                           .key = derive(spec.seed, hash.value()),
                                           .name = name_ + ": row " + row.id},
                                          tokenizer);
    for (const Fact& fact : kept.facts) {
      const std::uint32_t number = kept.paragraphs[fact.paragraph];
      const std::int64_t text_begin = padded.text_begin.at(number);
      Evidence evidence;
      evidence.text = pool->text(number).substr(fact.begin, fact.end - fact.begin);
      evidence.byte_begin = text_begin + static_cast<std::int64_t>(fact.begin);
      evidence.byte_end = text_begin + static_cast<std::int64_t>(fact.end);
      evidence.values = fact.values.empty() ? values_of(kept, fact, evidence.text) : fact.values;
      evidence.note = fmt::format("{}: {}", pool->title(number), evidence.text);
      evidence.hop = fact.hop;
      row.evidence.push_back(std::move(evidence));
    }
    return unit_sample(std::move(row), padded.document, {});
  }

  std::vector<std::uint32_t> supporting(const KeptRow& row) const {
    if (row.facts.empty()) return row.paragraphs;
    std::vector<std::uint32_t> numbers;
    for (const Fact& fact : row.facts) {
      const std::uint32_t number = row.paragraphs[fact.paragraph];
      if (std::ranges::find(numbers, number) == numbers.end()) numbers.push_back(number);
    }
    return numbers;
  }

  // The answer where the fact gives it, else the title of another supporting paragraph that it
  // leads to, else its own title.
  std::vector<std::string> values_of(const KeptRow& row, const Fact& fact,
                                     const std::string& text) const {
    for (const std::string& answer : row.answers) {
      if (contains_answer(text, answer) > 0) return {answer};
    }
    const std::uint32_t own = row.paragraphs[fact.paragraph];
    for (const std::uint32_t other : supporting(row)) {
      if (other == own) continue;
      const std::string title(contents_->pool.title(other));
      if (contains_answer(text, title) > 0) return {title};
    }
    return {std::string(contents_->pool.title(own))};
  }

  std::size_t fewest_bytes(const KeptRow& row) const {
    if (row.has_context) return row.context_bytes;
    std::size_t bytes = 0;
    for (const std::uint32_t number : supporting(row)) bytes += contents_->pool.bytes(number);
    return bytes;
  }
  std::string supporting_text(const KeptRow& row) const {
    std::string text;
    for (const std::uint32_t number : supporting(row)) contents_->pool.append(number, text);
    return text;
  }

  std::shared_ptr<const Contents> contents_;
  std::string name_;
  std::string description_;
  std::size_t longest_ = 0;  // answer, in bytes

  mutable std::mutex mutex_;  // of what follows
  mutable const Tokenizer* counted_with_ = nullptr;
  mutable std::int64_t fewest_tokens_ = 0;
};

}  // namespace

DataSet read_data_set(const DataSetOptions& options) {
  Reader reader(options);
  reader.read();
  return {std::make_shared<DataSetTask>(reader.contents()), reader.take_warnings()};
}

std::shared_ptr<const Task> open_data_set(const DataSetOptions& options) {
  return read_data_set(options).task;
}

}  // namespace memagent
