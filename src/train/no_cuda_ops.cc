// cuda_ops.h for a LibTorch without CUDA.
#include "base/check.h"
#include "train/cuda_ops.h"

namespace memagent::cuda {

bool takes_rows(const torch::Tensor& /*x*/) { return false; }
bool takes_heads(const torch::Tensor& /*qkv*/, std::int64_t /*head_dim*/) { return false; }
bool takes_steps(const torch::Tensor& /*value*/) { return false; }

torch::Tensor rms_norm(const torch::Tensor& /*x*/, const torch::Tensor& /*weight*/,
                       double /*epsilon*/) {
  MEMAGENT_CHECK(false, "built without CUDA");
}
torch::Tensor swiglu(const torch::Tensor& /*gate_up*/) {
  MEMAGENT_CHECK(false, "built without CUDA");
}
Heads split_heads(const torch::Tensor& /*qkv*/, const torch::Tensor& /*query_norm*/,
                  const torch::Tensor& /*key_norm*/, const torch::Tensor& /*cosines*/,
                  const torch::Tensor& /*sines*/, const HeadsOptions& /*options*/) {
  MEMAGENT_CHECK(false, "built without CUDA");
}
void merge_attention(torch::Tensor& /*out*/, torch::Tensor& /*lse*/, const torch::Tensor& /*other*/,
                     torch::Tensor& /*other_lse*/) {
  MEMAGENT_CHECK(false, "built without CUDA");
}
void adamw(const AdamWStep& /*step*/, const torch::Tensor& /*gradient*/, torch::Tensor& /*value*/,
           torch::Tensor& /*first*/, torch::Tensor& /*second*/, torch::Tensor& /*average*/,
           double /*average_decay*/) {
  MEMAGENT_CHECK(false, "built without CUDA");
}

}  // namespace memagent::cuda
