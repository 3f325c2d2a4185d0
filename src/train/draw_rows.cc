#include "train/draw_rows.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "base/random.h"

namespace memagent {
namespace {

// Numbers in double at a time: three tensors of 128 MB.
constexpr std::int64_t kChunkNumbers = 16 << 20;

bool is_filtered(const Sampling& sampling) {
  return sampling.temperature > 0 &&
         (sampling.top_k > 0 || sampling.top_p < 1.0F || sampling.min_p > 0.0F);
}

[[noreturn]] void fail_not_numbers() {
  fail(ErrorKind::kModel,
       "rollouts: the network's scores are not numbers: lower the learning rate");
}

std::vector<SampledToken> draw_rows_here(const torch::Tensor& logits,
                                         std::span<const RowDraw> draws) {
  const torch::Tensor rows = logits.contiguous();
  const auto vocab = static_cast<std::size_t>(rows.size(1));
  std::vector<SampledToken> drawn(draws.size());
  at::parallel_for(0, std::ssize(draws), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const RowDraw& draw = draws[static_cast<std::size_t>(row)];
      const float* begin = rows.data_ptr<float>() + static_cast<std::size_t>(row) * vocab;
      drawn[static_cast<std::size_t>(row)] =
          sample(best_kernels(), {begin, vocab}, *draw.sampling, draw.position, draw.logprob);
    }
  });
  for (const SampledToken& one : drawn) {
    if (one.token == kNoToken) fail_not_numbers();
  }
  return drawn;
}

}  // namespace

std::vector<SampledToken> draw_rows_in_place(const torch::Tensor& logits,
                                             std::span<const RowDraw> draws) {
  const torch::NoGradGuard no_gradients;
  const auto doubles = torch::TensorOptions(torch::kDouble);
  std::vector<SampledToken> drawn;
  const std::int64_t vocab = logits.size(1);
  const std::int64_t chunk = std::max<std::int64_t>(1, kChunkNumbers / vocab);
  for (std::int64_t begin = 0; begin < logits.size(0); begin += chunk) {
    const std::int64_t end = std::min(begin + chunk, logits.size(0));
    std::vector<double> temperatures;
    std::vector<double> randoms;  // below 0: greedy
    for (std::int64_t row = begin; row < end; ++row) {
      const RowDraw& draw = draws[static_cast<std::size_t>(row)];
      const bool greedy = draw.sampling->temperature <= 0;
      temperatures.push_back(greedy ? 1.0 : static_cast<double>(draw.sampling->temperature));
      randoms.push_back(
          greedy ? -1.0 : uniform(draw.sampling->seed, static_cast<std::uint64_t>(draw.position)));
    }
    const torch::Tensor rows = logits.slice(0, begin, end);
    const torch::Tensor temperature =
        torch::tensor(temperatures, doubles).unsqueeze(1).to(logits.device());
    const torch::Tensor random = torch::tensor(randoms, doubles).unsqueeze(1).to(logits.device());
    const torch::Tensor best = rows.argmax(1, true);
    // ln of weights, of which the largest is 1.
    const torch::Tensor scaled = (rows - rows.gather(1, best)).to(torch::kDouble) / temperature;
    const torch::Tensor sums = scaled.exp().cumsum(1);
    const torch::Tensor total = sums.slice(1, vocab - 1);
    // The first whose sum is more than the share that was drawn; rounding may leave none.
    const torch::Tensor place =
        torch::searchsorted(sums, random * total, /*out_int32=*/false, /*right=*/true);
    const torch::Tensor token = torch::where((random < 0) | (place >= vocab), best, place);
    const torch::Tensor logprob = scaled.gather(1, token) - total.log();
    const torch::Tensor outcome =
        torch::cat({token.to(torch::kDouble), logprob}, 1).to(torch::kCPU).contiguous();
    const double* data = outcome.data_ptr<double>();
    for (std::int64_t row = 0; row < end - begin; ++row) {
      if (std::isnan(data[2 * row + 1])) fail_not_numbers();
      const bool wanted = draws[static_cast<std::size_t>(begin + row)].logprob;
      drawn.push_back({static_cast<TokenId>(data[2 * row]),
                       wanted ? static_cast<float>(data[2 * row + 1]) : 0.0F});
    }
  }
  return drawn;
}

std::vector<SampledToken> draw_rows(const torch::Tensor& logits, std::span<const RowDraw> draws) {
  if (logits.is_cpu()) return draw_rows_here(logits, draws);
  std::vector<SampledToken> drawn(draws.size());
  for (const bool filtered : {false, true}) {
    std::vector<std::int64_t> rows;
    std::vector<RowDraw> chosen;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      if (is_filtered(*draws[i].sampling) != filtered) continue;
      rows.push_back(static_cast<std::int64_t>(i));
      chosen.push_back(draws[i]);
    }
    if (rows.empty()) continue;
    const torch::Tensor of_rows =
        logits.index_select(0, torch::tensor(rows, torch::kInt64).to(logits.device()));
    const std::vector<SampledToken> some = filtered
                                               ? draw_rows_here(of_rows.to(torch::kCPU), chosen)
                                               : draw_rows_in_place(of_rows, chosen);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      drawn[static_cast<std::size_t>(rows[i])] = some[i];
    }
  }
  return drawn;
}

}  // namespace memagent
