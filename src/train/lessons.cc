#include "train/lessons.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "task/registry.h"
#include "task/unit_document.h"
#include "task/world/questions.h"
#include "train/drawing.h"
#include "train/imitation.h"
#include "train/misleading_notes.h"
#include "train/strangers.h"
#include "train/text_lessons.h"

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
Lesson joined(std::vector<Candidate> candidates, std::size_t task) {
  Lesson lesson;
  lesson.task = task;
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

}  // namespace

const char* to_string(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::kKeep:
      return "keep";
    case ReplyKind::kUpdate:
      return "update";
    case ReplyKind::kAnswer:
      return "answer";
    case ReplyKind::kText:
      return "text";
    case ReplyKind::kSlip:
      return "slip";
  }
  MEMAGENT_CHECK(false, "reply kind {}", static_cast<int>(kind));
}

struct LessonSource::State {
  std::uint64_t seed = 0;
  EpisodeConfig config;
  std::vector<Stage> stages;
  std::vector<std::vector<std::shared_ptr<const Task>>> tasks;  // null: a text
  std::vector<StrangerSource> strangers;                        // of each stage
  std::shared_ptr<const PromptRenderer> renderer;
  std::shared_ptr<const Tokenizer> tokenizer;

  void add(const std::string& question, const std::vector<ImitatedConversation>& reading,
           std::vector<Candidate>& updates, std::vector<Candidate>& keeps,
           std::vector<Candidate>& answers) const {
    for (const ImitatedConversation& said : reading) {
      if (!said.imitable) continue;
      const ReplyKind kind = kind_of(said.conversation);
      std::vector<Candidate>& to = kind == ReplyKind::kAnswer ? answers
                                   : kind == ReplyKind::kKeep ? keeps
                                                              : updates;
      to.push_back({said.conversation.section_index, kind, said.conversation.prompt.tokens,
                    said.response, said.shared_prefix_tokens, question});
    }
  }

  void add_readers(const std::string& question, const std::vector<ImitatedConversation>& reading,
                   std::vector<Reader>& readers) const {
    const ImitatedConversation& last = reading.back();
    if (!last.imitable) return;
    for (const ImitatedConversation& said : reading) {
      if (kind_of(said.conversation) != ReplyKind::kUpdate) continue;
      readers.push_back({{question, {last.conversation.memory}}, said.conversation.section_index});
    }
  }

  // A question asked of a section, with one of its memories: nothing is to be noted.
  Candidate unmoved(const Asker& asker, const Section& section, RandomStream& random) const {
    const TokenText& before = asker.memories[random.below(asker.memories.size())];
    Candidate candidate;
    candidate.section = section.index;
    candidate.prompt = renderer
                           ->update(config.policy, config.layout, renderer->encode(asker.question),
                                    before, TokenTextView(section.tokens, section.text))
                           .tokens;
    candidate.question = asker.question;
    candidate.response = config.policy == Policy::kGated
                             ? tokenizer->encode(renderer->prompts().gate_keep)
                             : before.tokens;
    candidate.response.push_back(tokenizer->end_tokens().front());
    candidate.shared = renderer->shared_prefix_tokens(
        config.layout, config.policy, static_cast<std::int64_t>(section.tokens.size()));
    return candidate;
  }

  // What is written where a section was wrongly taken for what the question asks: the note on what
  // stands there, under its own name, which is of no harm. `kept` is the reply that was right,
  // `notes` are the section's. Learnt from the decision on. None where nothing is to be added,
  // or nothing stands out as what the question could be taken to mean: a reader that copies just
  // any note loses sight of the question where the section answers it.
  std::optional<Candidate> slip(const Candidate& kept, const std::vector<Note>& notes,
                                const std::vector<std::string>& questions) const {
    constexpr std::size_t kStandsOut = 4;  // bytes of likeness
    const Note* nearest = nullptr;
    std::size_t most = 0;
    std::size_t second = 0;
    for (const Note& note : notes) {
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
    for (const std::string& other : questions) {
      wording = std::min(wording, likeness(other, kept.question));
    }
    // A third of what the question names.
    if (3 * (most - wording) < kept.question.size() - wording) return std::nullopt;
    const std::vector<TokenId> gate = tokenizer->encode(renderer->prompts().gate_add + "\n");
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
  Candidate answered(const std::string& question, const TokenText& memory,
                     const std::string& answer) const {
    Candidate candidate;
    candidate.kind = ReplyKind::kAnswer;
    candidate.prompt = renderer->answer(renderer->encode(question), memory).tokens;
    candidate.response =
        tokenizer->encode(answer.empty() ? world::no_answer_spellings().front() : answer);
    candidate.response.push_back(tokenizer->end_tokens().front());
    return candidate;
  }

  // The question asked of a memory that lacks something: what is there is the answer, or that there
  // is none. A reader that missed a fact is asked so in earnest. None where every memory is whole.
  std::optional<Candidate> unfinished(const Row& row,
                                      const std::vector<ImitatedConversation>& reading,
                                      RandomStream& random) const {
    std::vector<const ImitatedConversation*> partial;
    const std::string& whole = reading.back().answer_now;
    for (const ImitatedConversation& said : reading) {
      const bool noted = said.conversation.memory.text != renderer->prompts().empty_memory;
      if (said.imitable && noted && said.answer_now != whole) partial.push_back(&said);
    }
    if (partial.empty()) return std::nullopt;
    const ImitatedConversation& said = *partial[random.below(partial.size())];
    return answered(row.question, said.conversation.memory, said.answer_now);
  }

  std::vector<Section> sections_of(const Sample& sample, const EpisodeConfig& reading) const {
    std::vector<Section> sections;
    SectionReader reader(sample.document(), tokenizer, {.section_tokens = reading.section_tokens});
    for (Section section; reader.next(section);) sections.push_back(section);
    return sections;
  }

  std::vector<Lesson> document(std::size_t stage_index, std::size_t task_index,
                               RandomStream& random, std::int64_t number) const {
    const Stage& stage = stages[stage_index];
    const Task& task = *tasks[stage_index][task_index];
    EpisodeConfig reading = config;
    reading.section_tokens = static_cast<std::int32_t>(drawn_length(random, stage.section_tokens));
    SampleSpec spec;
    spec.tokens =
        std::max(drawn_length(random, stage.document_tokens), task.fewest_tokens(*tokenizer));
    spec.seed = derive(seed, stage_index);
    spec.split = Split::kTrain;
    spec.index = 2 * number;
    const auto sample = task.sample(spec, tokenizer);

    std::vector<Candidate> updates;
    std::vector<Candidate> keeps;
    std::vector<Candidate> answers;
    const std::int64_t num_sections = spec.tokens / reading.section_tokens + 1;
    const auto siblings = sample->siblings(stage.replies_per_section * num_sections, random.next());
    const auto read = [&](const Sample& of) {
      std::string noted;
      if (random.uniform() < stage.misnoted) {
        noted = misleading_notes(of.row().question, of.row().evidence, siblings, random);
      }
      return imitate(of, reading, Cut::kNatural, renderer, tokenizer, noted);
    };
    std::vector<Candidate> unanswered;
    std::vector<Reader> readers;
    const auto learn = [&](const Sample& of) {
      const std::vector<ImitatedConversation> reading_of_it = read(of);
      if (reading_of_it.empty()) return;
      add(of.row().question, reading_of_it, updates, keeps, answers);
      if (stage.again > 0) add_readers(of.row().question, reading_of_it, readers);
      if (stage.unfinished == 0 || random.uniform() >= stage.unfinished) return;
      if (auto partial = unfinished(of.row(), reading_of_it, random)) {
        unanswered.push_back(std::move(*partial));
      }
    };
    learn(*sample);
    for (const auto& sibling : siblings) learn(*sibling);
    shuffle(updates, random);
    shuffle(keeps, random);
    shuffle(answers, random);

    std::map<std::int64_t, std::vector<Note>> notable;  // what each section's notes could be
    std::vector<std::string> questions;
    if (stage.slips > 0) {
      for (const Candidate& update : updates) {
        notable[update.section].push_back({update.question, update.response});
      }
      for (const auto& sibling : siblings) questions.push_back(sibling->row().question);
    }

    // Updates leave room for the replies that change nothing.
    const auto most = static_cast<double>(stage.replies_per_section);
    std::map<std::int64_t, std::vector<Candidate>> by_section;
    const auto ask = [&](std::vector<Candidate>& candidates, double limit) {
      std::int64_t asked = 0;
      for (Candidate& candidate : candidates) {
        std::vector<Candidate>& of = by_section[candidate.section];
        if (static_cast<double>(of.size()) + 1 > std::max(1.0, limit)) continue;
        of.push_back(std::move(candidate));
        ++asked;
      }
      return asked;
    };
    const std::int64_t num_updates = ask(updates, most / (1 + stage.keeps_per_update));
    const double wanted =
        stage.keeps_per_update * static_cast<double>(std::max<std::int64_t>(1, num_updates));
    const auto num_keeps = static_cast<std::size_t>(std::ceil(wanted));
    const auto num_strangers =
        static_cast<std::size_t>(stage.strangers * wanted + random.uniform());
    // Of all that could be asked, since few sections have something that stands out.
    std::vector<Candidate> slips;
    for (const Candidate& kept : keeps) {
      if (static_cast<double>(slips.size()) >= stage.slips * wanted) break;
      if (auto slipped = slip(kept, notable[kept.section], questions))
        slips.push_back(std::move(*slipped));
    }
    shuffle(readers, random);
    const auto most_readers = static_cast<std::size_t>(stage.again * wanted);
    readers.resize(std::min(readers.size(), most_readers));
    const std::size_t num_others = num_strangers + readers.size();
    keeps.resize(std::min(keeps.size(), num_keeps - std::min(num_keeps, num_others)));
    const std::vector<Section> sections = sections_of(*sample, reading);
    for (const Reader& reader : readers) {
      const Section& section = sections[static_cast<std::size_t>(reader.section)];
      keeps.push_back(unmoved(reader.asker, section, random));
    }
    const bool ask_absent = random.uniform() < stage.absent;
    if (num_strangers > 0 || ask_absent) {
      spec.index = 2 * number + 1;
      const Strangers others =
          strangers[stage_index].draw(task, *sample, siblings, spec, reading, random);
      std::vector<Section> foreign;
      std::optional<Asker> own;
      if (others.outsider != nullptr) {
        foreign = sections_of(*others.outsider, reading);
        for (Section& section : foreign) section.index += std::ssize(sections);
        own = strangers[stage_index].asker(*sample, reading);
      }
      for (std::size_t i = 0; !others.askers.empty() && i < num_strangers; ++i) {
        const bool abroad = !foreign.empty() && random.below(2) == 0;
        const Asker& asks = abroad ? *own : others.askers[random.below(others.askers.size())];
        const std::vector<Section>& asked = abroad ? foreign : sections;
        if (asked.empty()) break;
        keeps.push_back(unmoved(asks, asked[random.below(asked.size())], random));
      }
      if (ask_absent) {
        // Either nothing was noted or what a question like it asks for. Of another kind, all notes
        // are beside the point: half of them have some.
        const bool misled = random.uniform() <
                            (others.of_other_kind ? std::max(0.5, stage.misnoted) : stage.misnoted);
        const bool strange = !others.askers.empty() && (others.of_other_kind || !misled);
        const std::string& asked =
            strange ? others.askers.front().question : sample->row().question;
        const std::string noted =
            misled ? misleading_notes(asked,
                                      strange ? std::vector<Evidence>() : sample->row().evidence,
                                      siblings, random)
                   : "";
        // A question at the end of a reading that found nothing which answers it.
        if (!misled || !noted.empty()) {
          const std::string& memory = noted.empty() ? renderer->prompts().empty_memory : noted;
          unanswered.push_back(answered(asked, renderer->encode(memory), ""));
        }
      }
    }
    ask(keeps, most);
    ask(slips, 2 * most);
    std::vector<Lesson> lessons;
    for (auto& [section, candidates] : by_section) {
      // Without a shared beginning there are only conversations of their own.
      lessons.push_back(joined(std::move(candidates), task_index));
    }
    answers.resize(std::min(answers.size(), static_cast<std::size_t>(1 + num_updates / 2)));
    std::move(unanswered.begin(), unanswered.end(), std::back_inserter(answers));
    for (Candidate& answer : answers) {
      lessons.push_back(joined({std::move(answer)}, task_index));
    }
    return lessons;
  }
};

LessonSource::LessonSource(const SftRecipe& recipe, std::shared_ptr<const PromptRenderer> renderer,
                           std::shared_ptr<const Tokenizer> tokenizer, std::int32_t context_tokens)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.seed = recipe.seed;
  s.stages = recipe.stages;
  s.renderer = std::move(renderer);
  s.tokenizer = std::move(tokenizer);
  s.config = episode_config(recipe.reading);
  for (const Stage& stage : s.stages) {
    const bool adds = s.config.policy == Policy::kGated && !s.renderer->prompts().gate_add.empty();
    if (stage.slips > 0 && !adds) {
      fail(ErrorKind::kUsage, "stage {}: slips need the policy gated and prompts with gate.add",
           stage.name);
    }
    std::vector<std::shared_ptr<const Task>> tasks;
    for (const TaskWeight& task : stage.tasks) {
      tasks.push_back(is_text_task(task.task) ? nullptr : find_tasks({task.task}, {}).at(0));
    }
    s.tasks.push_back(std::move(tasks));
    s.strangers.emplace_back(stage, s.renderer, s.tokenizer);
    check_sections(recipe.reading, stage.section_tokens.back(), context_tokens, *s.renderer,
                   stage.where);
  }
}

LessonSource::~LessonSource() = default;

std::vector<Lesson> LessonSource::draw(std::size_t stage, std::int64_t number) const {
  const State& s = *state_;
  const std::uint64_t key = derive(derive(s.seed, stage), static_cast<std::uint64_t>(number));
  RandomStream random(key);
  const std::size_t task = drawn_task(random, s.stages[stage].tasks);
  if (s.tasks[stage][task] != nullptr) return s.document(stage, task, random, number);
  Lesson lesson = text_lesson(s.stages[stage].tasks[task].task, s.stages[stage].section_tokens,
                              *s.tokenizer, random);
  lesson.task = task;
  return {std::move(lesson)};
}

}  // namespace memagent
