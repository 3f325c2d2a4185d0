// The processes that train one model together, as torchrun starts them: each on its share of a
// step's data, all with the same weights, gradients summed before every update.
//
// Sums are the same bits in every process, so that weights never drift apart. Over c10d's Gloo, on
// any network; gradients of processes that have a GPU each by NCCL (nccl_group.h). One process
// needs none of it. Knows nothing of what is summed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/policy_network.h"
#include "train/rendezvous.h"

namespace memagent {

// Whether every process of a world has a CUDA device to itself, by their device_identity().
bool a_device_each(const std::vector<std::string>& identities);

// Every process calls the same methods in the same order. A process that is gone ends the others'
// next call with Error(kModel).
class DataParallelGroup {
 public:
  // Waits for all of them. Throws Error(kModel) if they do not come in time, Error(kUsage) for a
  // network interface that is not there.
  explicit DataParallelGroup(const Rendezvous& rendezvous);
  ~DataParallelGroup();
  DataParallelGroup(const DataParallelGroup&) = delete;
  DataParallelGroup& operator=(const DataParallelGroup&) = delete;

  int rank() const { return rank_; }
  int world_size() const { return world_size_; }
  // Rank 0 writes files and talks to people.
  bool leads() const { return rank_ == 0; }

  // Over all processes, in place.
  void sum(std::vector<double>& values) const;
  // On one device all of them, the same one in every call. Messages are of at most `bucket_bytes`,
  // or of one tensor: small ones share a journey, and those of a large network are not there twice.
  void sum_gradients(const std::vector<Parameter>& parameters,
                     std::int64_t bucket_bytes = 64 << 20) const;
  // Everybody's text, by rank.
  std::vector<std::string> gather(const std::string& text) const;

 private:
  struct State;
  void meet_devices(torch::Device device) const;
  void sum_bucket(std::span<const Parameter> bucket, torch::Device where) const;

  int rank_ = 0;
  int world_size_ = 1;
  std::unique_ptr<State> state_;  // null: alone
};

}  // namespace memagent
