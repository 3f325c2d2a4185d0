// Who of a group is to blame for what: the advantages of its conversations, from the rewards that a
// recipe gives. Pure.
#pragma once

#include <vector>

#include "train/recipe.h"
#include "train/rollout.h"

namespace memagent {

// Of every conversation of every trajectory: [trajectory][conversation]. A trajectory's reward is
// the verifier's, less the mean over its conversations, or with credit `answer` its answer alone,
// of what being too long costs.
// `update_tokens`: the most that an update may have.
std::vector<std::vector<double>> credited(const Group& group, const RlRecipe& recipe,
                                          std::int32_t update_tokens);

}  // namespace memagent
