// Lessons that are no readings of documents: generated texts, and copying as such.
//
//   drill    random tokens said twice: what copying is learnt from first
//   repeats  a list of words in which few tokens or letters come again and again, each asked for by
//            the key before it: what makes a copy lose or double a piece
//   tally    a list of words of which some come more often than others, and the three that come
//            most often: what the question of the task fwe is learnt from
//   compare  notes on two things of the world, and which of them is older, larger, or whether they
//            have something in common: a document asks it once among a hundred questions
//   prose    generated, learnt from its second token on
//   text     the same of a file
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "task/haystack.h"
#include "train/document_lessons.h"
#include "train/lessons.h"

namespace memagent {

// Of that name (kTextTasks). Drills, prose and texts have a length drawn from `tokens`; the latter
// are sentences of `text`.
Lesson text_lesson(const std::string& name, const std::vector<std::int64_t>& tokens,
                   const LessonContext& context, const MakeProse& text, RandomStream& random);

}  // namespace memagent
