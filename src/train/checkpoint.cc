#include "train/checkpoint.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "base/mapped_file.h"
#include "format/safetensors.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLast = "checkpoint.safetensors";
constexpr const char* kBefore = "checkpoint-before.safetensors";
constexpr const char* kStateKey = "memagent";

using Tensors = std::vector<Optimizer::Named>;

Tensors weights_of(const PolicyNetwork& network) {
  Tensors weights;
  for (const Parameter& parameter : network.parameters()) {
    weights.push_back({parameter.name, parameter.value.detach()});
  }
  return weights;
}

Tensors tensors_of(const PolicyNetwork& network, const Optimizer& optimizer, const Tensors& more) {
  Tensors all = weights_of(network);
  for (Optimizer::Named& named : optimizer.state()) all.push_back(std::move(named));
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// All of the file is checked before anything is changed.
std::string restore(const std::string& path, PolicyNetwork& network, Optimizer& optimizer,
                    const Tensors& more) {
  const MappedFile mapped(path);
  const Safetensors file = parse_safetensors(mapped.bytes(), path);
  const auto state = file.metadata.find(kStateKey);
  if (state == file.metadata.end()) {
    fail(ErrorKind::kBadInput, "{}: is no checkpoint of a training run", path);
  }
  const Tensors wanted = tensors_of(network, optimizer, more);
  std::vector<const SafetensorsEntry*> found;
  for (const Optimizer::Named& named : wanted) {
    const auto entry = std::find_if(file.tensors.begin(), file.tensors.end(),
                                    [&](const auto& each) { return each.name == named.name; });
    if (entry == file.tensors.end() || entry->dtype != "F32" ||
        entry->shape != named.tensor.sizes().vec()) {
      fail(ErrorKind::kBadInput,
           "{}: tensor {} is missing or of another shape: it belongs to "
           "another recipe",
           path, named.name);
    }
    found.push_back(&*entry);
  }
  const nlohmann::json json = nlohmann::json::parse(state->second, nullptr, false);
  if (json.is_discarded() || !json.contains("steps") || !json.contains("run")) {
    fail(ErrorKind::kBadInput, "{}: its state cannot be read", path);
  }
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    torch::Tensor values = torch::empty(wanted[i].tensor.sizes(), torch::kFloat);
    std::memcpy(values.data_ptr(), found[i]->data.data(), found[i]->data.size());
    torch::Tensor(wanted[i].tensor).copy_(values);
  }
  optimizer.set_steps(json["steps"].get<std::int64_t>());
  return json["run"].dump();
}

// Whether a file has all that its header says: one that was cut off must not take the place of the
// good one before it.
bool is_whole(const std::string& path) {
  try {
    const MappedFile mapped(path);
    parse_safetensors(mapped.bytes(), path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void refuse_if_not_finite(const Tensors& tensors) {
  for (const Optimizer::Named& named : tensors) {
    if (torch::isfinite(named.tensor).all().item<bool>()) continue;
    fail(ErrorKind::kModel,
         "training: {} is no longer finite: the checkpoint before is kept: lower the learning rate",
         named.name);
  }
}

}  // namespace

void refuse_if_not_finite(const PolicyNetwork& network) {
  refuse_if_not_finite(weights_of(network));
}

void write_checkpoint(const std::string& folder, const PolicyNetwork& network,
                      const Optimizer& optimizer, const std::string& state_json,
                      const Tensors& more) {
  const std::string last = (fs::path(folder) / kLast).string();
  const Tensors tensors = tensors_of(network, optimizer, more);
  refuse_if_not_finite(tensors);
  std::error_code error;
  if (fs::exists(last, error) && is_whole(last)) {
    fs::rename(last, fs::path(folder) / kBefore, error);
    if (error) fail(ErrorKind::kStorage, "{}: cannot be renamed: {}", last, error.message());
  }
  SafetensorsWriter writer(last);
  nlohmann::ordered_json state;
  state["steps"] = optimizer.steps();
  state["run"] = nlohmann::ordered_json::parse(state_json);
  writer.set_metadata(kStateKey, state.dump());
  for (const Optimizer::Named& named : tensors) {
    writer.add_tensor(named.name, TensorType::kF32, named.tensor.sizes().vec());
  }
  writer.begin();
  for (const Optimizer::Named& named : tensors) {
    const torch::Tensor values = named.tensor.to(torch::kCPU, torch::kFloat).contiguous();
    writer.write({static_cast<const std::byte*>(values.data_ptr()), values.nbytes()});
  }
  writer.finish();
}

std::optional<RestoredCheckpoint> read_checkpoint(const std::string& folder, PolicyNetwork& network,
                                                  Optimizer& optimizer, const Tensors& more) {
  RestoredCheckpoint restored;
  const std::string last = (fs::path(folder) / kLast).string();
  const std::string before = (fs::path(folder) / kBefore).string();
  std::error_code error;
  const bool has_before = fs::exists(before, error);
  if (fs::exists(last, error)) {
    try {
      restored.state_json = restore(last, network, optimizer, more);
      return restored;
    } catch (const Error& broken) {
      if (!has_before) fail(broken.kind(), "{}: begin anew in another folder", broken.what());
      restored.warning = std::string(broken.what()) + ": going on from the checkpoint before";
    }
  } else {
    if (!has_before) return std::nullopt;
    restored.warning = last + ": is not there: going on from the checkpoint before";
  }
  restored.state_json = restore(before, network, optimizer, more);
  return restored;
}

void refuse_other_checkpoints(const std::optional<RestoredCheckpoint>& restored,
                              const DataParallelGroup& group) {
  const auto states = group.gather(restored ? restored->state_json : "");
  for (std::size_t rank = 1; rank < states.size(); ++rank) {
    if (states[rank] == states[0]) continue;
    fail(ErrorKind::kUsage,
         "process {} would go on from another checkpoint than process 0: give all of them the same "
         "folder, on a disk that they share",
         rank);
  }
}

}  // namespace memagent
