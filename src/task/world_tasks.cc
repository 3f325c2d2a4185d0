#include "task/world_tasks.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "task/evidence_oracle.h"
#include "task/unit_document.h"
#include "task/unit_sample.h"
#include "task/world/comparisons.h"
#include "task/world/fact_questions.h"
#include "task/world/filler.h"
#include "task/world/layout.h"
#include "task/world/questions.h"
#include "task/world/world.h"

namespace memagent {
namespace {

using world::Answerable;
using world::ParagraphPlan;
using world::Question;
using world::SentenceSpan;
using world::World;

// A row's question. `turn` counts rows of the same order of paragraphs: what it balances is
// balanced in every order.
using Draw = std::function<Question(const World&, std::uint64_t key, std::int64_t turn)>;

struct WorldTaskInfo {
  std::string name;
  std::string description;
  std::size_t paragraphs = 1;  // that support the answer of an answerable question
  std::int64_t answer_tokens = 16;
  Draw draw;
};

// Well within what the world's names can fill: no entity has a second paragraph in a document.
constexpr std::int64_t kMostTokens = 200'000'000;
constexpr std::int64_t kMostParagraphs = 2'000'000;

std::int64_t tokens_of(const Tokenizer& tokenizer, std::string_view text) {
  return static_cast<std::int64_t>(tokenizer.encode(text).size());
}

class WorldTask final : public Task {
 public:
  explicit WorldTask(WorldTaskInfo info) : info_(std::move(info)) {}

  const std::string& name() const override { return info_.name; }
  const std::string& description() const override { return info_.description; }
  std::int64_t size() const override { return -1; }
  std::int64_t answer_tokens() const override { return info_.answer_tokens; }

  std::int64_t fewest_tokens(const Tokenizer& tokenizer) const override {
    // A paragraph longer by half than the longest of some hundred is not met with.
    constexpr std::int64_t kTried = 160;
    const auto filler = world::filler(std::make_shared<World>(0, Split::kTest), 0);
    std::int64_t longest = 0;
    for (std::int64_t i = 0; i < kTried; ++i) {
      std::string paragraph;
      filler->append(i, paragraph);
      longest = std::max(longest, tokens_of(tokenizer, paragraph));
    }
    return static_cast<std::int64_t>(info_.paragraphs) * (longest + longest / 2);
  }

  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    check(spec);
    const std::uint64_t key = row_key(info_.name, spec);
    const auto world = std::make_shared<const World>(spec.seed, spec.split);
    const std::int64_t turn = spec.index / world::num_orders(info_.paragraphs);
    const Question question = info_.draw(*world, derive(key, 1), turn);
    const std::size_t supporting = question.paragraphs.size();

    std::vector<Insert> inserts;
    std::vector<ParagraphPlan> plans = question.paragraphs;  // of the inserts
    std::vector<std::vector<SentenceSpan>> spans(supporting);
    const std::vector<double> depths =
        world::supporting_depths(spec.index, info_.paragraphs, mix64(spec.seed));
    for (std::size_t i = 0; i < supporting; ++i) {
      inserts.push_back({depths[i], ""});
      world::append_paragraph(*world, question.paragraphs[i], inserts[i].text, &spans[i]);
    }
    add_near_duplicates(spec, *world, question, derive(key, 3), *tokenizer, inserts);
    // Those for which there was room are the first.
    plans.insert(plans.end(), question.near_duplicates.begin(),
                 question.near_duplicates.begin() +
                     static_cast<std::ptrdiff_t>(inserts.size() - supporting));

    UnitLimits limits{.tokens = spec.tokens, .num_units = 0};
    if (spec.paragraphs > 0) {
      limits = {.tokens = 0,
                .num_units = spec.paragraphs - static_cast<std::int64_t>(inserts.size())};
    }
    std::vector<world::Kind> kinds;
    if (spec.crowded) {
      for (const ParagraphPlan& plan : question.paragraphs) kinds.push_back(plan.subject.kind);
    }
    const auto filler = world::filler(world, derive(key, 4), std::move(kinds));
    auto document = plan_units(filler, inserts, "", "", limits, *tokenizer);

    Row row;
    row.id = row_id(info_.name, spec);
    row.task = info_.name;
    row.question = question.text;
    row.answers = question.answers;
    row.rejected = question.rejected;
    for (const world::Support& support : question.support) {
      row.evidence.push_back(evidence(support, spans[support.paragraph], *document));
    }
    const MakeRows others = [told = world::WorldDocument{world, filler, std::move(plans), document},
                             row](std::int64_t most, std::uint64_t draw_key) {
      std::vector<Row> rows = world::fact_questions(told, most, draw_key);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].id = fmt::format("{}-fact-{}", row.id, i);
        rows[i].task = row.task;
      }
      return rows;
    };
    return unit_sample(std::move(row), std::move(document), evidence_oracle, others);
  }

 private:
  void check(const SampleSpec& spec) const {
    if (spec.index < 0) {
      fail(ErrorKind::kUsage, "{}: row {}: rows count from 0", info_.name, spec.index);
    }
    const auto least = static_cast<std::int64_t>(info_.paragraphs) + 1;  // one of filler
    if (spec.paragraphs < 0 || (spec.paragraphs > 0 && spec.paragraphs < least)) {
      fail(ErrorKind::kUsage, "{}: {} paragraphs are too few: it needs at least {}", info_.name,
           spec.paragraphs, least);
    }
    if (spec.tokens > kMostTokens || spec.paragraphs > kMostParagraphs) {
      fail(ErrorKind::kUsage, "{}: at most {} tokens or {} paragraphs: the world has no more",
           info_.name, kMostTokens, kMostParagraphs);
    }
    if (spec.paragraphs == 0 && spec.tokens <= 0) {
      fail(ErrorKind::kUsage, "{}: give a length in tokens or in paragraphs", info_.name);
    }
  }

  // At most half of what the supporting paragraphs leave is of near-duplicates: in paragraphs, or
  // in tokens all inserts together.
  static void add_near_duplicates(const SampleSpec& spec, const World& world,
                                  const Question& question, std::uint64_t key,
                                  const Tokenizer& tokenizer, std::vector<Insert>& inserts) {
    const std::int64_t most_paragraphs =
        (spec.paragraphs - static_cast<std::int64_t>(question.paragraphs.size())) / 2;
    std::int64_t tokens = 0;
    for (const Insert& insert : inserts) tokens += tokens_of(tokenizer, insert.text);
    for (std::size_t i = 0; i < question.near_duplicates.size(); ++i) {
      Insert insert{uniform(key, i), ""};
      world::append_paragraph(world, question.near_duplicates[i], insert.text);
      tokens += tokens_of(tokenizer, insert.text);
      const bool full = spec.paragraphs > 0 ? static_cast<std::int64_t>(i) >= most_paragraphs
                                            : 2 * tokens > spec.tokens;
      if (full) return;
      inserts.push_back(std::move(insert));
    }
  }

  // Where a fact stands: in the one sentence of its paragraph that tells it.
  static Evidence evidence(const world::Support& support, const std::vector<SentenceSpan>& spans,
                           const UnitDocument& document) {
    const auto span = std::ranges::find_if(
        spans, [&](const SentenceSpan& s) { return s.facts.has(support.fact); });
    MEMAGENT_CHECK(span != spans.end(), "{} is not told", support.note);
    const UnitDocument::Placed& placed = document.placed(support.paragraph);
    return {.text = placed.text.substr(span->begin, span->end - span->begin),
            .byte_begin = placed.byte_begin + static_cast<std::int64_t>(span->begin),
            .byte_end = placed.byte_begin + static_cast<std::int64_t>(span->end),
            .values = support.values,
            .note = support.note,
            .hop = support.hop};
  }

  WorldTaskInfo info_;
};

Draw bridge(int hops) {
  return [hops](const World& world, std::uint64_t key, std::int64_t) {
    return world::bridge_question(world, key, hops);
  };
}

// Answers run through first, second, yes, no.
Draw comparison(int hops) {
  return [hops](const World& world, std::uint64_t key, std::int64_t turn) {
    return world::comparison_question(
        world, key, {.hops = hops, .first = turn % 2 == 0, .yes_no = turn / 2 % 2 == 1});
  };
}

// One row in five is a comparison, as in HotpotQA; their answers run through the four as above.
Question hotpot_question(const World& world, std::uint64_t key, std::int64_t turn) {
  return turn % 5 == 4 ? comparison(1)(world, key, turn / 5) : bridge(2)(world, key, turn);
}

// Every other row has an answer; of the others, half withhold the fact and half the paragraph.
Question maybe_unanswerable(const World& world, std::uint64_t key, std::int64_t turn) {
  const Answerable answerable = turn % 2 == 0   ? Answerable::kYes
                                : turn % 4 == 1 ? Answerable::kFactWithheld
                                                : Answerable::kEntityMissing;
  return world::unanswerable_question(world, key, answerable);
}

}  // namespace

std::vector<std::shared_ptr<const Task>> world_tasks() {
  const auto single = [](const World& world, std::uint64_t key, std::int64_t) {
    return world::single_question(world, key);
  };
  std::vector<std::shared_ptr<const Task>> tasks;
  const auto add = [&](std::string name, std::string description, std::size_t paragraphs,
                       Draw draw) {
    tasks.push_back(std::make_shared<WorldTask>(
        WorldTaskInfo{std::move(name), std::move(description), paragraphs, 16, std::move(draw)}));
  };
  add("qa_1", "a question about one paragraph of an invented encyclopedia", 1, single);
  add("qa_2", "two paragraphs to combine: bridges and comparisons, as in HotpotQA", 2,
      hotpot_question);
  add("world_bridge_2", "a chain over two paragraphs", 2, bridge(2));
  add("world_bridge_3", "a chain over three paragraphs", 3, bridge(3));
  add("world_bridge_4", "a chain over four paragraphs", 4, bridge(4));
  add("world_comparison", "two things compared: which of them, or yes or no", 2, comparison(1));
  add("world_bridge_comparison", "what two things lead to compared, over four paragraphs", 4,
      comparison(2));
  add("world_unanswerable", "questions of one or two paragraphs, half of them without an answer", 2,
      maybe_unanswerable);
  return tasks;
}

}  // namespace memagent
