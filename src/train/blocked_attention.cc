#include "train/blocked_attention.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace memagent {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::ScalarType type_of_sums(const torch::Tensor& operand) {
  return operand.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
}

// Queries [begin, end) of the batch, the keys of their own segment up to their own, and the
// parent's before these.
struct Block {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t own;  // the segment's first token
  std::int64_t parent_begin;
  std::int64_t parent_end;  // as parent_begin: none
};

std::vector<Block> blocks_of(const torch::Tensor& table, std::int64_t size) {
  std::vector<Block> blocks;
  const auto rows = table.accessor<std::int64_t, 2>();
  for (std::int64_t i = 0; i < table.size(0); ++i) {
    const std::int64_t parent = rows[i][2];
    for (std::int64_t begin = rows[i][0]; begin < rows[i][1]; begin += size) {
      blocks.push_back({begin, std::min(begin + size, rows[i][1]), rows[i][0],
                        parent < 0 ? 0 : rows[parent][0], parent < 0 ? 0 : rows[parent][1]});
    }
  }
  return blocks;
}

// What a block sees of k or v [tokens, kv_heads, head_dim]: [kv_heads, seen, head_dim].
torch::Tensor seen(const torch::Tensor& all, const Block& block) {
  const torch::Tensor own = all.slice(0, block.own, block.end);
  if (block.parent_end == block.parent_begin) return own.transpose(0, 1);
  return torch::cat({all.slice(0, block.parent_begin, block.parent_end), own}).transpose(0, 1);
}

// Of q or out [tokens, heads, head_dim] a block's rows, heads of one key head together:
// [kv_heads, group * rows, head_dim].
torch::Tensor rows_of(const torch::Tensor& all, const Block& block, std::int64_t kv_heads) {
  const std::int64_t rows = block.end - block.begin;
  return all.slice(0, block.begin, block.end)
      .reshape({rows, kv_heads, -1, all.size(2)})
      .permute({1, 2, 0, 3})
      .reshape({kv_heads, -1, all.size(2)});
}

// And back: [rows, heads, head_dim].
torch::Tensor as_tokens(const torch::Tensor& rows, std::int64_t count) {
  const std::int64_t kv_heads = rows.size(0);
  const std::int64_t dim = rows.size(2);
  return rows.reshape({kv_heads, -1, count, dim}).permute({2, 0, 1, 3}).reshape({count, -1, dim});
}

// Scaled and masked, in the type of sums: [kv_heads, group * rows, seen].
torch::Tensor scores_of(const torch::Tensor& queries, const torch::Tensor& keys,
                        const Block& block) {
  const std::int64_t rows = block.end - block.begin;
  const std::int64_t count = keys.size(1);
  torch::Tensor scores = torch::bmm(queries, keys.transpose(1, 2)).to(type_of_sums(queries));
  scores.mul_(1.0 / std::sqrt(static_cast<double>(queries.size(2))));
  const torch::Tensor later =
      torch::ones({rows, count}, scores.options().dtype(torch::kBool)).triu(count - rows + 1);
  scores.view({queries.size(0), -1, rows, count})
      .masked_fill_(later, -std::numeric_limits<double>::infinity());
  return scores;
}

class BlockedAttention : public torch::autograd::Function<BlockedAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& q,
                               const torch::Tensor& k, const torch::Tensor& v,
                               const torch::Tensor& table, std::int64_t size) {
    const std::int64_t kv_heads = k.size(1);
    std::vector<torch::Tensor> outs;
    std::vector<torch::Tensor> denominators;  // their logarithms, [kv_heads, group * rows, 1] each
    for (const Block& block : blocks_of(table, size)) {
      torch::Tensor scores = scores_of(rows_of(q, block, kv_heads), seen(k, block), block);
      const torch::Tensor lse = torch::logsumexp(scores, -1, true);
      const torch::Tensor p = scores.sub_(lse).exp_().to(v.scalar_type());
      outs.push_back(as_tokens(torch::bmm(p, seen(v, block)), block.end - block.begin));
      denominators.push_back(lse.flatten());
    }
    const torch::Tensor out = torch::cat(outs);
    context->save_for_backward({q, k, v, out, torch::cat(denominators), table});
    context->saved_data["size"] = size;
    return out;
  }

  // With p the weights and L the loss: dL/dscore = p (dL/dout . v - dL/dout . out).
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& q = saved[0];
    const torch::Tensor& k = saved[1];
    const torch::Tensor& v = saved[2];
    const torch::Tensor& out = saved[3];
    const std::int64_t kv_heads = k.size(1);
    const std::int64_t group = q.size(1) / kv_heads;
    const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
    const torch::Tensor dout = gradients[0].to(q.scalar_type());
    const auto sums = k.options().dtype(type_of_sums(q));
    torch::Tensor dk = torch::zeros({k.size(0), kv_heads, k.size(2)}, sums);
    torch::Tensor dv = torch::zeros({v.size(0), kv_heads, v.size(2)}, sums);
    std::vector<torch::Tensor> dqs;
    std::int64_t done = 0;
    for (const Block& block : blocks_of(saved[5], context->saved_data["size"].toInt())) {
      const std::int64_t rows = block.end - block.begin;
      const torch::Tensor queries = rows_of(q, block, kv_heads);
      const torch::Tensor keys = seen(k, block);
      const torch::Tensor lse =
          saved[4].slice(0, done, done + kv_heads * group * rows).view({kv_heads, group * rows, 1});
      done += kv_heads * group * rows;
      const torch::Tensor p = scores_of(queries, keys, block).sub_(lse).exp_();
      const torch::Tensor d = rows_of(dout, block, kv_heads);
      const torch::Tensor dot =
          (d.to(p.scalar_type()) * rows_of(out, block, kv_heads).to(p.scalar_type())).sum(-1, true);
      const torch::Tensor dp = torch::bmm(d, seen(v, block).transpose(1, 2)).to(p.scalar_type());
      const torch::Tensor dscores = (p * (dp - dot)).mul_(scale).to(q.scalar_type());
      dqs.push_back(as_tokens(torch::bmm(dscores, keys), rows));
      add_seen(dk, torch::bmm(dscores.transpose(1, 2), queries), block);
      add_seen(dv, torch::bmm(p.to(q.scalar_type()).transpose(1, 2), d), block);
    }
    return {torch::cat(dqs), dk.to(k.scalar_type()), dv.to(v.scalar_type()), torch::Tensor(),
            torch::Tensor()};
  }

 private:
  // What seen() took, added to where it was taken from.
  static void add_seen(torch::Tensor& all, const torch::Tensor& part, const Block& block) {
    const torch::Tensor tokens = part.transpose(0, 1);
    const std::int64_t before = block.parent_end - block.parent_begin;
    if (before > 0)
      all.slice(0, block.parent_begin, block.parent_end).add_(tokens.slice(0, 0, before));
    all.slice(0, block.own, block.end).add_(tokens.slice(0, before));
  }
};

}  // namespace

torch::Tensor blocked_attention(const torch::Tensor& q, const torch::Tensor& k,
                                const torch::Tensor& v, std::span<const Segment> segments,
                                std::int64_t block) {
  std::vector<std::int64_t> table;
  for (const Segment& segment : segments) {
    table.insert(table.end(), {segment.begin, segment.end, segment.parent});
  }
  return BlockedAttention::apply(
      q, k, v, torch::tensor(table, torch::kInt64).view({std::ssize(segments), 3}), block);
}

}  // namespace memagent
