#include "task/world/paragraph.h"

#include <array>

#include "base/check.h"
#include "base/random.h"

namespace memagent::world {
namespace {

// Draws the sentences of one paragraph one after another.
class Writer {
 public:
  Writer(const World& world, const ParagraphPlan& plan, std::string& out,
         std::vector<SentenceSpan>* spans)
      : world_(world),
        plan_(plan),
        book_(form_book(plan.subject.kind)),
        random_(derive(plan.key, 0x70617261)),
        out_(out),
        spans_(spans),
        begin_(out.size()) {
    for (const FactInfo& fact : facts_of(plan.subject.kind)) {
      if (!plan.withheld.has(fact.fact) && world.has(plan.subject, fact.fact)) {
        open_.add(fact.fact);
      }
    }
    options_.dates = date_style(plan.key);
    options_.is_alive = plan.subject.kind != Kind::kPerson || !world.has(plan.subject, Fact::kDied);
  }

  void write() {
    world_.append_name(plan_.subject, name_);
    out_ += "# ";
    out_ += name_;
    out_ += "\n\n";
    say(pick(book_.openings), Mention::kName);
    int left = draw_length() - 1;
    bool aside = false;
    while (left > 0) {
      const int due = count_due();
      // What must be told is told when its turn is drawn, and at the latest when no room is left.
      if (due > 0 && (due >= left || random_.below(static_cast<std::uint64_t>(left)) <
                                         static_cast<std::uint64_t>(due))) {
        tell(pick_due(due));
      } else if (const std::uint64_t draw = random_.below(16); draw < 2) {
        if (!remark()) break;
      } else if (draw == 2 && !aside) {
        aside = true;
        const Circle circle =
            plan_.subject.circle == Circle::kFiller ? Circle::kFiller : Circle::kNearDuplicate;
        options_.other = world_.near(plan_.subject, circle, random_.next() >> 40);
        say(book_.asides[random_.below(book_.asides.size())], next_mention());
      } else if (!tell_any(due) && !remark()) {
        break;
      }
      --left;
    }
    while (count_due() > 0) tell(pick_due(count_due()));
    out_ += "\n\n";
  }

 private:
  // Sentences: three to seven, rather more than fewer.
  int draw_length() {
    constexpr std::array<std::int8_t, 16> kLengths = {3, 4, 4, 5, 5, 5, 5, 6,
                                                      6, 6, 6, 7, 7, 7, 7, 7};
    return kLengths[random_.below(kLengths.size())];
  }

  // A remark not made before in this paragraph; false after a few.
  bool remark() {
    constexpr std::size_t kMost = 3;
    if (remarks_ == kMost) return false;
    if (remarks_ == 0) first_remark_ = random_.below(book_.remarks.size());
    const std::size_t i = (first_remark_ + 3 * remarks_) % book_.remarks.size();
    ++remarks_;
    say(book_.remarks[i], next_mention());
    return true;
  }

  // A form all of whose facts are open, from a random one on; openings without facts always are.
  const Form& pick(const std::vector<Form>& forms) {
    std::size_t i = random_.below(forms.size());
    for (std::size_t n = 0; n < forms.size(); ++n) {
      if (forms[i].facts.within(open_)) return forms[i];
      i = i + 1 == forms.size() ? 0 : i + 1;
    }
    MEMAGENT_CHECK(false, "no opening for a {}", to_string(plan_.subject.kind));
  }

  int count_due() const {
    int due = 0;
    for (const FactInfo& fact : facts_of(plan_.subject.kind)) {
      due += plan_.told.has(fact.fact) && open_.has(fact.fact) ? 1 : 0;
    }
    return due;
  }

  Fact pick_due(int due) {
    std::uint64_t skip = random_.below(static_cast<std::uint64_t>(due));
    for (const FactInfo& fact : facts_of(plan_.subject.kind)) {
      if (plan_.told.has(fact.fact) && open_.has(fact.fact) && skip-- == 0) return fact.fact;
    }
    MEMAGENT_CHECK(false, "{} facts due", due);
  }

  // Tells a fact that need not be told; false where none is left.
  bool tell_any(int due) {
    std::array<Fact, kNumFacts> candidates;
    std::size_t count = 0;
    for (const FactInfo& fact : facts_of(plan_.subject.kind)) {
      if (open_.has(fact.fact) && !(due > 0 && plan_.told.has(fact.fact))) {
        candidates[count++] = fact.fact;
      }
    }
    if (count == 0) return false;
    tell(candidates[random_.below(count)]);
    return true;
  }

  void tell(Fact fact) {
    const std::vector<std::uint16_t>& forms = book_.by_fact[static_cast<std::size_t>(fact)];
    std::size_t i = random_.below(forms.size());
    while (!book_.sentences[forms[i]].facts.within(open_)) i = i + 1 == forms.size() ? 0 : i + 1;
    say(book_.sentences[forms[i]], next_mention());
  }

  // A pronoun, unless the sentence before speaks of others whom it could mean.
  Mention next_mention() {
    const std::uint64_t draw = random_.below(10);
    if (draw < 2) return Mention::kName;
    return others_mentioned_ || draw < 4 ? Mention::kShort : Mention::kPronoun;
  }

  void say(const Form& form, Mention mention) {
    if (said_) out_ += ' ';
    said_ = true;
    const std::size_t begin = out_.size();
    options_.mention = mention;
    append_sentence(world_, plan_.subject, name_, form, options_, out_);
    open_.remove(form.facts);
    others_mentioned_ = form.mentions_entity;
    if (spans_ != nullptr) spans_->push_back({begin - begin_, out_.size() - begin_, form.facts});
  }

  const World& world_;
  const ParagraphPlan& plan_;
  const FormBook& book_;
  RandomStream random_;
  std::string& out_;
  std::vector<SentenceSpan>* spans_;
  std::size_t begin_;
  std::string name_;
  FactSet open_;  // had, not withheld and not told yet
  SentenceOptions options_;
  std::size_t remarks_ = 0;
  std::size_t first_remark_ = 0;
  bool others_mentioned_ = false;
  bool said_ = false;
};

}  // namespace

DateStyle date_style(std::uint64_t key) {
  return derive(key, 0x64617465) % 2 == 0 ? DateStyle::kDayFirst : DateStyle::kMonthFirst;
}

void append_paragraph(const World& world, const ParagraphPlan& plan, std::string& out,
                      std::vector<SentenceSpan>* spans) {
  Writer(world, plan, out, spans).write();
}

}  // namespace memagent::world
