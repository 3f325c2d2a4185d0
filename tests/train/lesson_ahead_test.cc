// Lessons drawn ahead by other threads are those drawn on the spot.
#include "train/lesson_ahead.h"

#include <gtest/gtest.h>

#include "support/byte_tokenizer.h"
#include "train/recipe.h"

namespace memagent {
namespace {

bool same(const std::vector<Lesson>& a, const std::vector<Lesson>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Lesson& x, const Lesson& y) {
    return x.task == y.task && x.prefix == y.prefix &&
           std::equal(x.replies.begin(), x.replies.end(), y.replies.begin(), y.replies.end(),
                      [](const Reply& r, const Reply& s) {
                        return r.kind == s.kind && r.prompt == s.prompt && r.response == s.response;
                      });
  });
}

class LessonAheadTest : public testing::Test {
 protected:
  LessonAheadTest() {
    recipe_.seed = 5;
    recipe_.reading.question_tokens = 1024;
    recipe_.reading.memory_tokens = 1024;
    recipe_.reading.output_tokens = 1024;
    Stage stage;
    stage.section_tokens = {200, 400};
    stage.document_tokens = {500, 900};
    stage.tasks = {{"niah_single_1", 1}, {"drill", 1}};
    recipe_.stages = {stage, stage};
    source_ = std::make_unique<LessonSource>(
        recipe_,
        std::make_shared<PromptRenderer>(default_prompts(), ChatFormat::kPlain,
                                         test::byte_tokenizer(), true, false),
        test::byte_tokenizer(), 100'000);
  }
  SftRecipe recipe_;
  std::unique_ptr<LessonSource> source_;
};

TEST_F(LessonAheadTest, GivesWhatTheSourceDoes) {
  for (const int threads : {0, 1, 4}) {
    LessonAhead ahead(*source_, {.threads = threads, .ahead = 5});
    for (std::size_t stage = 0; stage < 2; ++stage) {
      // Two batches that share the numbers out, one of them faster.
      for (const std::int64_t number : {0, 2, 1, 4, 6, 3, 8, 5, 7, 9}) {
        EXPECT_TRUE(same(ahead.take(stage, number, 2), source_->draw(stage, number)))
            << threads << " threads, stage " << stage << ", number " << number;
      }
    }
  }
}

TEST_F(LessonAheadTest, MayEndWithDrawsUnderWay) {
  for (int i = 0; i < 20; ++i) {
    LessonAhead ahead(*source_, {.threads = 3, .ahead = 30});
    ahead.take(0, i, 1);
  }
}

}  // namespace
}  // namespace memagent
