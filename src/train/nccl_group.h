// Sums over the GPUs of processes that train together, by NCCL: from device to device, nothing goes
// through the hosts' memory. Built where LibTorch has CUDA and NCCL is found; elsewhere
// device_identity() says that there is none (no_nccl_group.cc).
//
// NCCL itself and not c10d's wrapper of it, which has a thread that ends the process where a peer
// does not answer: here that is an exception like any other.
#pragma once

#include <torch/types.h>

#include <chrono>
#include <memory>
#include <string>

namespace memagent {

// The UUID of a CUDA device, which no other device anywhere has; empty where NCCL cannot use it.
std::string device_identity(torch::Device device);

// Every process calls the same methods in the same order, each with a device that no other has.
// Calls throw std::runtime_error for what NCCL reports, and for a peer that does not answer in
// time; after that the group is of no use.
class NcclGroup {
 public:
  // What one process makes and tells the others before they meet: any bytes.
  static std::string make_id();

  // Waits for all of them.
  NcclGroup(const std::string& id, int rank, int world_size, torch::Device device,
            std::chrono::seconds timeout);
  ~NcclGroup();
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  // Over all processes, in place, the same bits in each; done when it returns. `values` is float32,
  // contiguous, on the group's device, and of the same size in all.
  void sum(torch::Tensor& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
