// nccl_group.h for a LibTorch without CUDA, or where NCCL was not found.
#include "base/check.h"
#include "train/nccl_group.h"

namespace memagent {

struct NcclGroup::State {};

std::string device_identity(torch::Device /*device*/) { return ""; }

std::string NcclGroup::make_id() { MEMAGENT_CHECK(false, "built without NCCL"); }
NcclGroup::NcclGroup(const std::string& /*id*/, int /*rank*/, int /*world_size*/,
                     torch::Device /*device*/, std::chrono::seconds /*timeout*/) {
  MEMAGENT_CHECK(false, "built without NCCL");
}
NcclGroup::~NcclGroup() = default;
void NcclGroup::sum(torch::Tensor& /*values*/) { MEMAGENT_CHECK(false, "built without NCCL"); }

}  // namespace memagent
