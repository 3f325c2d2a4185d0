// The CPU's one-pass operations against torch's own, forwards and backwards, in float64 where torch
// computes; and the gradients of what is composed here against finite differences.
#include "train/fused_ops.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <functional>

#include "train/blocked_attention.h"
#include "train/packed_attention.h"
#include "train/row_ops.h"
#include "train/token_logprobs.h"

namespace memagent {
namespace {

using Function = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

double largest(const torch::Tensor& tensor) { return tensor.abs().max().item<double>(); }

// Float results and gradients of `fast` against double ones of `slow` on the same numbers. An
// element may be off by `units` float roundings of the largest element: sums of n terms in any
// order are within about sqrt(n) of them.
void expect_same(const Function& fast, const Function& slow, std::vector<torch::Tensor> inputs,
                 double units) {
  std::vector<torch::Tensor> exact;
  for (torch::Tensor& input : inputs) {
    exact.push_back(input.to(torch::kDouble).detach().requires_grad_());
    input = input.detach().requires_grad_();
  }
  const torch::Tensor y = fast(inputs);
  const torch::Tensor want = slow(exact);
  ASSERT_EQ(y.sizes(), want.sizes());
  const double rounding = units * 6e-8;
  EXPECT_LE(largest(y.to(torch::kDouble) - want), rounding * (largest(want) + 1e-3)) << "result";
  const torch::Tensor weights = torch::randn_like(want);
  (y * weights.to(torch::kFloat)).sum().backward();
  (want * weights).sum().backward();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const torch::Tensor d = exact[i].grad();
    EXPECT_LE(largest(inputs[i].grad().to(torch::kDouble) - d), rounding * (largest(d) + 1e-3))
        << "gradient of input " << i;
  }
}

// Widths around the vectors of 4, 8 and 16 floats.
constexpr std::int64_t kWidths[] = {2, 6, 8, 14, 16, 18, 30, 32, 34, 64, 66, 256};

TEST(FusedOps, RmsNorm) {
  torch::manual_seed(1);
  for (const std::int64_t dim : kWidths) {
    for (const std::int64_t rows : {1, 7, 600}) {
      SCOPED_TRACE(testing::Message() << rows << " rows of " << dim);
      const auto of = [](bool fused) -> Function {
        return [fused](const std::vector<torch::Tensor>& x) {
          return fused ? rms_norm(x[0], x[1], 1e-6) : composed::rms_norm(x[0], x[1], 1e-6);
        };
      };
      expect_same(of(true), of(false), {torch::randn({rows, dim}), torch::randn({dim})},
                  64 + std::sqrt(static_cast<double>(rows)) * 16);  // sums over rows cancel
    }
  }
}

TEST(FusedOps, SwiGlu) {
  torch::manual_seed(2);
  for (const std::int64_t dim : kWidths) {
    SCOPED_TRACE(dim);
    expect_same([](const auto& x) { return swiglu(x[0]); },
                [](const auto& x) { return composed::swiglu(x[0]); },
                {8.0 * torch::randn({5, 2 * dim})}, 16);
  }
  // Far out: silu is the identity, or zero, and nothing overflows.
  const torch::Tensor far = torch::tensor({{200.0F, -200.0F, 1.0F, 1.0F}});
  const torch::Tensor y = swiglu(far);
  EXPECT_EQ(y[0][0].item<float>(), 200.0F);
  EXPECT_NEAR(y[0][1].item<float>(), 0.0F, 1e-30);
}

TEST(FusedOps, Rotary) {
  torch::manual_seed(3);
  for (const bool adjacent : {false, true}) {
    for (const std::int64_t dim : kWidths) {
      SCOPED_TRACE(dim);
      const torch::Tensor angles = 100.0 * torch::rand({9, dim / 2}, torch::kDouble);
      const auto turn = [&](const std::vector<torch::Tensor>& x) {
        const auto type = x[0].scalar_type();
        const torch::Tensor c = angles.cos().to(type);
        const torch::Tensor s = angles.sin().to(type);
        return type == torch::kFloat ? rotary(x[0], c, s, adjacent)
                                     : composed::rotary(x[0], c, s, adjacent);
      };
      expect_same(turn, turn, {torch::randn({9, 3, dim})}, 16);
    }
  }
}

// Roots of one and of many blocks of queries, with and without children, children of one token.
const std::vector<Segment> kSegments = {{0, 1, -1},    {1, 70, -1},    {70, 71, 1},
                                        {71, 140, 1},  {140, 268, -1}, {268, 268 + 65, 4},
                                        {333, 397, -1}};

TEST(PackedAttention, LikeTheDefinition) {
  torch::manual_seed(4);
  for (const auto& [heads, kv_heads, dim] :
       {std::tuple{4, 2, 16}, std::tuple{2, 2, 34}, std::tuple{3, 1, 64}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads over " << kv_heads << " of " << dim);
    expect_same([](const auto& x) { return packed_attention(x[0], x[1], x[2], kSegments); },
                [](const auto& x) { return composed_attention(x[0], x[1], x[2], kSegments); },
                {torch::randn({397, heads, dim}), torch::randn({397, kv_heads, dim}),
                 torch::randn({397, kv_heads, dim})},
                128);
  }
}

TEST(BlockedAttention, LikeTheDefinition) {
  torch::manual_seed(7);
  for (const std::int64_t block : {1, 7, 69, 512}) {
    SCOPED_TRACE(block);
    expect_same(
        [&](const auto& x) { return blocked_attention(x[0], x[1], x[2], kSegments, block); },
        [](const auto& x) { return composed_attention(x[0], x[1], x[2], kSegments); },
        {torch::randn({397, 4, 16}), torch::randn({397, 2, 16}), torch::randn({397, 2, 16})}, 128);
  }
}

TEST(PackedAttention, HeadsThatAreSlicesOfAWiderMatrix) {
  torch::manual_seed(5);
  const auto attention = [](const std::vector<torch::Tensor>& x) {
    const torch::Tensor q = x[0].slice(1, 0, 32).view({-1, 2, 16});
    const torch::Tensor k = x[0].slice(1, 32, 48).view({-1, 1, 16});
    const torch::Tensor v = x[0].slice(1, 48, 64).view({-1, 1, 16});
    return x[0].scalar_type() == torch::kFloat ? packed_attention(q, k, v, kSegments)
                                               : composed_attention(q, k, v, kSegments);
  };
  expect_same(attention, attention, {torch::randn({397, 64})}, 128);
}

TEST(PackedAttention, SegmentsSeeTheirParentAndThemselvesOnly) {
  torch::manual_seed(6);
  torch::Tensor k = torch::randn({397, 1, 8});
  const torch::Tensor q = torch::randn({397, 1, 8});
  const torch::Tensor v = torch::randn({397, 1, 8});
  const torch::Tensor before = packed_attention(q, k, v, kSegments);
  k[100] += 5.0;  // in segment 3, a child of segment 1
  const torch::Tensor changed =
      (packed_attention(q, k, v, kSegments) != before).any(-1).any(-1).to(torch::kInt64);
  EXPECT_EQ(changed.slice(0, 0, 100).sum().item<int>(), 0);
  EXPECT_EQ(changed.slice(0, 140).sum().item<int>(), 0);
  EXPECT_EQ(changed.slice(0, 100, 140).sum().item<int>(), 40);
  k[100] -= 5.0;
  k[50] += 5.0;  // in segment 1: its own later tokens and its children's
  const torch::Tensor child =
      (packed_attention(q, k, v, kSegments) != before).any(-1).any(-1).to(torch::kInt64);
  EXPECT_EQ(child.sum().item<int>(), child.slice(0, 50, 140).sum().item<int>());
  EXPECT_EQ(child.slice(0, 70, 140).sum().item<int>(), 70);
}

TEST(TokenLogprobs, LikeLogSoftmax) {
  torch::manual_seed(7);
  for (const std::int64_t vocab : {3, 17, 512}) {
    for (const double temperature : {1.0, 0.7}) {
      SCOPED_TRACE(testing::Message() << vocab << " tokens, temperature " << temperature);
      const torch::Tensor targets = torch::randint(vocab, {90});
      const auto function = [&](bool fused, bool with_entropy) -> Function {
        return [=](const std::vector<torch::Tensor>& x) {
          if (fused) {
            const TokenLogprobs got =
                token_logprobs(x[0], x[1], targets, with_entropy, temperature);
            return with_entropy ? torch::stack({got.logprobs, got.entropy}) : got.logprobs;
          }
          const torch::Tensor all = torch::log_softmax(torch::mm(x[0], x[1].t()) / temperature, 1);
          const torch::Tensor logprobs = all.gather(1, targets.unsqueeze(1)).squeeze(1);
          if (!with_entropy) return logprobs;
          return torch::stack({logprobs, -(all.exp() * all).sum(1)});
        };
      };
      for (const bool with_entropy : {false, true}) {
        expect_same(function(true, with_entropy), function(false, with_entropy),
                    {torch::randn({90, 24}), 0.5 * torch::randn({vocab, 24})}, 128);
      }
    }
  }
}

// In bfloat16 the output matrix's gradient is a sum over chunks of rows (256 of them here), which
// has to be one of float32's: 12 chunks of less than 2^-9 each of what is there already would be
// lost one by one, and 2.1% with them. Rows are alike, so that one with all their weight is the
// reference, in float32. Hidden values are 1, so that logits are the weights, exactly: what is left
// are two roundings of 2^-8 at most, of the logits' gradients and of the whole.
TEST(TokenLogprobs, SmallChunksAddUpInBFloat16) {
  torch::manual_seed(8);
  constexpr std::int64_t kVocab = 8192;
  const auto gradient = [](const torch::Tensor& weight, const torch::Tensor& of_rows) {
    const std::int64_t rows = of_rows.size(0);
    const torch::Tensor leaf = weight.detach().requires_grad_();
    const torch::Tensor hidden = torch::ones({rows, 1}, leaf.scalar_type());
    const torch::Tensor targets = torch::full({rows}, 5, torch::kInt64);
    (token_logprobs(hidden, leaf, targets).logprobs * of_rows).sum().backward();
    return leaf.grad().to(torch::kDouble);
  };
  const torch::Tensor weight = torch::randn({kVocab, 1}).to(torch::kBFloat16);
  // Of each chunk the first row has weight, and of all rows the first nearly all.
  torch::Tensor of_rows = torch::zeros({13, 256});
  of_rows.select(1, 0).fill_(0.9 / 512);
  of_rows[0][0] = 1.0F;
  const torch::Tensor got = gradient(weight, of_rows.flatten());
  const torch::Tensor want = gradient(weight.to(torch::kFloat), of_rows.sum().view({1}));
  EXPECT_LE(largest(got / want - 1), 2.0 / 256);
}

// arXiv 1711.05101 by hand. Step 1 with g = 2, w = 1, rate 0.1, decay 0.5, betas 0.9 and 0.95:
// m = 0.1 * 2 = 0.2, v = 0.05 * 4 = 0.2; corrected m = 0.2 / 0.1 = 2, v = 0.2 / 0.05 = 4;
// w = 1 - 0.1 (2 / sqrt(4) + 0.5 * 1) = 1 - 0.15 = 0.85.
TEST(AdamW, ByHand) {
  for (const std::int64_t size : {1, 3, 8, 33}) {
    const auto count = static_cast<std::size_t>(size);
    std::vector<float> g(count, 4.0F);  // halved by gradient_scale
    std::vector<float> w(count, 1.0F);
    std::vector<float> m(count, 0.0F);
    std::vector<float> v(count, 0.0F);
    AdamWStep step;
    step.rate = 0.1F;
    step.decay = 0.5F;
    step.epsilon = 0;
    step.correction1 = 1.0F - 0.9F;
    step.correction2 = 1.0F - 0.95F;
    step.gradient_scale = 0.5F;
    row_ops().adamw(step, g.data(), size, w.data(), m.data(), v.data());
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(m[i], 0.2F, 1e-6);
      EXPECT_NEAR(v[i], 0.2F, 1e-6);
      EXPECT_NEAR(w[i], 0.85F, 1e-6);
    }
  }
}

}  // namespace
}  // namespace memagent
