#include "train/training_batch.h"

namespace memagent {

std::int64_t num_tokens(const Lesson& lesson) {
  std::int64_t tokens = std::ssize(lesson.prefix);
  for (const Reply& reply : lesson.replies) {
    tokens += std::ssize(reply.prompt) + std::ssize(reply.response);
  }
  return tokens;
}

void TrainingBatch::add(const Lesson& lesson, double section_weight) {
  std::int64_t root = -1;
  if (!lesson.prefix.empty()) {
    root = packed.add(lesson.prefix);
    if (section_weight > 0) packed.learn(root, 1, std::ssize(lesson.prefix));
    weights.resize(packed.rows.size(), static_cast<float>(section_weight));
  }
  std::vector<TokenId> tokens;
  for (const Reply& reply : lesson.replies) {
    tokens = reply.prompt;
    tokens.insert(tokens.end(), reply.response.begin(), reply.response.end());
    const std::int64_t segment = packed.add(tokens, root);
    const std::int64_t begin = std::ssize(packed.rows);
    packed.learn(segment, std::ssize(reply.prompt), std::ssize(tokens));
    replies.push_back({lesson.task, reply.kind, begin, std::ssize(packed.rows)});
    weights.resize(packed.rows.size(), 1.0F);
  }
}

}  // namespace memagent
