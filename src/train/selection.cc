#include "train/selection.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "train/sure.h"
#include "train/training_batch.h"

namespace memagent {
namespace {

struct Place {
  std::size_t lesson = 0;
  std::size_t reply = 0;
};

struct Verdict {
  bool right = false;
  bool sure = false;
};

GenerationRequest request_for(const Lesson& lesson, const Reply& reply) {
  GenerationRequest request;
  request.prompt.tokens = lesson.prefix;
  request.prompt.tokens.insert(request.prompt.tokens.end(), reply.prompt.begin(),
                               reply.prompt.end());
  request.max_tokens = static_cast<std::int32_t>(reply.response.size());
  request.shared_prefix_tokens = static_cast<std::int32_t>(lesson.prefix.size());
  request.logprobs = true;
  return request;
}

// `reply.response` ends with the end token, which results leave out.
Verdict verdict(const Reply& reply, const GenerationResult& result, double sure) {
  const bool right = result.stop == StopReason::kEnd &&
                     result.tokens.size() + 1 == reply.response.size() &&
                     std::equal(result.tokens.begin(), result.tokens.end(), reply.response.begin());
  return {right, right && is_sure(result, sure)};
}

std::vector<std::vector<Verdict>> ask(const std::vector<Lesson>& lessons, LanguageModel& model,
                                      double sure) {
  std::vector<std::vector<Verdict>> verdicts;
  std::map<RequestId, Place> asked;
  for (std::size_t i = 0; i < lessons.size(); ++i) {
    verdicts.emplace_back(lessons[i].replies.size());
    for (std::size_t j = 0; j < lessons[i].replies.size(); ++j) {
      const Reply& reply = lessons[i].replies[j];
      if (reply.kind == ReplyKind::kText) continue;
      asked.emplace(model.submit(request_for(lessons[i], reply)), Place{i, j});
    }
  }
  std::vector<GenerationResult> results;
  while (!asked.empty()) {
    results.clear();
    model.wait(results, std::chrono::milliseconds(1000));
    for (const GenerationResult& result : results) {
      if (result.stop == StopReason::kFailed) {
        fail(ErrorKind::kModel, "a reply to select from: {}", result.error);
      }
      const auto at = asked.find(result.id);
      MEMAGENT_CHECK(at != asked.end(), "result {} was not asked for", result.id);
      const Place place = at->second;
      asked.erase(at);
      verdicts[place.lesson][place.reply] =
          verdict(lessons[place.lesson].replies[place.reply], result, sure);
    }
  }
  return verdicts;
}

std::vector<std::vector<Verdict>> ask(const std::vector<Lesson>& lessons,
                                      const PolicyNetwork& network, double sure) {
  const torch::NoGradGuard no_gradients;
  std::vector<std::vector<Verdict>> verdicts;
  std::vector<Place> places;
  TrainingBatch batch;
  for (std::size_t i = 0; i < lessons.size(); ++i) {
    verdicts.emplace_back(lessons[i].replies.size());
    // A text is the only reply of its lesson.
    if (lessons[i].replies.empty() || lessons[i].replies[0].kind == ReplyKind::kText) continue;
    batch.add(lessons[i], 0);
    for (std::size_t j = 0; j < lessons[i].replies.size(); ++j) places.push_back({i, j});
  }
  if (places.empty()) return verdicts;
  const torch::Tensor logprobs =
      network.logprobs(batch.packed).logprobs.to(torch::kCPU, torch::kFloat);
  const float* values = logprobs.data_ptr<float>();
  const auto least_sure = static_cast<float>(std::log(sure));
  const float half = std::log(0.5F);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const TrainingBatch::PackedReply& reply = batch.replies[i];
    const float least = *std::min_element(values + reply.begin, values + reply.end);
    verdicts[places[i].lesson][places[i].reply] = {least > half,
                                                   least > std::max(half, least_sure)};
  }
  return verdicts;
}

std::vector<Lesson> kept(std::vector<Lesson> lessons,
                         const std::vector<std::vector<Verdict>>& verdicts,
                         const SelectionOptions& options, RandomStream& random,
                         std::vector<SelectionCounts>& counts) {
  std::vector<Lesson> selected;
  for (std::size_t i = 0; i < lessons.size(); ++i) {
    Lesson& lesson = lessons[i];
    std::vector<Reply> kept;
    for (std::size_t j = 0; j < lesson.replies.size(); ++j) {
      Reply& reply = lesson.replies[j];
      if (reply.kind != ReplyKind::kText) {
        const auto kind = static_cast<std::size_t>(reply.kind);
        counts[lesson.task].asked[kind] += 1;
        counts[lesson.task].right[kind] += verdicts[i][j].right ? 1 : 0;
        // Drawn for every reply, so that a draw does not depend on verdicts before it.
        const double draw = random.uniform();
        if (verdicts[i][j].sure && draw >= options.keep_sure) continue;
      }
      kept.push_back(std::move(reply));
    }
    if (kept.empty()) continue;
    lesson.replies = std::move(kept);
    selected.push_back(std::move(lesson));
  }
  return selected;
}

}  // namespace

std::vector<Lesson> select_lessons(std::vector<Lesson> lessons, LanguageModel& model,
                                   const SelectionOptions& options, RandomStream& random,
                                   std::vector<SelectionCounts>& counts) {
  const std::vector<std::vector<Verdict>> verdicts = ask(lessons, model, options.sure);
  return kept(std::move(lessons), verdicts, options, random, counts);
}

std::vector<Lesson> select_lessons(std::vector<Lesson> lessons, const PolicyNetwork& network,
                                   const SelectionOptions& options, RandomStream& random,
                                   std::vector<SelectionCounts>& counts) {
  const std::vector<std::vector<Verdict>> verdicts = ask(lessons, network, options.sure);
  return kept(std::move(lessons), verdicts, options, random, counts);
}

}  // namespace memagent
