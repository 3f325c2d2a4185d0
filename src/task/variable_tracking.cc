#include "task/variable_tracking.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "base/random.h"
#include "task/depths.h"
#include "task/evidence_oracle.h"
#include "task/haystack.h"
#include "task/made_words.h"
#include "task/unit_sample.h"

namespace memagent {
namespace {

constexpr int kHops = 4;
constexpr int kNameLetters = 5;
constexpr std::uint64_t kChain = 1;  // purpose of random numbers

struct Chain {
  std::string value;
  std::vector<std::string> names;      // in the order of assignment
  std::vector<std::string> sentences;  // of each name
};

Chain make_chain(Split split, std::uint64_t key) {
  RandomStream draw(derive(key, kChain));
  Chain chain;
  chain.value = fmt::format("{}", made_small_number(draw, split));
  while (chain.names.size() <= kHops) {
    const std::string name = made_code(draw, split, kNameLetters, 'A');
    if (std::find(chain.names.begin(), chain.names.end(), name) != chain.names.end()) continue;
    chain.sentences.push_back(
        chain.names.empty()
            ? fmt::format("Variable {} is set to {}.", name, chain.value)
            : fmt::format("Variable {} is set to the value of {}.", name, chain.names.back()));
    chain.names.push_back(name);
  }
  return chain;
}

class VariableTracking final : public Task {
 public:
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::int64_t size() const override { return -1; }
  // Twice what one row's sentences take, because other rows' may take more.
  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    std::string text;
    for (const std::string& sentence : make_chain(Split::kTest, 0).sentences)
      text += sentence + " ";
    return 2 * static_cast<std::int64_t>(tokenizer.encode(text).size()) + 64;
  }
  std::int64_t answer_tokens() const override { return std::int64_t{8} * (kHops + 1); }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check_spec(name_, spec, fewest_tokens(*tokenizer));
    const Chain chain = make_chain(spec.split, row_key(name_, spec));
    std::vector<double> depths = spread_depths(name_, spec, kHops + 1);
    std::sort(depths.begin(), depths.end());

    Row row;
    row.id = row_id(name_, spec);
    row.task = name_;
    row.question = fmt::format(
        "Some variables of the text have the value {}, directly or by way of others. Which? Name "
        "all five.",
        chain.value);
    row.answers = chain.names;
    row.match = Match::kAll;
    std::vector<Insert> inserts;
    std::vector<std::size_t> insert_of;
    for (std::size_t i = 0; i < chain.names.size(); ++i) {
      Evidence fact;
      fact.text = chain.sentences[i];
      fact.values = {chain.names[i]};
      fact.note = chain.names[i] + " = " + (i == 0 ? chain.value : chain.names[i - 1]);
      fact.hop = static_cast<std::int32_t>(i);
      row.evidence.push_back(std::move(fact));
      inserts.push_back({depths[i], chain.sentences[i] + " "});
      insert_of.push_back(i);
    }
    auto document =
        plan_units(noise_units(), std::move(inserts), "", "", {.tokens = spec.tokens}, *tokenizer);
    return unit_sample(std::move(row), insert_of, std::move(document), evidence_oracle);
  }

 private:
  const std::string name_ = "vt";
  const std::string description_ =
      "five variables that share a value, each set from the one before";
};

}  // namespace

std::shared_ptr<const Task> variable_tracking_task() {
  return std::make_shared<VariableTracking>();
}

}  // namespace memagent
