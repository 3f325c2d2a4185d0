#include "train/credit.h"

#include <cstdint>

#include "base/hash.h"
#include "train/advantage.h"
#include "train/step_reward.h"

namespace memagent {
namespace {

// Of the conversations that learn from it: where only answers learn, they are not blamed for
// updates.
double penalty(const Trajectory& trajectory, const RlRecipe& recipe, std::int32_t update_tokens) {
  if (recipe.overlong_tokens <= 0) return 0;
  double sum = 0;
  double count = 0;
  for (const Conversation& conversation : trajectory.conversations) {
    const bool answer = conversation.kind == ConversationKind::kAnswer;
    if (!answer && recipe.advantage.credit == Credit::kAnswer) continue;
    ++count;
    sum += overlong_penalty(conversation.response.generated_tokens,
                            answer ? recipe.reading.output_tokens : update_tokens,
                            recipe.overlong_tokens);
  }
  return count > 0 ? sum / count : 0;
}

std::uint64_t hash_of(const Prompt& prompt) {
  Hash64 hash;
  hash.update({reinterpret_cast<const char*>(prompt.tokens.data()),
               prompt.tokens.size() * sizeof(TokenId)});
  return hash.value();
}

}  // namespace

std::vector<std::vector<double>> credited(const Group& group, const RlRecipe& recipe,
                                          std::int32_t update_tokens) {
  std::vector<ScoredTrajectory> scored;
  for (const RolledOut& rolled : group.trajectories) {
    const Trajectory& trajectory = rolled.trajectory;
    ScoredTrajectory& one = scored.emplace_back();
    one.reward = rolled.reward + penalty(trajectory, recipe, update_tokens);
    const std::vector<double> own =
        step_rewards(group.row, trajectory, rolled.reward, recipe.step_reward);
    for (std::size_t c = 0; c < own.size(); ++c) {
      const Conversation& said = trajectory.conversations[c];
      const bool answer = said.kind == ConversationKind::kAnswer;
      one.conversations.push_back({{answer ? 0 : said.pass, said.section_index},
                                   own[c],
                                   recipe.advantage.same_prompt ? hash_of(said.prompt) : 0});
    }
  }
  return conversation_advantages(scored, recipe.advantage);
}

}  // namespace memagent
