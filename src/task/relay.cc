#include "task/relay.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "base/random.h"
#include "task/depths.h"
#include "task/evidence_oracle.h"
#include "task/made_words.h"
#include "task/unit_sample.h"

namespace memagent {
namespace {

constexpr std::size_t kChains = 4;  // one of them is asked for
enum Purpose : std::uint64_t { kChain = 1, kHaystack = 2 };

struct Chain {
  std::string first;   // the name that is asked for
  std::string second;  // the name whose number it has
  std::string number;

  std::string passes_on() const {
    return fmt::format("The number entered for {} is that of {}.", first, second);
  }
  std::string tells() const {
    return fmt::format("The number entered for {} is {}.", second, number);
  }
};

// No name and no number twice.
std::vector<Chain> make_chains(Split split, std::uint64_t key) {
  RandomStream draw(derive(key, kChain));
  std::vector<std::uint64_t> names;
  std::vector<std::int64_t> numbers;
  const auto new_name = [&] {
    std::uint64_t name = 0;
    do {
      name = drawn_short_name(draw, split);
    } while (std::find(names.begin(), names.end(), name) != names.end());
    names.push_back(name);
    std::string text;
    append_short_name(name, split, text);
    return text;
  };
  std::vector<Chain> chains(kChains);
  for (Chain& chain : chains) {
    chain.first = new_name();
    chain.second = new_name();
    std::int64_t number = 0;
    do {
      number = made_number(draw, split);
    } while (std::find(numbers.begin(), numbers.end(), number) != numbers.end());
    numbers.push_back(number);
    chain.number = fmt::format("{}", number);
  }
  return chains;
}

void ask(const Chain& chain, Row& row) {
  row.question = fmt::format("Which number is entered for {}?", chain.first);
  row.answers = {chain.number};
  row.match = Match::kAll;
  Evidence passed_on;
  passed_on.text = chain.passes_on();
  passed_on.values = {chain.second};
  passed_on.note = chain.first + ": " + chain.second;
  Evidence told;
  told.text = chain.tells();
  told.values = {chain.number};
  told.note = chain.second + ": " + chain.number;
  told.hop = 1;
  row.evidence = {std::move(passed_on), std::move(told)};
}

class Relay final : public Task {
 public:
  explicit Relay(MakeProse prose) : prose_(std::move(prose)) {}

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::int64_t size() const override { return -1; }
  // Twice what one row's sentences take, because other rows' may take more.
  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    std::string text;
    for (const Chain& chain : make_chains(Split::kTest, 0)) {
      text += chain.passes_on() + " " + chain.tells() + " ";
    }
    return 2 * static_cast<std::int64_t>(tokenizer.encode(text).size()) + 64;
  }
  std::int64_t answer_tokens() const override { return 12; }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check_spec(name_, spec, fewest_tokens(*tokenizer));
    const std::uint64_t key = row_key(name_, spec);
    std::vector<Chain> chains = make_chains(spec.split, key);
    std::vector<double> depths = spread_depths(name_, spec, 2 * kChains);
    std::vector<Insert> inserts;
    for (std::size_t i = 0; i < kChains; ++i) {
      // Read in one pass, a chain can be followed only in its own order.
      const auto [before, after] = std::minmax(depths[2 * i], depths[2 * i + 1]);
      inserts.push_back({before, chains[i].passes_on() + " "});
      inserts.push_back({after, chains[i].tells() + " "});
    }
    Row row;
    row.id = row_id(name_, spec);
    row.task = name_;
    ask(chains.front(), row);
    auto document = plan_units(prose_(derive(key, kHaystack)), std::move(inserts), "", "",
                               {.tokens = spec.tokens}, *tokenizer);
    chains.erase(chains.begin());
    const MakeRows others = [chains = std::move(chains), row](std::int64_t most, std::uint64_t) {
      std::vector<Row> rows;
      for (const Chain& chain : chains) {
        if (std::ssize(rows) == most) break;
        Row sibling;
        sibling.id = row.id + "-" + chain.first;
        sibling.task = row.task;
        ask(chain, sibling);
        rows.push_back(std::move(sibling));
      }
      return rows;
    };
    return unit_sample(std::move(row), {0, 1}, std::move(document), evidence_oracle, others);
  }

 private:
  const std::string name_ = "relay";
  const std::string description_ = "a number in prose, by way of another name";
  const MakeProse prose_;
};

}  // namespace

std::shared_ptr<const Task> relay_task(MakeProse prose) {
  return std::make_shared<Relay>(std::move(prose));
}

}  // namespace memagent
