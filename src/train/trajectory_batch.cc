#include "train/trajectory_batch.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/check.h"
#include "train/sure.h"

namespace memagent {
namespace {

// A shorter beginning is not worth a segment of its own.
constexpr std::size_t kLeastShared = 16;

struct Member {
  const Conversation* conversation;
  double advantage;
};

std::vector<TokenId> sampled_tokens(const GenerationResult& response) {
  std::vector<TokenId> sampled = response.tokens;
  if (response.end_token >= 0) sampled.push_back(response.end_token);
  return sampled;
}

// Advantages are differences from a mean: their sum is zero but for rounding.
constexpr double kNothing = 1e-9;

// One for all that are the same, with the sum of their advantages; without those that come to
// nothing.
std::vector<Member> merged(const std::vector<Member>& members) {
  std::vector<Member> different;
  for (const Member& member : members) {
    const auto same = [&](const Member& other) {
      return other.conversation->prompt.tokens == member.conversation->prompt.tokens &&
             other.conversation->response.tokens == member.conversation->response.tokens &&
             other.conversation->response.end_token == member.conversation->response.end_token;
    };
    const auto found = std::find_if(different.begin(), different.end(), same);
    if (found == different.end()) {
      different.push_back(member);
    } else {
      found->advantage += member.advantage;
    }
  }
  std::erase_if(different,
                [](const Member& member) { return std::abs(member.advantage) < kNothing; });
  return different;
}

std::size_t shared_beginning(const std::vector<Member>& members) {
  if (members.size() < 2) return 0;
  const std::vector<TokenId>& first = members.front().conversation->prompt.tokens;
  std::size_t shared = first.size();
  for (const Member& member : members) {
    const std::vector<TokenId>& tokens = member.conversation->prompt.tokens;
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(std::min(shared, tokens.size()));
    const auto differ = std::mismatch(first.begin(), end, tokens.begin()).first;
    shared = static_cast<std::size_t>(differ - first.begin());
  }
  return shared < kLeastShared ? 0 : shared;
}

// Of a conversation without the beginning that it shares.
std::int64_t own_tokens(const Conversation& conversation, std::int64_t shared) {
  return std::ssize(conversation.prompt.tokens) - shared +
         std::ssize(conversation.response.logprobs);
}

// Whether the last batch has been closed for a new one, since so many tokens were too much for it.
bool closed_for(std::int64_t tokens, std::int64_t batch_tokens, std::vector<PolicyBatch>& batches) {
  const std::int64_t there = batches.back().packed.num_tokens();
  if (there == 0 || there + tokens <= batch_tokens) return false;
  batches.emplace_back();
  return true;
}

}  // namespace

void pack_group(const Group& group, std::span<const std::vector<double>> advantages,
                const PackOptions& options, std::vector<PolicyBatch>& batches) {
  MEMAGENT_CHECK(advantages.size() == group.trajectories.size(), "{} advantages, {} trajectories",
                 advantages.size(), group.trajectories.size());
  // By pass and section; answers, whose section is -1, come first.
  std::map<std::pair<std::int32_t, std::int64_t>, std::vector<Member>> alike;
  for (std::size_t i = 0; i < group.trajectories.size(); ++i) {
    const auto& conversations = group.trajectories[i].trajectory.conversations;
    MEMAGENT_CHECK(advantages[i].size() == conversations.size(), "{} advantages, {} conversations",
                   advantages[i].size(), conversations.size());
    for (std::size_t c = 0; c < conversations.size(); ++c) {
      const Conversation& conversation = conversations[c];
      const bool answer = conversation.kind == ConversationKind::kAnswer;
      if (conversation.response.stop == StopReason::kFailed) continue;
      if (conversation.response.logprobs.empty() || (options.answer_only && !answer)) continue;
      alike[{conversation.pass, conversation.section_index}].push_back(
          {&conversation, advantages[i][c]});
    }
  }
  if (batches.empty()) batches.emplace_back();
  for (const auto& [place, all] : alike) {
    for (const Member& member : all) {
      batches.back().sampled_tokens += std::ssize(member.conversation->response.logprobs);
    }
    std::vector<Member> members = options.merge_equal ? merged(all) : all;
    if (options.sure > 0) {
      std::erase_if(members, [&](const Member& member) {
        return is_sure(member.conversation->response, options.sure);
      });
    }
    if (members.empty()) continue;
    const auto shared = static_cast<std::ptrdiff_t>(shared_beginning(members));
    std::int64_t all_tokens = shared;
    for (const Member& member : members) all_tokens += own_tokens(*member.conversation, shared);
    closed_for(all_tokens, options.batch_tokens, batches);
    std::int64_t root = -1;  // in the last batch
    for (const auto& [conversation, advantage] : members) {
      const std::vector<TokenId>& prompt = conversation->prompt.tokens;
      const GenerationResult& response = conversation->response;
      std::vector<TokenId> tokens(prompt.begin() + shared, prompt.end());
      const std::int64_t first = std::ssize(tokens);
      const std::vector<TokenId> sampled = sampled_tokens(response);
      MEMAGENT_CHECK(sampled.size() == response.logprobs.size(),
                     "{} tokens sampled, {} log-probabilities", sampled.size(),
                     response.logprobs.size());
      tokens.insert(tokens.end(), sampled.begin(), sampled.end());
      if (closed_for(std::ssize(tokens), options.batch_tokens, batches)) root = -1;
      PolicyBatch& batch = batches.back();
      if (shared > 0 && root < 0) {
        root = batch.packed.add({prompt.data(), static_cast<std::size_t>(shared)});
      }
      batch.packed.learn(batch.packed.add(tokens, root), first, std::ssize(tokens));
      batch.rollout.insert(batch.rollout.end(), response.logprobs.begin(), response.logprobs.end());
      batch.advantages.resize(batch.packed.rows.size(), static_cast<float>(advantage));
    }
  }
}

}  // namespace memagent
