#include "model/local/weights.h"

#include "base/fail.h"
#include "format/quant.h"

namespace memagent {
namespace {

class Loader {
 public:
  Loader(const ModelFile& file, const Kernels& kernels, ThreadPool& pool)
      : file_(file), kernels_(kernels), pool_(pool) {}

  std::vector<float> vector(const std::string& name) const {
    const TensorView& tensor = file_.tensor(name);
    std::vector<float> out(static_cast<std::size_t>(tensor.shape.at(0)));
    dequantize_row(tensor.type, tensor.data, out);
    return out;
  }

  OwnedMatrix matrix(const std::string& name) const {
    const TensorView& tensor = file_.tensor(name);
    OwnedMatrix out(weight_format(tensor.type), tensor.shape.at(0), tensor.shape.at(1));
    pool_.parallel_for(out.view().panels(), 4, [&](std::int64_t begin, std::int64_t end, int) {
      pack_panels(kernels_, tensor, begin, end, out);
    });
    return out;
  }

 private:
  const ModelFile& file_;
  const Kernels& kernels_;
  ThreadPool& pool_;
};

}  // namespace

// Weights keep the file. NOLINTNEXTLINE(performance-unnecessary-value-param)
std::shared_ptr<const Weights> load_weights(std::shared_ptr<const ModelFile> file,
                                            const Kernels& kernels, ThreadPool& pool) {
  auto weights = std::make_shared<Weights>();
  const ModelConfig& config = file->config();
  if (config.head_dim % 16 != 0) {
    fail(ErrorKind::kBadInput,
         "{}: heads of {} dimensions are not supported: expected a multiple of 16", file->name(),
         config.head_dim);
  }
  weights->config = config;
  weights->kernels = &kernels;
  weights->file = file;
  weights->token_embedding = file->tensor("token_embd.weight");
  const Loader loader(*file, kernels, pool);
  for (std::int32_t index = 0; index < config.num_layers; ++index) {
    const std::string prefix = fmt::format("blk.{}.", index);
    LayerWeights layer;
    layer.attention_norm = loader.vector(prefix + "attn_norm.weight");
    layer.query = loader.matrix(prefix + "attn_q.weight");
    layer.key = loader.matrix(prefix + "attn_k.weight");
    layer.value = loader.matrix(prefix + "attn_v.weight");
    if (config.qkv_bias) {
      layer.query_bias = loader.vector(prefix + "attn_q.bias");
      layer.key_bias = loader.vector(prefix + "attn_k.bias");
      layer.value_bias = loader.vector(prefix + "attn_v.bias");
    }
    if (config.query_key_norm) {
      layer.query_norm = loader.vector(prefix + "attn_q_norm.weight");
      layer.key_norm = loader.vector(prefix + "attn_k_norm.weight");
    }
    layer.attention_output = loader.matrix(prefix + "attn_output.weight");
    layer.ffn_norm = loader.vector(prefix + "ffn_norm.weight");
    layer.gate = loader.matrix(prefix + "ffn_gate.weight");
    layer.up = loader.matrix(prefix + "ffn_up.weight");
    layer.down = loader.matrix(prefix + "ffn_down.weight");
    weights->layers.push_back(std::move(layer));
  }
  weights->output_norm = loader.vector("output_norm.weight");
  weights->output = loader.matrix(config.tied_output ? "token_embd.weight" : "output.weight");
  // The packed copies are all that is needed from here on, but for rows of the embedding.
  file->drop_pages();
  return weights;
}

}  // namespace memagent
