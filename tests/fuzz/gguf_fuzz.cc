// Any bytes as a GGUF model file: container, metadata, vocabulary, configuration and tensor table
// are read as open_model_file() does. Only Error(kBadInput) may come out.
//
//   build/fuzz/tests/fuzz/gguf_fuzz -max_total_time=600 -rss_limit_mb=2048 \
//     -dict=tests/fuzz/gguf.dict CORPUS_DIR
//
// A good first corpus: `memagent model init` with the smallest shape there is.
#include <cstdint>
#include <cstdlib>

#include "format/gguf.h"
#include "format/quant.h"
#include "memagent/error.h"
#include "model/local/model_file_layout.h"

namespace {

void read_everything(const memagent::ModelFile& model) {
  std::vector<memagent::TokenId> ids;
  if (model.tokenizer() != nullptr)
    model.tokenizer()->encode("the 12 <|im_end|> \xFF caf\xC3", ids);
  float sum = 0;
  for (const memagent::TensorView& tensor : model.tensors()) {
    const std::int64_t columns = tensor.shape.back();
    const auto bytes = memagent::tensor_bytes(tensor.type, std::span(&columns, 1));
    std::vector<float> row(static_cast<std::size_t>(columns));
    memagent::dequantize_row(tensor.type, tensor.data.first(static_cast<std::size_t>(bytes)), row);
    sum += row[0];
  }
  volatile float sink = sum;
  (void)sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const memagent::Gguf gguf = memagent::parse_gguf(bytes, "fuzz.gguf");
    for (const memagent::GgufEntry& entry : gguf.metadata) {
      entry.value.integer();
      entry.value.number();
      entry.value.boolean();
      entry.value.string();
      entry.value.integers();
      entry.value.numbers();
      entry.value.strings();
    }
    read_everything(*memagent::make_model_file(memagent::read_gguf_model(bytes, "fuzz.gguf")));
  } catch (const memagent::Error& error) {
    if (error.kind() != memagent::ErrorKind::kBadInput) std::abort();
  }
  return 0;
}
