#include "train/data_parallel.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <new>
#include <set>
#include <span>
#include <string_view>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/fail.h"
#include "train/nccl_group.h"
#include "train/out_of_memory.h"

namespace memagent {
namespace {

// The first line of what LibTorch says: it is followed by its call stack.
std::string first_line(const std::exception& error) {
  const std::string_view what = error.what();
  return std::string(what.substr(0, what.find('\n')));
}

// LibTorch's errors as one line that says what to do. A lack of memory is this process's own.
void together(int rank, int world_size, const std::function<void()>& communicate) {
  try {
    communicate();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (says_out_of_memory(first_line(error))) throw;
    fail(ErrorKind::kModel,
         "process {} of {} that train together: another has ended or does not answer ({}): start "
         "all of them again with --resume",
         rank, world_size, first_line(error));
  }
}

// LibTorch 2.4 and later would use libuv, which Debian's is built without; versions before have no
// choice.
template <typename Options>
void use_plain_sockets(Options& store) {
  if constexpr (requires { store.useLibUV; }) store.useLibUV = false;
}

c10::intrusive_ptr<c10d::Store> store(const Rendezvous& rendezvous) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(rendezvous.port);
  options.isServer = rendezvous.rank == 0 && !rendezvous.store_is_kept;
  options.numWorkers = static_cast<std::size_t>(rendezvous.world_size);
  options.timeout = rendezvous.timeout;
  use_plain_sockets(options);
  auto tcp = c10::make_intrusive<c10d::TCPStore>(rendezvous.address, options);
  if (!rendezvous.store_is_kept) return tcp;
  // As PyTorch's own workers prefix what is theirs.
  return c10::make_intrusive<c10d::PrefixStore>("/worker/attempt_" + rendezvous.attempt, tcp);
}

std::vector<std::shared_ptr<gloo::transport::Device>> devices(const Rendezvous& rendezvous) {
  using c10d::ProcessGroupGloo;
  std::vector<std::shared_ptr<gloo::transport::Device>> devices;
  if (rendezvous.interfaces.empty()) {
    devices.push_back(ProcessGroupGloo::createDeviceForHostname(
        own_address_towards(rendezvous.address, rendezvous.port)));
  }
  for (const std::string& name : rendezvous.interfaces) {
    try {
      devices.push_back(ProcessGroupGloo::createDeviceForInterface(name));
    } catch (const std::exception& error) {
      fail(ErrorKind::kUsage, "GLOO_SOCKET_IFNAME: {} is no network interface to talk over ({})",
           name, first_line(error));
    }
  }
  return devices;
}

}  // namespace

bool a_device_each(const std::vector<std::string>& identities) {
  const std::set<std::string> distinct(identities.begin(), identities.end());
  return distinct.size() == identities.size() && !distinct.contains("");
}

struct DataParallelGroup::State {
  std::unique_ptr<c10d::ProcessGroupGloo> group;
  std::chrono::seconds timeout{};
  // Known when the first gradients are to be summed, which have been computed somewhere.
  bool met_devices = false;
  std::unique_ptr<NcclGroup> devices;  // null: gradients are summed in the hosts' memory

  void sum(torch::Tensor tensor) const {
    std::vector<torch::Tensor> tensors{std::move(tensor)};
    group->allreduce(tensors)->wait();
  }
};

DataParallelGroup::DataParallelGroup(const Rendezvous& rendezvous)
    : rank_(rendezvous.rank), world_size_(rendezvous.world_size) {
  if (world_size_ == 1) return;
  state_ = std::make_unique<State>();
  state_->timeout = rendezvous.timeout;
  const auto options = c10d::ProcessGroupGloo::Options::create(rendezvous.timeout);
  options->devices = devices(rendezvous);
  try {
    state_->group =
        std::make_unique<c10d::ProcessGroupGloo>(store(rendezvous), rank_, world_size_, options);
  } catch (const std::exception& error) {
    fail(
        ErrorKind::kModel,
        "process {} of {} that train together: they did not meet at {}:{} ({}): start all of them, "
        "with a MASTER_PORT that nothing else listens on",
        rank_, world_size_, rendezvous.address, rendezvous.port, first_line(error));
  }
}

DataParallelGroup::~DataParallelGroup() = default;

void DataParallelGroup::sum(std::vector<double>& values) const {
  if (state_ == nullptr || values.empty()) return;
  together(rank_, world_size_, [&] {
    state_->sum(torch::from_blob(values.data(), {std::ssize(values)}, torch::kDouble));
  });
}

void DataParallelGroup::meet_devices(torch::Device device) const {
  state_->met_devices = true;
  const auto identities = gather(device_identity(device));
  if (!a_device_each(identities)) return;
  const std::string id = gather(leads() ? NcclGroup::make_id() : "").front();
  together(rank_, world_size_, [&] {
    state_->devices = std::make_unique<NcclGroup>(id, rank_, world_size_, device, state_->timeout);
  });
}

void DataParallelGroup::sum_bucket(std::span<const Parameter> bucket, torch::Device where) const {
  std::vector<torch::Tensor> flat;
  for (const Parameter& parameter : bucket) {
    const torch::Tensor& gradient = parameter.value.grad();
    // Who has had nothing to learn from adds nothing.
    flat.push_back((gradient.defined() ? gradient : torch::zeros_like(parameter.value))
                       .reshape({-1})
                       .to(where, torch::kFloat));
  }
  // What is alone may be large: where it is in a row already, it is summed in place.
  torch::Tensor all = flat.size() == 1 ? flat.front().contiguous() : torch::cat(flat);
  together(rank_, world_size_, [&] {
    if (state_->devices != nullptr) {
      state_->devices->sum(all);
    } else {
      state_->sum(all);
    }
  });
  std::int64_t at = 0;
  for (const Parameter& parameter : bucket) {
    torch::Tensor value = parameter.value;
    const std::int64_t size = value.numel();
    value.mutable_grad() = all.narrow(0, at, size).reshape(value.sizes()).to(value.options());
    at += size;
  }
}

void DataParallelGroup::sum_gradients(const std::vector<Parameter>& parameters,
                                      std::int64_t bucket_bytes) const {
  if (state_ == nullptr || parameters.empty()) return;
  const torch::NoGradGuard no_gradients;
  const torch::Device device = parameters.front().value.device();
  if (!state_->met_devices) meet_devices(device);
  if (state_->devices != nullptr) {
    // A process that is gone is noticed here at once; by a device, when the time is over.
    together(rank_, world_size_, [&] { state_->sum(torch::zeros({1})); });
  }
  const torch::Device where = state_->devices != nullptr ? device : torch::Device(torch::kCPU);
  const auto bytes_of = [](const Parameter& parameter) {
    return parameter.value.numel() * static_cast<std::int64_t>(sizeof(float));
  };
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < parameters.size(); begin = end) {
    std::int64_t bytes = bytes_of(parameters[end++]);
    while (end < parameters.size() && bytes + bytes_of(parameters[end]) <= bucket_bytes) {
      bytes += bytes_of(parameters[end++]);
    }
    sum_bucket(std::span(parameters).subspan(begin, end - begin), where);
  }
}

std::vector<std::string> DataParallelGroup::gather(const std::string& text) const {
  if (state_ == nullptr) return {text};
  // Lengths first, then all texts at their places in one sum of bytes.
  std::vector<double> lengths(static_cast<std::size_t>(world_size_));
  lengths[static_cast<std::size_t>(rank_)] = static_cast<double>(text.size());
  sum(lengths);
  std::int64_t total = 0;
  std::int64_t begin = 0;
  for (int i = 0; i < world_size_; ++i) {
    if (i == rank_) begin = total;
    total += static_cast<std::int64_t>(lengths[static_cast<std::size_t>(i)]);
  }
  torch::Tensor bytes = torch::zeros({std::max<std::int64_t>(1, total)}, torch::kByte);
  auto* data = bytes.data_ptr<std::uint8_t>();
  std::copy(text.begin(), text.end(), data + begin);
  together(rank_, world_size_, [&] { state_->sum(bytes); });
  std::vector<std::string> texts;
  for (const double length : lengths) {
    texts.emplace_back(data, data + static_cast<std::int64_t>(length));
    data += static_cast<std::int64_t>(length);
  }
  return texts;
}

}  // namespace memagent
