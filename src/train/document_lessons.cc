#include "train/document_lessons.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "memagent/document.h"
#include "task/unit_document.h"
#include "task/world/questions.h"
#include "train/drawing.h"
#include "train/imitation.h"
#include "train/misleading_notes.h"

namespace memagent {
namespace {

ReplyKind kind_of(const Conversation& conversation) {
  if (conversation.kind == ConversationKind::kAnswer) return ReplyKind::kAnswer;
  return conversation.decision == Decision::kKeep ? ReplyKind::kKeep : ReplyKind::kUpdate;
}

// One conversation that may be learnt, with the section it is about (-1: none).
struct Candidate {
  std::int64_t section = -1;
  ReplyKind kind = ReplyKind::kKeep;
  std::vector<TokenId> prompt;
  std::vector<TokenId> response;
  std::int32_t shared = 0;  // leading prompt tokens that are the section's alone
  std::string question;
};

// The reply that notes what a section answers, and the question that it answers.
struct Note {
  std::string question;
  std::vector<TokenId> response;
};

// One who has read the document and comes to what was noted once more.
struct Reader {
  Asker asker;
  std::int64_t section = 0;
};

// The candidates of one section share what their prompts begin with.
Lesson joined(std::vector<Candidate> candidates) {
  Lesson lesson;
  const std::vector<TokenId>& first = candidates.front().prompt;
  const std::ptrdiff_t shared = candidates.front().shared;
  lesson.prefix.assign(first.begin(), first.begin() + shared);
  for (Candidate& candidate : candidates) {
    MEMAGENT_CHECK(std::equal(lesson.prefix.begin(), lesson.prefix.end(), candidate.prompt.begin()),
                   "prompts of one section begin differently");
    candidate.prompt.erase(candidate.prompt.begin(), candidate.prompt.begin() + shared);
    lesson.replies.push_back(
        {candidate.kind, std::move(candidate.prompt), std::move(candidate.response)});
  }
  return lesson;
}

class DocumentLessons {
 public:
  DocumentLessons(const LessonContext& context, const Stage& stage, const StrangerSource& strangers,
                  const Task& task, SampleSpec spec, RandomStream& random);
  std::vector<Lesson> make();

 private:
  void read(const Sample& of);
  std::int64_t ask(std::vector<Candidate>& candidates, double limit);
  void ask_strangers(std::size_t count, bool absent);
  void ask_in_vain(const Strangers& strangers);
  Candidate unmoved(const Asker& asker, const Section& section) const;
  std::optional<Candidate> slip(const Candidate& kept) const;
  Candidate answered(const std::string& question, const TokenText& memory,
                     const std::string& answer) const;
  std::optional<Candidate> unfinished(const Row& row,
                                      const std::vector<ImitatedConversation>& reading) const;

  const LessonContext& context_;
  const Stage& stage_;
  const StrangerSource& strangers_;
  const Task& task_;
  RandomStream& random_;
  EpisodeConfig reading_;
  SampleSpec spec_;
  std::unique_ptr<Sample> sample_;
  std::vector<std::unique_ptr<Sample>> siblings_;
  Sections sections_;

  std::vector<Candidate> updates_;
  std::vector<Candidate> keeps_;
  std::vector<Candidate> answers_;
  std::vector<Candidate> unanswered_;  // asked of memories that do not have the whole answer
  std::vector<Reader> readers_;        // for Stage::again
  std::map<std::int64_t, std::vector<Note>> notes_;            // each section's, for Stage::slips
  std::map<std::int64_t, std::vector<Candidate>> by_section_;  // what is asked in the end
};

DocumentLessons::DocumentLessons(const LessonContext& context, const Stage& stage,
                                 const StrangerSource& strangers, const Task& task, SampleSpec spec,
                                 RandomStream& random)
    : context_(context),
      stage_(stage),
      strangers_(strangers),
      task_(task),
      random_(random),
      reading_(context.config),
      spec_(spec) {
  reading_.section_tokens = static_cast<std::int32_t>(drawn_length(random, stage.section_tokens));
  spec_.tokens =
      std::max(drawn_length(random, stage.document_tokens), task.fewest_tokens(*context.tokenizer));
  sample_ = task.sample(spec_, context.tokenizer);
  const std::int64_t num_sections = spec_.tokens / reading_.section_tokens + 1;
  siblings_ = sample_->siblings(stage.replies_per_section * num_sections, random.next());
  sections_ = sections_of(*sample_, {.section_tokens = reading_.section_tokens}, context.tokenizer);
}

std::vector<Lesson> DocumentLessons::make() {
  read(*sample_);
  for (const auto& sibling : siblings_) read(*sibling);
  shuffle(updates_, random_);
  shuffle(keeps_, random_);
  shuffle(answers_, random_);
  if (stage_.slips > 0) {
    for (const Candidate& update : updates_) {
      notes_[update.section].push_back({update.question, update.response});
    }
  }

  // Updates leave room for the replies that change nothing.
  const auto most = static_cast<double>(stage_.replies_per_section);
  const std::int64_t num_updates = ask(updates_, most / (1 + stage_.keeps_per_update));
  const double wanted =
      stage_.keeps_per_update * static_cast<double>(std::max<std::int64_t>(1, num_updates));
  const auto num_keeps = static_cast<std::size_t>(std::ceil(wanted));
  const auto num_strangers =
      static_cast<std::size_t>(stage_.strangers * wanted + random_.uniform());
  // Of all that could be asked, since few sections have something that stands out.
  std::vector<Candidate> slips;
  for (const Candidate& kept : keeps_) {
    if (static_cast<double>(slips.size()) >= stage_.slips * wanted) break;
    if (auto slipped = slip(kept)) slips.push_back(std::move(*slipped));
  }
  shuffle(readers_, random_);
  const auto most_readers = static_cast<std::size_t>(stage_.again * wanted);
  readers_.resize(std::min(readers_.size(), most_readers));
  const std::size_t num_others = num_strangers + readers_.size();
  keeps_.resize(std::min(keeps_.size(), num_keeps - std::min(num_keeps, num_others)));
  for (const Reader& reader : readers_) {
    const Section& section = *sections_[static_cast<std::size_t>(reader.section)];
    keeps_.push_back(unmoved(reader.asker, section));
  }
  const bool absent = random_.uniform() < stage_.absent;
  if (num_strangers > 0 || absent) ask_strangers(num_strangers, absent);
  ask(keeps_, most);
  ask(slips, 2 * most);

  std::vector<Lesson> lessons;
  for (auto& [section, candidates] : by_section_) {
    // Without a shared beginning there are only conversations of their own.
    lessons.push_back(joined(std::move(candidates)));
  }
  answers_.resize(std::min(answers_.size(), static_cast<std::size_t>(1 + num_updates / 2)));
  std::move(unanswered_.begin(), unanswered_.end(), std::back_inserter(answers_));
  for (Candidate& answer : answers_) lessons.push_back(joined({std::move(answer)}));
  return lessons;
}

// What the ideal reader says to one of the document's questions.
void DocumentLessons::read(const Sample& of) {
  const Row& row = of.row();
  std::string noted;
  if (random_.uniform() < stage_.misnoted) {
    noted = misleading_notes(row.question, row.evidence, siblings_, random_);
  }
  const std::vector<ImitatedConversation> reading =
      imitate(of, sections_, reading_, context_.renderer, context_.tokenizer, noted);
  if (reading.empty()) return;
  const ImitatedConversation& last = reading.back();
  for (const ImitatedConversation& said : reading) {
    const ReplyKind kind = kind_of(said.conversation);
    if (stage_.again > 0 && kind == ReplyKind::kUpdate && last.imitable) {
      readers_.push_back(
          {{row.question, {last.conversation.memory}}, said.conversation.section_index});
    }
    if (!said.imitable) continue;
    std::vector<Candidate>& to = kind == ReplyKind::kAnswer ? answers_
                                 : kind == ReplyKind::kKeep ? keeps_
                                                            : updates_;
    to.push_back({said.conversation.section_index, kind, said.conversation.prompt.tokens,
                  said.response, said.shared_prefix_tokens, row.question});
  }
  if (stage_.unfinished == 0 || random_.uniform() >= stage_.unfinished) return;
  if (auto partial = unfinished(row, reading)) unanswered_.push_back(std::move(*partial));
}

// Asks a section `limit` questions at most; returns how many of `candidates` are asked.
std::int64_t DocumentLessons::ask(std::vector<Candidate>& candidates, double limit) {
  std::int64_t asked = 0;
  for (Candidate& candidate : candidates) {
    std::vector<Candidate>& of = by_section_[candidate.section];
    if (static_cast<double>(of.size()) + 1 > std::max(1.0, limit)) continue;
    of.push_back(std::move(candidate));
    ++asked;
  }
  return asked;
}

// `count` questions that the document does not answer; if `absent`, also what is said in the end.
void DocumentLessons::ask_strangers(std::size_t count, bool absent) {
  SampleSpec other = spec_;
  ++other.index;
  const Strangers strangers = strangers_.draw(task_, *sample_, siblings_, other, reading_, random_);
  std::optional<Asker> own;
  if (strangers.outsider != nullptr) own = strangers_.asker(*sample_, sections_, reading_);
  for (std::size_t i = 0; !strangers.askers.empty() && i < count; ++i) {
    const bool abroad = own && !strangers.sections.empty() && random_.below(2) == 0;
    const Asker& asks = abroad ? *own : strangers.askers[random_.below(strangers.askers.size())];
    const Sections& asked = abroad ? strangers.sections : sections_;
    if (asked.empty()) break;
    keeps_.push_back(unmoved(asks, *asked[random_.below(asked.size())]));
    // Behind this document's own.
    if (abroad) keeps_.back().section += std::ssize(sections_);
  }
  if (absent) ask_in_vain(strangers);
}

// A question at the end of a reading that found nothing which answers it: either nothing was noted,
// or what a question like it asks for.
void DocumentLessons::ask_in_vain(const Strangers& strangers) {
  // Of another kind, all notes are beside the point: half of those questions meet some.
  const double with_notes =
      strangers.of_other_kind ? std::max(0.5, stage_.misnoted) : stage_.misnoted;
  const bool misled = random_.uniform() < with_notes;
  const bool strange = !strangers.askers.empty() && (strangers.of_other_kind || !misled);
  const Row& row = sample_->row();
  const std::string& asked = strange ? strangers.askers.front().question : row.question;
  const std::vector<Evidence> evidence = strange ? std::vector<Evidence>() : row.evidence;
  const std::string noted = misled ? misleading_notes(asked, evidence, siblings_, random_) : "";
  if (misled && noted.empty()) return;
  const std::string& memory = misled ? noted : context_.renderer->prompts().empty_memory;
  unanswered_.push_back(answered(asked, context_.renderer->encode(memory), ""));
}

// A question asked of a section, with one of its memories: nothing is to be noted.
Candidate DocumentLessons::unmoved(const Asker& asker, const Section& section) const {
  const TokenText& before = asker.memories[random_.below(asker.memories.size())];
  Candidate candidate;
  candidate.section = section.index;
  candidate.prompt = context_.renderer
                         ->update(context_.config.policy, context_.config.layout,
                                  context_.renderer->encode(asker.question), before,
                                  TokenTextView(section.tokens, section.text))
                         .tokens;
  candidate.question = asker.question;
  candidate.response = context_.config.policy == Policy::kGated
                           ? context_.tokenizer->encode(context_.renderer->prompts().gate_keep)
                           : before.tokens;
  candidate.response.push_back(context_.tokenizer->end_tokens().front());
  candidate.shared =
      context_.renderer->shared_prefix_tokens(context_.config.layout, context_.config.policy,
                                              static_cast<std::int64_t>(section.tokens.size()));
  return candidate;
}

// What is written where a section was wrongly taken for what the question asks: the note on what
// stands there, under its own name, which is of no harm. `kept` is the reply that was right. Learnt
// from the decision on. None where nothing is to be added, or nothing stands out as what the
// question could be taken to mean: a reader that copies just any note loses sight of the question
// where the section answers it.
std::optional<Candidate> DocumentLessons::slip(const Candidate& kept) const {
  constexpr std::size_t kStandsOut = 4;  // bytes of likeness
  const auto notes = notes_.find(kept.section);
  if (notes == notes_.end()) return std::nullopt;
  const Note* nearest = nullptr;
  std::size_t most = 0;
  std::size_t second = 0;
  for (const Note& note : notes->second) {
    if (note.question == kept.question) continue;
    if (nearest != nullptr && note.question == nearest->question) continue;
    const std::size_t like = likeness(note.question, kept.question);
    second = std::max(second, std::min(like, most));
    if (like <= most) continue;
    most = like;
    nearest = &note;
  }
  if (nearest == nullptr || (second > 0 && most < second + kStandsOut)) return std::nullopt;
  std::size_t wording = kept.question.size();  // what even the least alike have in common
  for (const auto& sibling : siblings_) {
    wording = std::min(wording, likeness(sibling->row().question, kept.question));
  }
  // A third of what the question names.
  if (3 * (most - wording) < kept.question.size() - wording) return std::nullopt;
  const std::vector<TokenId> gate =
      context_.tokenizer->encode(context_.renderer->prompts().gate_add + "\n");
  if (nearest->response.size() <= gate.size() ||
      !std::equal(gate.begin(), gate.end(), nearest->response.begin())) {
    return std::nullopt;
  }
  Candidate slip = kept;
  slip.kind = ReplyKind::kSlip;
  slip.prompt.insert(slip.prompt.end(), gate.begin(), gate.end());
  slip.response.assign(nearest->response.begin() + std::ssize(gate), nearest->response.end());
  return slip;
}

// The question asked of a memory. `answer` empty: that there is none.
Candidate DocumentLessons::answered(const std::string& question, const TokenText& memory,
                                    const std::string& answer) const {
  Candidate candidate;
  candidate.kind = ReplyKind::kAnswer;
  candidate.prompt = context_.renderer->answer(context_.renderer->encode(question), memory).tokens;
  candidate.response =
      context_.tokenizer->encode(answer.empty() ? world::no_answer_spellings().front() : answer);
  candidate.response.push_back(context_.tokenizer->end_tokens().front());
  return candidate;
}

// The question asked of a memory that lacks something: what is there is the answer, or that there
// is none. A reader that missed a fact is asked so in earnest. None where every memory is whole.
std::optional<Candidate> DocumentLessons::unfinished(
    const Row& row, const std::vector<ImitatedConversation>& reading) const {
  std::vector<const ImitatedConversation*> partial;
  const std::string& whole = reading.back().answer_now;
  for (const ImitatedConversation& said : reading) {
    const bool noted = said.conversation.memory.text != context_.renderer->prompts().empty_memory;
    if (said.imitable && noted && said.answer_now != whole) partial.push_back(&said);
  }
  if (partial.empty()) return std::nullopt;
  const ImitatedConversation& said = *partial[random_.below(partial.size())];
  return answered(row.question, said.conversation.memory, said.answer_now);
}

}  // namespace

std::vector<Lesson> document_lessons(const LessonContext& context, const Stage& stage,
                                     const StrangerSource& strangers, const Task& task,
                                     SampleSpec spec, RandomStream& random) {
  return DocumentLessons(context, stage, strangers, task, spec, random).make();
}

}  // namespace memagent
