#include "train/rollout_metrics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using Json = nlohmann::json;

// What is not by task or length, in one order for all.
constexpr std::array kMeans = {
    &RolloutMetrics::reward,       &RolloutMetrics::best,          &RolloutMetrics::kept,
    &RolloutMetrics::malformed,    &RolloutMetrics::stopped_early, &RolloutMetrics::truncated,
    &RolloutMetrics::reply_tokens, &RolloutMetrics::memory_tokens, &RolloutMetrics::entropy};
constexpr std::array kCounts = {&RolloutMetrics::groups, &RolloutMetrics::taught,
                                &RolloutMetrics::failed};

Json pair_of(const Mean& mean) { return {mean.sum, mean.count}; }
Mean mean_of(const Json& json) { return {json.at(0).get<double>(), json.at(1).get<double>()}; }

}  // namespace

void RolloutMetrics::add(const Group& group, bool teaches) {
  ++groups;
  if (teaches) ++taught;
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

void RolloutMetrics::add(const RolloutMetrics& other) {
  for (const auto count : kCounts) this->*count += other.*count;
  for (const auto mean : kMeans) (this->*mean).add((other.*mean).sum, (other.*mean).count);
  for (const auto& [task, mean] : other.tasks) tasks[task].add(mean.sum, mean.count);
  for (const auto& [length, mean] : other.lengths) lengths[length].add(mean.sum, mean.count);
}

std::string to_json(const RolloutMetrics& metrics) {
  Json json;
  for (const auto count : kCounts) json["counts"].push_back(metrics.*count);
  for (const auto mean : kMeans) json["means"].push_back(pair_of(metrics.*mean));
  json["tasks"] = Json::array();
  json["lengths"] = Json::array();
  for (const auto& [task, mean] : metrics.tasks) json["tasks"].push_back({task, pair_of(mean)});
  for (const auto& [length, mean] : metrics.lengths) {
    json["lengths"].push_back({length, pair_of(mean)});
  }
  return json.dump();
}

RolloutMetrics parse_rollout_metrics(const std::string& text) {
  const Json json = Json::parse(text);
  RolloutMetrics metrics;
  for (std::size_t i = 0; i < kCounts.size(); ++i) {
    metrics.*kCounts[i] = json.at("counts").at(i).get<std::int64_t>();
  }
  for (std::size_t i = 0; i < kMeans.size(); ++i) {
    metrics.*kMeans[i] = mean_of(json.at("means").at(i));
  }
  for (const Json& task : json.at("tasks")) {
    metrics.tasks[task.at(0).get<std::string>()] = mean_of(task.at(1));
  }
  for (const Json& length : json.at("lengths")) {
    metrics.lengths[length.at(0).get<std::int64_t>()] = mean_of(length.at(1));
  }
  return metrics;
}

}  // namespace memagent
