// Matrices of a model file rearranged for the kernels.
#pragma once

#include <memory>

#include "format/tensor_type.h"
#include "model/local/kernels/kernels.h"
#include "model/local/model_file.h"

namespace memagent {

// A packed matrix and the memory it lies in.
class OwnedMatrix {
 public:
  OwnedMatrix() = default;
  OwnedMatrix(WeightFormat format, std::int64_t columns, std::int64_t inputs);

  const PackedMatrix& view() const { return view_; }
  std::byte* panel(std::int64_t index);

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  PackedMatrix view_;
};

// The format in which a tensor of `type` is kept: exact for every type.
WeightFormat weight_format(TensorType type);

// Packs panels [begin, end) of a 2-D tensor; different panels may be packed by different threads.
void pack_panels(const Kernels& kernels, const TensorView& tensor, std::int64_t begin,
                 std::int64_t end, OwnedMatrix& out);

}  // namespace memagent
