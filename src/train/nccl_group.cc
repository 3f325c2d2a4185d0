#include "train/nccl_group.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>

#include "base/check.h"

namespace memagent {
namespace {

// How often it is asked whether something has been done. A step takes milliseconds at least.
constexpr std::chrono::microseconds kPause{50};

void check(ncclResult_t result) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  throw std::runtime_error(fmt::format("NCCL: {}", ncclGetErrorString(result)));
}

void check(cudaError_t result) {
  if (result == cudaSuccess) return;
  throw std::runtime_error(fmt::format("CUDA: {}", cudaGetErrorString(result)));
}

}  // namespace

std::string device_identity(torch::Device device) {
  if (!device.is_cuda()) return "";
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device.index()));
  return {properties.uuid.bytes, sizeof(properties.uuid.bytes)};
}

struct NcclGroup::State {
  torch::Device device;
  std::chrono::seconds timeout;
  ncclComm_t communicator = nullptr;

  State(torch::Device on, std::chrono::seconds patience) : device(on), timeout(patience) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // Aborting waits for nobody, which ending in good order would. Nothing is under way any more,
  // unless a call has failed.
  ~State() {
    if (communicator != nullptr) ncclCommAbort(communicator);
  }

  void wait_until(const std::function<bool()>& done) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error(fmt::format("NCCL: no answer for {} s", timeout.count()));
      }
      std::this_thread::sleep_for(kPause);
    }
  }

  // Whether NCCL has taken up what it was asked for; calls return before.
  bool taken_up() const {
    ncclResult_t result = ncclSuccess;
    check(ncclCommGetAsyncError(communicator, &result));
    check(result);
    return result == ncclSuccess;
  }
};

std::string NcclGroup::make_id() {
  ncclUniqueId id{};
  check(ncclGetUniqueId(&id));
  return {id.internal, sizeof(id.internal)};
}

NcclGroup::NcclGroup(const std::string& id, int rank, int world_size, torch::Device device,
                     std::chrono::seconds timeout)
    : state_(std::make_unique<State>(device, timeout)) {
  ncclUniqueId unique{};
  MEMAGENT_CHECK(id.size() == sizeof(unique.internal), "an id of NCCL's has {} bytes, not {}",
                 sizeof(unique.internal), id.size());
  std::memcpy(unique.internal, id.data(), id.size());
  const c10::cuda::CUDAGuard guard(device);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // so that a peer that never comes is noticed
  check(ncclCommInitRankConfig(&state_->communicator, world_size, unique, rank, &config));
  state_->wait_until([this] { return state_->taken_up(); });
}

NcclGroup::~NcclGroup() = default;

void NcclGroup::sum(torch::Tensor& values) {
  MEMAGENT_CHECK(values.device() == state_->device && values.is_contiguous() &&
                     values.scalar_type() == torch::kFloat,
                 "values to sum are not float32 in a row on the group's device");
  const c10::cuda::CUDAGuard guard(state_->device);
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  float* data = values.data_ptr<float>();
  check(ncclAllReduce(data, data, static_cast<std::size_t>(values.numel()), ncclFloat, ncclSum,
                      state_->communicator, stream));
  state_->wait_until([this] { return state_->taken_up(); });
  // A device waits for others without end: the host must not, or a peer that has gone would never
  // be noticed.
  state_->wait_until([this, stream] {
    state_->taken_up();
    const cudaError_t result = cudaStreamQuery(stream);
    if (result != cudaErrorNotReady) check(result);
    return result == cudaSuccess;
  });
}

}  // namespace memagent
