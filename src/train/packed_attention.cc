#include "train/packed_attention.h"

#include <ATen/Parallel.h>
#include <cblas.h>
#include <torch/autograd.h>

#include <cmath>
#include <vector>

#include "base/check.h"
#include "train/blocked_attention.h"
#include "train/row_ops.h"

namespace memagent {
namespace {

constexpr std::int64_t kQueryBlock = 64;

// One kind of operand: [tokens, heads, head_dim] with its row stride.
struct Rows {
  float* data;
  std::int64_t stride;  // elements between tokens
  float* at(std::int64_t token, std::int64_t head, std::int64_t head_dim) const {
    return data + token * stride + head * head_dim;
  }
};

Rows rows_of(const torch::Tensor& tensor) { return {tensor.data_ptr<float>(), tensor.stride(0)}; }

// A root and the segments that go on from it.
struct Tree {
  std::size_t first;
  std::size_t last;
};

std::vector<Tree> trees_of(std::span<const Segment> segments) {
  std::vector<Tree> trees;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].parent < 0) trees.push_back({i, i});
    trees.back().last = i + 1;
  }
  return trees;
}

std::vector<Segment> segments_of(const torch::Tensor& table) {
  std::vector<Segment> segments(static_cast<std::size_t>(table.size(0)));
  const std::int64_t* data = table.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i] = {data[3 * i], data[3 * i + 1], data[3 * i + 2]};
  }
  return segments;
}

torch::Tensor table_of(std::span<const Segment> segments) {
  const auto count = static_cast<std::int64_t>(segments.size());
  torch::Tensor table = torch::empty({count, 3}, torch::kInt64);
  std::int64_t* data = table.data_ptr<std::int64_t>();
  for (const Segment& segment : segments) {
    *data++ = segment.begin;
    *data++ = segment.end;
    *data++ = segment.parent;
  }
  return table;
}

// The keys that a block of queries sees: a parent's, then the segment's own up to the block's end.
struct Span {
  std::int64_t token;
  std::int64_t count;
  std::int64_t column;  // of the score matrix
};

// Queries [begin, end) of one segment, and what they see.
struct Block {
  std::int64_t begin;
  std::int64_t end;
  Span spans[2];
  int num_spans;
  std::int64_t columns;
  std::int64_t rows() const { return end - begin; }
  // Columns that query `row` of the block sees.
  std::int64_t valid(std::int64_t row) const { return columns - (rows() - 1 - row); }
};

template <typename Visit>
void for_each_block(std::span<const Segment> segments, const Tree& tree, const Visit& visit) {
  for (std::size_t s = tree.first; s < tree.last; ++s) {
    const Segment& segment = segments[s];
    for (std::int64_t begin = segment.begin; begin < segment.end; begin += kQueryBlock) {
      Block block{begin, std::min(begin + kQueryBlock, segment.end), {}, 0, 0};
      if (segment.parent >= 0) {
        const Segment& root = segments[static_cast<std::size_t>(segment.parent)];
        block.spans[block.num_spans++] = {root.begin, root.end - root.begin, 0};
        block.columns = root.end - root.begin;
      }
      const std::int64_t own = block.end - segment.begin;
      block.spans[block.num_spans++] = {segment.begin, own, block.columns};
      block.columns += own;
      visit(block);
    }
  }
}

std::int64_t most_columns(std::span<const Segment> segments) {
  std::int64_t most = 0;
  for (const Segment& segment : segments) {
    std::int64_t columns = segment.end - segment.begin;
    if (segment.parent >= 0) {
      const Segment& root = segments[static_cast<std::size_t>(segment.parent)];
      columns += root.end - root.begin;
    }
    most = std::max(most, columns);
  }
  return most;
}

int narrow(std::int64_t value) { return static_cast<int>(value); }

// c [m, n] = alpha a [m, k] b [n, k]^T + beta c
void times_transposed(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
                      std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
                      std::int64_t ldc) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, narrow(m), narrow(n), narrow(k), alpha, a,
              narrow(lda), b, narrow(ldb), beta, c, narrow(ldc));
}

// c [m, n] = alpha a [m, k] b [k, n] + beta c
void times(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
           std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
           std::int64_t ldc) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, narrow(m), narrow(n), narrow(k), alpha, a,
              narrow(lda), b, narrow(ldb), beta, c, narrow(ldc));
}

// c [m, n] += alpha a [k, m]^T b [k, n]
void transposed_times(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
                      std::int64_t lda, const float* b, std::int64_t ldb, float* c,
                      std::int64_t ldc) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, narrow(m), narrow(n), narrow(k), alpha, a,
              narrow(lda), b, narrow(ldb), 1.0F, c, narrow(ldc));
}

struct Shape {
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t group() const { return heads / kv_heads; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(head_dim)); }
};

// Calls work(tree, kv_head, scratch) for all of both, on all threads. Everything a call writes
// belongs to its tree and key head alone.
template <typename Work>
void for_each_tree_and_head(std::span<const Segment> segments, const Shape& shape,
                            std::int64_t scratch_per_task, const Work& work) {
  const std::vector<Tree> trees = trees_of(segments);
  const std::int64_t tasks = static_cast<std::int64_t>(trees.size()) * shape.kv_heads;
  at::parallel_for(0, tasks, 1, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> scratch(static_cast<std::size_t>(scratch_per_task));
    for (std::int64_t task = first; task < last; ++task) {
      work(trees[static_cast<std::size_t>(task / shape.kv_heads)], task % shape.kv_heads,
           scratch.data());
    }
  });
}

void forward_tree(std::span<const Segment> segments, const Tree& tree, const Shape& shape,
                  std::int64_t kv_head, const Rows& q, const Rows& k, const Rows& v,
                  const Rows& out, float* lse, float* scores) {
  const RowOps& ops = row_ops();
  const std::int64_t dim = shape.head_dim;
  for_each_block(segments, tree, [&](const Block& block) {
    const std::int64_t rows = block.rows();
    const std::int64_t columns = block.columns;
    for (std::int64_t g = 0; g < shape.group(); ++g) {
      const std::int64_t head = kv_head * shape.group() + g;
      for (int s = 0; s < block.num_spans; ++s) {
        const Span& span = block.spans[s];
        times_transposed(rows, span.count, dim, shape.scale(), q.at(block.begin, head, dim),
                         q.stride, k.at(span.token, kv_head, dim), k.stride, 0.0F,
                         scores + span.column, columns);
      }
      float sums[kQueryBlock];
      for (std::int64_t r = 0; r < rows; ++r) {
        float max = 0;
        ops.exp_row(scores + r * columns, block.valid(r), columns, &max, &sums[r]);
        lse[(block.begin + r) * shape.heads + head] = max + std::log(sums[r]);
      }
      for (int s = 0; s < block.num_spans; ++s) {
        const Span& span = block.spans[s];
        times(rows, dim, span.count, 1.0F, scores + span.column, columns,
              v.at(span.token, kv_head, dim), v.stride, s == 0 ? 0.0F : 1.0F,
              out.at(block.begin, head, dim), out.stride);
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        ops.scale(out.at(block.begin + r, head, dim), 1.0F / sums[r], dim);
      }
    }
  });
}

struct Gradients {
  Rows q;
  Rows k;
  Rows v;
};

void backward_tree(std::span<const Segment> segments, const Tree& tree, const Shape& shape,
                   std::int64_t kv_head, const Rows& q, const Rows& k, const Rows& v,
                   const Rows& out, const float* lse, const Rows& dout, const Gradients& d,
                   float* scores, float* dscores) {
  const RowOps& ops = row_ops();
  const std::int64_t dim = shape.head_dim;
  const float scale = shape.scale();
  for_each_block(segments, tree, [&](const Block& block) {
    const std::int64_t rows = block.rows();
    const std::int64_t columns = block.columns;
    for (std::int64_t g = 0; g < shape.group(); ++g) {
      const std::int64_t head = kv_head * shape.group() + g;
      const float* q_block = q.at(block.begin, head, dim);
      const float* dout_block = dout.at(block.begin, head, dim);
      for (int s = 0; s < block.num_spans; ++s) {
        const Span& span = block.spans[s];
        times_transposed(rows, span.count, dim, scale, q_block, q.stride,
                         k.at(span.token, kv_head, dim), k.stride, 0.0F, scores + span.column,
                         columns);
        times_transposed(rows, span.count, dim, 1.0F, dout_block, dout.stride,
                         v.at(span.token, kv_head, dim), v.stride, 0.0F, dscores + span.column,
                         columns);
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        const float dot =
            ops.dot(dout.at(block.begin + r, head, dim), out.at(block.begin + r, head, dim), dim);
        ops.softmax_row_backward(scores + r * columns, dscores + r * columns,
                                 lse[(block.begin + r) * shape.heads + head], dot, block.valid(r),
                                 columns);
      }
      for (int s = 0; s < block.num_spans; ++s) {
        const Span& span = block.spans[s];
        transposed_times(span.count, dim, rows, 1.0F, scores + span.column, columns, dout_block,
                         dout.stride, d.v.at(span.token, kv_head, dim), d.v.stride);
        transposed_times(span.count, dim, rows, scale, dscores + span.column, columns, q_block,
                         q.stride, d.k.at(span.token, kv_head, dim), d.k.stride);
        times(rows, dim, span.count, scale, dscores + span.column, columns,
              k.at(span.token, kv_head, dim), k.stride, s == 0 ? 0.0F : 1.0F,
              d.q.at(block.begin, head, dim), d.q.stride);
      }
    }
  });
}

Shape shape_of(const torch::Tensor& q, const torch::Tensor& k) {
  return {q.size(1), k.size(1), q.size(2)};
}

// Heads of a token next to one another; tokens may be apart (a slice of a wider matrix).
torch::Tensor packed_heads(const torch::Tensor& tensor) {
  const bool packed = tensor.stride(2) == 1 && tensor.stride(1) == tensor.size(2);
  return packed ? tensor : tensor.contiguous();
}

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& q_in,
                               const torch::Tensor& k_in, const torch::Tensor& v_in,
                               const torch::Tensor& table) {
    const torch::Tensor q = packed_heads(q_in);
    const torch::Tensor k = packed_heads(k_in);
    const torch::Tensor v = packed_heads(v_in);
    const Shape shape = shape_of(q, k);
    const std::vector<Segment> segments = segments_of(table);
    torch::Tensor out = torch::empty({q.size(0), q.size(1), q.size(2)}, q.options());
    torch::Tensor lse = torch::empty({q.size(0), q.size(1)}, q.options());
    for_each_tree_and_head(segments, shape, kQueryBlock * most_columns(segments),
                           [&](const Tree& tree, std::int64_t kv_head, float* scratch) {
                             forward_tree(segments, tree, shape, kv_head, rows_of(q), rows_of(k),
                                          rows_of(v), rows_of(out), lse.data_ptr<float>(), scratch);
                           });
    context->save_for_backward({q, k, v, out, lse, table});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const torch::Tensor& q = saved[0];
    const torch::Tensor& k = saved[1];
    const torch::Tensor& v = saved[2];
    const torch::Tensor& out = saved[3];
    const torch::Tensor& lse = saved[4];
    const std::vector<Segment> segments = segments_of(saved[5]);
    const torch::Tensor dout = gradients[0].contiguous();
    const Shape shape = shape_of(q, k);
    torch::Tensor dq = torch::empty({q.size(0), q.size(1), q.size(2)}, q.options());
    torch::Tensor dk = torch::zeros({k.size(0), k.size(1), k.size(2)}, k.options());
    torch::Tensor dv = torch::zeros_like(dk);
    const std::int64_t block_floats = kQueryBlock * most_columns(segments);
    for_each_tree_and_head(segments, shape, 2 * block_floats,
                           [&](const Tree& tree, std::int64_t kv_head, float* scratch) {
                             backward_tree(segments, tree, shape, kv_head, rows_of(q), rows_of(k),
                                           rows_of(v), rows_of(out), lse.data_ptr<float>(),
                                           rows_of(dout), {rows_of(dq), rows_of(dk), rows_of(dv)},
                                           scratch, scratch + block_floats);
                           });
    return {dq, dk, dv, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor composed_attention(const torch::Tensor& q, const torch::Tensor& k,
                                 const torch::Tensor& v, std::span<const Segment> segments) {
  const Shape shape = shape_of(q, k);
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
  std::vector<torch::Tensor> outs;
  for (const Segment& segment : segments) {
    torch::Tensor keys = k.slice(0, segment.begin, segment.end);
    torch::Tensor values = v.slice(0, segment.begin, segment.end);
    const std::int64_t own = segment.end - segment.begin;
    std::int64_t before = 0;
    if (segment.parent >= 0) {
      const Segment& root = segments[static_cast<std::size_t>(segment.parent)];
      before = root.end - root.begin;
      keys = torch::cat({k.slice(0, root.begin, root.end), keys});
      values = torch::cat({v.slice(0, root.begin, root.end), values});
    }
    // [heads, queries, keys]
    keys = keys.repeat_interleave(shape.group(), 1).transpose(0, 1);
    values = values.repeat_interleave(shape.group(), 1).transpose(0, 1);
    const torch::Tensor queries = q.slice(0, segment.begin, segment.end).transpose(0, 1);
    torch::Tensor scores = torch::matmul(queries, keys.transpose(1, 2)) * scale;
    const torch::Tensor hidden =
        torch::ones({own, before + own}, scores.options().dtype(torch::kBool)).triu(before + 1);
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
    outs.push_back(torch::matmul(torch::softmax(scores, -1), values).transpose(0, 1));
  }
  return torch::cat(outs);
}

torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k,
                               const torch::Tensor& v, std::span<const Segment> segments) {
  MEMAGENT_CHECK(!segments.empty() && segments.back().end == q.size(0), "{} tokens in segments, {}",
                 segments.empty() ? 0 : segments.back().end, q.size(0));
  if (q.is_cpu() && q.scalar_type() == torch::kFloat) {
    return FusedAttention::apply(q, k, v, table_of(segments));
  }
  return blocked_attention(q, k, v, segments);
}

}  // namespace memagent
