// Leaves out of lessons what the policy says right already, so that the step learns from the rest:
// of a thousand sections in which nothing is to be noted, a trained reader gets three wrong, and
// only those teach. After Selective-Backprop (arXiv 1910.00762), with two differences: the score is
// a whole reply as the engine says it greedily, not a loss; and it is a threshold, not a quantile.
//
// On a CPU replies are asked for through the LanguageModel, which reads many times as fast as the
// trainer goes forwards and backwards, and shares the section among its questions. On a device the
// network itself goes forwards over all of them at once, and nothing is decoded: a reply of which
// every token is more probable than a half is what greedy decoding says.
#pragma once

#include <array>
#include <vector>

#include "base/random.h"
#include "memagent/language_model.h"
#include "train/lessons.h"
#include "train/policy_network.h"

namespace memagent {

struct SelectionOptions {
  // A reply is sure if greedy decoding says it and gives every token more than this probability.
  double sure = 0.9;
  double keep_sure = 0.1;  // share of sure replies that are learnt from all the same
};

struct SelectionCounts {
  std::array<double, kNumReplyKinds> asked{};
  std::array<double, kNumReplyKinds> right{};  // as greedy decoding says them
};

// The lessons with the replies that are left, those without any taken out. Texts (ReplyKind::kText)
// all stay. `counts` has one entry for every task of the stage and is added to. Throws
// Error(kModel) for a generation that fails.
std::vector<Lesson> select_lessons(std::vector<Lesson> lessons, LanguageModel& model,
                                   const SelectionOptions& options, RandomStream& random,
                                   std::vector<SelectionCounts>& counts);
// The same by the network. `right` misses replies that are greedily right by less than a half.
std::vector<Lesson> select_lessons(std::vector<Lesson> lessons, const PolicyNetwork& network,
                                   const SelectionOptions& options, RandomStream& random,
                                   std::vector<SelectionCounts>& counts);

}  // namespace memagent
