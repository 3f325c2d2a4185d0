#include "eval/fact_task.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/random.h"

namespace memagent::test {
namespace {

class FactSample : public Sample {
 public:
  FactSample(Row row, std::string text) : row_(std::move(row)), text_(std::move(text)) {}
  const Row& row() const override { return row_; }
  std::unique_ptr<DocumentSource> document() const override { return text_source(text_, row_.id); }
  std::unique_ptr<Oracle> oracle() const override { return nullptr; }

 private:
  Row row_;
  std::string text_;
};

class FactTask : public Task {
 public:
  explicit FactTask(FactTaskOptions options) : options_(std::move(options)) {}
  const std::string& name() const override { return options_.name; }
  const std::string& description() const override { return description_; }
  std::int64_t size() const override { return options_.size; }
  std::int64_t fewest_tokens(const Tokenizer&) const override { return 100; }
  std::int64_t answer_tokens() const override { return 16; }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    Row row;
    row.id = fmt::format("{}-{}-{}-{}", options_.name, spec.seed, spec.tokens, spec.index);
    row.task = options_.name;
    row.question = fmt::format("What are the facts of {}?", row.id);
    row.match = Match::kAll;
    std::string text;
    const auto key = derive(spec.seed, static_cast<std::uint64_t>(spec.index));
    for (std::int32_t hop = 0; hop < options_.hops; ++hop) {
      const std::string value = fmt::format("V{}x{}", spec.index, hop);
      row.answers.push_back(value);
      row.evidence.push_back({.text = "fact " + value,
                              .byte_begin = 0,
                              .byte_end = 0,
                              .values = {value},
                              .note = value,
                              .hop = hop});
    }
    // One token a byte: lines until the length is reached, facts at depths drawn from the seed.
    std::vector<std::size_t> at;
    const std::size_t lines = static_cast<std::size_t>(spec.tokens / 20) - row.evidence.size();
    for (std::size_t i = 0; i < row.evidence.size(); ++i) {
      at.push_back(static_cast<std::size_t>(uniform(key, i) * static_cast<double>(lines)));
    }
    for (std::size_t line = 0; line < lines; ++line) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        if (at[i] != line) continue;
        Evidence& fact = row.evidence[i];
        fact.byte_begin = static_cast<std::int64_t>(text.size());
        text += fact.text + "\n";
        fact.byte_end = static_cast<std::int64_t>(text.size()) - 1;
      }
      text += fmt::format("filler {:04} {:06}\n", line, spec.index);
    }
    row.tokens = static_cast<std::int64_t>(tokenizer->encode(text).size());
    row.document_bytes = static_cast<std::int64_t>(text.size());
    return std::make_unique<FactSample>(std::move(row), std::move(text));
  }

 private:
  FactTaskOptions options_;
  std::string description_ = "facts among filler";
};

}  // namespace

std::shared_ptr<const Task> fact_task(FactTaskOptions options) {
  return std::make_shared<FactTask>(std::move(options));
}

std::string reader_reply(const std::string& prompt, bool forgets) {
  Hash64 hash;
  hash.update(prompt);
  std::uint64_t draws = hash.value();
  std::string reply;
  for (std::size_t at = prompt.find("V"); at != std::string::npos; at = prompt.find("V", at + 1)) {
    std::size_t end = at + 1;
    while (end < prompt.size() &&
           (std::isdigit(static_cast<unsigned char>(prompt[end])) != 0 || prompt[end] == 'x')) {
      ++end;
    }
    const std::string value = prompt.substr(at, end - at);
    if (value.find('x') == std::string::npos || reply.find(value) != std::string::npos) continue;
    draws = mix64(draws);
    if (forgets && draws % 4 == 0) continue;
    reply += (reply.empty() ? "" : " ") + value;
  }
  return reply.empty() ? "nothing" : reply;
}

}  // namespace memagent::test
