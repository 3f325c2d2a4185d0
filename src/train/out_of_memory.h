// How LibTorch and the libraries beneath it say that there is no memory: for most of it they have
// no exception of its own.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace memagent {

// Whether a message of theirs, without its call stack, is about memory that is not there.
inline bool says_out_of_memory(std::string_view message) {
  constexpr std::string_view kSigns[] = {
      "allocate",       // the CPU's allocator
      "out of memory",  // CUDA's; NCCL's, which hands on CUDA's
      "ALLOC_FAILED",   // CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
  };
  return std::any_of(std::begin(kSigns), std::end(kSigns),
                     [&](std::string_view sign) { return message.find(sign) != message.npos; });
}

}  // namespace memagent
