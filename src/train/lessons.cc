#include "train/lessons.h"

#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "train/document_lessons.h"
#include "train/drawing.h"
#include "train/recipe_tasks.h"
#include "train/strangers.h"
#include "train/text_lessons.h"

namespace memagent {

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
  LessonContext context;
  std::vector<Stage> stages;
  std::vector<std::vector<std::shared_ptr<const Task>>> tasks;      // null: a text
  std::vector<std::vector<std::shared_ptr<const Task>>> cluttered;  // the same, for Stage::clutter
  std::vector<StrangerSource> strangers;                            // of each stage
  std::vector<MakeProse> texts;                                     // of each stage's file, if any
};

LessonSource::LessonSource(const SftRecipe& recipe, std::shared_ptr<const PromptRenderer> renderer,
                           std::shared_ptr<const Tokenizer> tokenizer, std::int32_t context_tokens)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.seed = recipe.seed;
  s.stages = recipe.stages;
  s.context.renderer = std::move(renderer);
  s.context.tokenizer = std::move(tokenizer);
  s.context.config = episode_config(recipe.reading);
  for (const Stage& stage : s.stages) {
    const bool adds = s.context.config.policy == Policy::kGated &&
                      !s.context.renderer->prompts().gate_add.empty();
    if (stage.slips > 0 && !adds) {
      fail(ErrorKind::kBadInput, "stage {}: slips need the policy gated and prompts with gate.add",
           stage.name);
    }
    s.tasks.push_back(tasks_of(stage.tasks, {.haystack_file = stage.haystack}));
    s.cluttered.push_back(tasks_of(stage.tasks, {.haystack_file = "", .clutter = true}));
    s.texts.push_back(stage.text.empty() ? MakeProse() : prose_of_file(stage.text));
    s.strangers.emplace_back(stage, s.context.renderer, s.context.tokenizer);
    check_sections(recipe.reading, stage.section_tokens.back(), context_tokens, *s.context.renderer,
                   stage.where);
  }
}

LessonSource::~LessonSource() = default;

std::vector<Lesson> LessonSource::draw(std::size_t stage, std::int64_t number) const {
  const State& s = *state_;
  const std::uint64_t key = derive(derive(s.seed, stage), static_cast<std::uint64_t>(number));
  RandomStream random(key);
  const std::size_t task = drawn_task(random, s.stages[stage].tasks);
  if (s.tasks[stage][task] != nullptr) {
    SampleSpec spec;
    spec.seed = derive(s.seed, stage);
    spec.split = Split::kTrain;
    spec.index = 2 * number;
    const bool cluttered = drawn_share(random, s.stages[stage].clutter);
    const auto& tasks = cluttered ? s.cluttered : s.tasks;
    spec.crowded = drawn_share(random, s.stages[stage].crowded);
    auto lessons = document_lessons(s.context, s.stages[stage], s.strangers[stage],
                                    *tasks[stage][task], spec, random);
    for (Lesson& lesson : lessons) lesson.task = task;
    return lessons;
  }
  Lesson lesson = text_lesson(s.stages[stage].tasks[task].task, s.stages[stage].section_tokens,
                              s.context, s.texts[stage], random);
  lesson.task = task;
  return {std::move(lesson)};
}

}  // namespace memagent
