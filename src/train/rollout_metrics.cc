#include "train/rollout_metrics.h"

#include <algorithm>
#include <bit>

#include "train/advantage.h"

namespace memagent {

void RolloutMetrics::add(const Group& group) {
  ++groups;
  if (teaches(group.rewards())) ++taught;
  const auto tokens = static_cast<std::uint64_t>(std::max<std::int64_t>(1, group.row.tokens));
  Mean& of_length = lengths[static_cast<std::int64_t>(std::bit_floor(tokens))];
  Mean& of_task = tasks[group.row.task];
  double most = 0;
  for (const RolledOut& rolled : group.trajectories) {
    if (rolled.failed) ++failed;
    reward.add(rolled.reward);
    of_length.add(rolled.reward);
    of_task.add(rolled.reward);
    most = std::max(most, rolled.reward);
    stopped_early.add(rolled.stopped_early ? 1 : 0);
    const auto updates = static_cast<double>(rolled.updates);
    const auto conversations = static_cast<double>(rolled.trajectory.conversations.size());
    kept.add(updates - static_cast<double>(rolled.memory_changes), updates);
    malformed.add(static_cast<double>(rolled.malformed), updates);
    truncated.add(static_cast<double>(rolled.truncated), conversations);
    reply_tokens.add(static_cast<double>(rolled.generated_tokens), conversations);
    for (const Conversation& conversation : rolled.trajectory.conversations) {
      if (conversation.kind == ConversationKind::kUpdate) {
        memory_tokens.add(static_cast<double>(conversation.memory.tokens.size()));
      }
      for (const float logprob : conversation.response.logprobs) {
        entropy.add(-static_cast<double>(logprob));
      }
    }
  }
  best.add(most);
}

}  // namespace memagent
