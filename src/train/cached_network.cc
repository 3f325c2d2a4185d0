#include "train/cached_network.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "train/cached_attention.h"
#include "train/packed_attention.h"
#include "train/packed_batch.h"

namespace memagent {
namespace {

// Queries at a time where new tokens go on from a cached beginning: bounds the scores.
constexpr std::int64_t kQueryBlock = 256;

torch::TensorOptions cache_options(const PolicyNetwork& network) {
  return torch::TensorOptions(network.options().device).dtype(network.options().compute);
}

// New tokens as one batch, those without a cached beginning first.
struct Batch {
  PackedBatch packed;
  std::vector<const NewTokens*> pieces;  // of the batch's segments, in order
  std::int64_t num_plain = 0;            // pieces, and segments, without a beginning
  std::int64_t plain_tokens = 0;
  std::vector<std::int64_t> last_rows;  // of the pieces, in the order that they were given in
};

Batch batch_of(std::span<const NewTokens> all) {
  Batch batch;
  batch.last_rows.resize(all.size());
  for (const bool plain : {true, false}) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((all[i].prefix < 0) != plain) continue;
      batch.packed.add(all[i].tokens);
      batch.pieces.push_back(&all[i]);
      batch.last_rows[i] = batch.packed.num_tokens() - 1;
      const Segment& segment = batch.packed.segments.back();
      for (std::int64_t token = segment.begin; token < segment.end; ++token) {
        batch.packed.positions[static_cast<std::size_t>(token)] += all[i].prefix_tokens;
      }
    }
    if (!plain) continue;
    batch.num_plain = std::ssize(batch.pieces);
    batch.plain_tokens = batch.packed.num_tokens();
  }
  return batch;
}

// New tokens over the beginning they go on from and over themselves, all of it in the cache:
// q [n, heads, head_dim] -> the same.
torch::Tensor attend_after_prefix(std::int64_t layer, const NewTokens& piece,
                                  const torch::Tensor& q, const KvSlots& sequences,
                                  const KvSlots& prefixes) {
  const std::int64_t tokens = q.size(0);
  const std::int64_t dim = q.size(2);
  const auto where = torch::TensorOptions(q.device()).dtype(torch::kInt64);
  const torch::Tensor prefix_keys =
      prefixes.keys(layer, piece.prefix, piece.prefix + 1, piece.prefix_tokens);
  const torch::Tensor prefix_values =
      prefixes.values(layer, piece.prefix, piece.prefix + 1, piece.prefix_tokens);
  const std::int64_t kv_heads = prefix_keys.size(1);
  std::vector<torch::Tensor> outs;
  for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock) {
    const std::int64_t end = std::min(begin + kQueryBlock, tokens);
    const torch::Tensor queries = q.slice(0, begin, end)
                                      .view({end - begin, kv_heads, -1, dim})
                                      .permute({1, 2, 0, 3})
                                      .unsqueeze(0);
    const torch::Tensor later =
        torch::arange(end, where).unsqueeze(0) > torch::arange(begin, end, where).unsqueeze(1);
    const torch::Tensor out = attention_of(
        attention_part(queries, sequences.keys(layer, piece.slot, piece.slot + 1, end),
                       sequences.values(layer, piece.slot, piece.slot + 1, end), later),
        attention_part(queries, prefix_keys, prefix_values, torch::Tensor()));
    outs.push_back(out.squeeze(0).permute({2, 0, 1, 3}).reshape({end - begin, q.size(1), dim}));
  }
  return torch::cat(outs).to(q.scalar_type());
}

torch::Tensor attend_to_new(std::int64_t layer, const Batch& batch, const torch::Tensor& q,
                            const torch::Tensor& k, const torch::Tensor& v, KvSlots& sequences,
                            const KvSlots& prefixes) {
  std::vector<torch::Tensor> outs;
  for (std::size_t i = 0; i < batch.pieces.size(); ++i) {
    const Segment& segment = batch.packed.segments[i];
    sequences.write(layer, batch.pieces[i]->slot, 0, k.slice(0, segment.begin, segment.end),
                    v.slice(0, segment.begin, segment.end));
  }
  if (batch.num_plain > 0) {
    outs.push_back(packed_attention(
        q.slice(0, 0, batch.plain_tokens), k.slice(0, 0, batch.plain_tokens),
        v.slice(0, 0, batch.plain_tokens),
        std::span(batch.packed.segments).first(static_cast<std::size_t>(batch.num_plain))));
  }
  for (std::size_t i = static_cast<std::size_t>(batch.num_plain); i < batch.pieces.size(); ++i) {
    const Segment& segment = batch.packed.segments[i];
    outs.push_back(attend_after_prefix(
        layer, *batch.pieces[i], q.slice(0, segment.begin, segment.end), sequences, prefixes));
  }
  return outs.size() == 1 ? outs[0] : torch::cat(outs);
}

// What a step's queries see, the same in every layer.
struct StepPlan {
  std::int64_t rows = 0;
  std::int64_t tokens = 0;  // of the longest sequence, the new one included
  torch::Tensor slots;      // [rows]
  torch::Tensor places;     // [rows] of the new token in its slot
  torch::Tensor hidden;     // [rows, 1, 1, 1, tokens]
  // Shared beginnings: their slots [0, prefixes), as many queries of each as of the one with most.
  std::int64_t prefixes = 0;
  std::int64_t prefix_tokens = 0;  // of the longest
  std::int64_t members = 0;
  torch::Tensor prefix_hidden;  // [prefixes, 1, 1, 1, prefix_tokens]
  torch::Tensor row_of;         // [prefixes * members]; 0 where there is none
  torch::Tensor place_of;       // [rows] among these; 0 where there is none
  torch::Tensor without;        // [rows, 1, 1, 1, 1]: true without a shared beginning
};

StepPlan plan_of(std::span<const NextToken> next, torch::Device device) {
  StepPlan plan;
  plan.rows = std::ssize(next);
  std::vector<std::int64_t> places;
  for (const NextToken& one : next) {
    places.push_back(one.slot_tokens);
    plan.prefixes = std::max(plan.prefixes, one.prefix + 1);
  }
  plan.tokens = *std::ranges::max_element(places) + 1;
  const auto number = torch::TensorOptions(torch::kInt64);
  const auto there = [&](const std::vector<std::int64_t>& values) {
    return torch::tensor(values, number).to(device);
  };
  plan.slots = torch::arange(plan.rows, number).to(device);
  plan.places = there(places);
  plan.hidden =
      (torch::arange(plan.tokens, number).to(device).unsqueeze(0) > plan.places.unsqueeze(1))
          .view({plan.rows, 1, 1, 1, plan.tokens});
  if (plan.prefixes == 0) return plan;

  std::vector<std::vector<std::int64_t>> members(static_cast<std::size_t>(plan.prefixes));
  // One where nobody looks: what comes of it is not used, but finite.
  std::vector<std::int64_t> lengths(members.size(), 1);
  for (std::int64_t row = 0; row < plan.rows; ++row) {
    const NextToken& one = next[static_cast<std::size_t>(row)];
    if (one.prefix < 0) continue;
    const auto prefix = static_cast<std::size_t>(one.prefix);
    members[prefix].push_back(row);
    lengths[prefix] = one.prefix_tokens;
    plan.members = std::max(plan.members, static_cast<std::int64_t>(members[prefix].size()));
  }
  plan.prefix_tokens = *std::ranges::max_element(lengths);
  std::vector<std::int64_t> row_of(static_cast<std::size_t>(plan.prefixes * plan.members));
  std::vector<std::int64_t> place_of(next.size());
  for (std::size_t prefix = 0; prefix < members.size(); ++prefix) {
    for (std::size_t i = 0; i < members[prefix].size(); ++i) {
      const std::size_t place = prefix * static_cast<std::size_t>(plan.members) + i;
      row_of[place] = members[prefix][i];
      place_of[static_cast<std::size_t>(members[prefix][i])] = static_cast<std::int64_t>(place);
    }
  }
  std::vector<std::int64_t> without;
  for (const NextToken& one : next) without.push_back(one.prefix < 0 ? 1 : 0);
  plan.row_of = there(row_of);
  plan.place_of = there(place_of);
  plan.without = there(without).to(torch::kBool).view({plan.rows, 1, 1, 1, 1});
  plan.prefix_hidden = (torch::arange(plan.prefix_tokens, number).to(device).unsqueeze(0) >=
                        there(lengths).unsqueeze(1))
                           .view({plan.prefixes, 1, 1, 1, plan.prefix_tokens});
  return plan;
}

// Row by row, what prefix slot by prefix slot was worked out: [prefixes, kv_heads, group, members,
// width] -> [rows, kv_heads, group, 1, width].
torch::Tensor by_row(const torch::Tensor& by_prefix, const StepPlan& plan) {
  const std::int64_t kv_heads = by_prefix.size(1);
  const std::int64_t group = by_prefix.size(2);
  return by_prefix.permute({0, 3, 1, 2, 4})
      .reshape({plan.prefixes * plan.members, kv_heads, group, 1, by_prefix.size(4)})
      .index_select(0, plan.place_of);
}

torch::Tensor attend_to_cache(std::int64_t layer, const StepPlan& plan, const torch::Tensor& q,
                              const KvSlots& sequences, const KvSlots& prefixes) {
  const std::int64_t dim = q.size(2);
  const torch::Tensor keys = sequences.keys(layer, 0, plan.rows, plan.tokens);
  const std::int64_t kv_heads = keys.size(1);
  const AttentionPart own =
      attention_part(q.view({plan.rows, kv_heads, -1, 1, dim}), keys,
                     sequences.values(layer, 0, plan.rows, plan.tokens), plan.hidden);
  torch::Tensor out;
  if (plan.prefixes == 0) {
    out = attention_of(own);
  } else {
    const torch::Tensor queries = q.index_select(0, plan.row_of)
                                      .view({plan.prefixes, plan.members, kv_heads, -1, dim})
                                      .permute({0, 2, 3, 1, 4});
    const AttentionPart shared = attention_part(
        queries, prefixes.keys(layer, 0, plan.prefixes, plan.prefix_tokens),
        prefixes.values(layer, 0, plan.prefixes, plan.prefix_tokens), plan.prefix_hidden);
    out =
        attention_of(own, {by_row(shared.weighted, plan),
                           by_row(shared.largest, plan)
                               .masked_fill(plan.without, -std::numeric_limits<double>::infinity()),
                           by_row(shared.sum, plan)});
  }
  return out.reshape({plan.rows, q.size(1), dim}).to(q.scalar_type());
}

}  // namespace

// The network is kept. NOLINTNEXTLINE(performance-unnecessary-value-param)
CachedNetwork::CachedNetwork(std::shared_ptr<const PolicyNetwork> network)
    : network_(network),
      sequences_(network->config(), cache_options(*network)),
      prefixes_(network->config(), cache_options(*network)) {}

torch::Tensor CachedNetwork::logits(const torch::Tensor& hidden) const {
  return network_->logits_of(hidden).to(torch::kFloat);
}

torch::Tensor CachedNetwork::last_hidden(std::span<const NewTokens> all, KvSlots& into) {
  const torch::NoGradGuard no_gradients;
  const Batch batch = batch_of(all);
  return network_->hidden(
      batch.packed.tokens, batch.packed.positions,
      [&](std::int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
          const torch::Tensor& v) { return attend_to_new(layer, batch, q, k, v, into, prefixes_); },
      batch.last_rows);
}

void CachedNetwork::add_prefixes(std::span<const NewTokens> all) { last_hidden(all, prefixes_); }

torch::Tensor CachedNetwork::add(std::span<const NewTokens> all) {
  const torch::NoGradGuard no_gradients;
  return logits(last_hidden(all, sequences_));
}

torch::Tensor CachedNetwork::step(std::span<const NextToken> next) {
  const torch::NoGradGuard no_gradients;
  const StepPlan plan = plan_of(next, network_->options().device);
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> rows;  // all
  for (const NextToken& one : next) {
    rows.push_back(std::ssize(tokens));
    tokens.push_back(one.token);
    positions.push_back(one.prefix_tokens + one.slot_tokens);
  }
  return logits(network_->hidden(
      tokens, positions,
      [&](std::int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
          const torch::Tensor& v) {
        sequences_.append(layer, plan.slots, plan.places, k, v);
        return attend_to_cache(layer, plan, q, sequences_, prefixes_);
      },
      rows));
}

}  // namespace memagent
