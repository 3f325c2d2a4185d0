// How much arithmetic a model's definition asks for, and how much the machine can do.
#pragma once

#include <vector>

#include "model/local/model_file.h"
#include "train/packed_batch.h"
#include "train/policy_network.h"
#include "train/rollout.h"

namespace memagent {

struct ForwardWork {
  double tokens = 0;
  double attended = 0;  // pairs of a token and one that it sees
  double rows = 0;      // tokens whose next is predicted
  double rows_attended = 0;
};

// Of a forward pass, a multiplication and an addition being two:
//
//   (layers - 1) ((4 d q + 2 d kv + 6 d ffn) tokens + 4 q attended) + 2 d kv tokens
//   + (4 d q + 6 d ffn + 2 d vocabulary) rows + 4 q rows_attended
//
// with d the width, q and kv those of all query heads and of keys and values together: of the last
// layer only keys and values where no next token is predicted. Norms, rotary angles, softmax and
// sampling are left out. A backward pass takes twice a forward pass.
double forward_flops(const ModelConfig& config, const ForwardWork& work);

// What a packed batch asks for, and what was computed of prompts and replies where the engine
// shares what they begin with.
ForwardWork work_of(const PackedBatch& batch);
ForwardWork work_of(const std::vector<Group>& groups);

// Seconds since some time: of the clock, or those that the process has computed on all its threads,
// which say on a busy machine what an idle one would, as long as there is one thread.
enum class Seconds { kClock, kProcessor };
double now(Seconds seconds);

// What a square product reaches a second, the best of four: of 2,048 in float32 by OpenBLAS with
// torch's threads on the CPU, of 8,192 in the type that is computed in on a device.
double peak_flops(Seconds seconds, const PolicyOptions& options = {});

// Until all that was asked of the device is done.
void wait_for(torch::Device device);

}  // namespace memagent
