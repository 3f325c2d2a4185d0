// Any bytes as a safetensors file. Only Error(kBadInput) may come out, and every view handed out
// lies inside the bytes.
//
//   build/fuzz/tests/fuzz/safetensors_fuzz -max_total_time=600 -rss_limit_mb=2048 CORPUS_DIR
#include <cstdint>
#include <cstdlib>

#include "format/safetensors.h"
#include "memagent/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const memagent::Safetensors file = memagent::parse_safetensors(bytes, "fuzz.safetensors");
    unsigned sum = 0;
    for (const memagent::SafetensorsEntry& tensor : file.tensors) {
      for (const std::byte b : tensor.data) sum += std::to_integer<unsigned>(b);
    }
    volatile unsigned sink = sum;
    (void)sink;
  } catch (const memagent::Error& error) {
    if (error.kind() != memagent::ErrorKind::kBadInput) std::abort();
  }
  return 0;
}
