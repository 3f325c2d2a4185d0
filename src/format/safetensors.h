// safetensors, the container of Hugging Face model folders.
//
//   offset  size  what
//   0       8     u64 little-endian: bytes of the JSON header that follows
//   8       n     JSON object, padded with spaces at will:
//                   "name": {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [from, to]}
//                   for each tensor, offsets from the end of the header, `to` exclusive;
//                   "__metadata__": {"key": "text", ...} optional
//   8 + n         the tensors' bytes, little-endian, innermost dimension contiguous
//
// The reader knows dtypes by name only and converts none. It reads the header without building a
// document tree, refuses repeated names, depth, and numbers that are not what they should be, and
// checks every size against the file before handing out views into it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "format/atomic_file.h"
#include "format/tensor_view.h"

namespace memagent {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;                // "F32", "F16", "BF16", "I64", ...
  std::vector<std::int64_t> shape;  // outermost first; empty for a scalar
  std::span<const std::byte> data;
};

struct Safetensors {
  std::vector<SafetensorsEntry> tensors;  // in header order, names distinct
  std::map<std::string, std::string> metadata;
};

// `bytes` is the whole file and outlives the result; `path` is for messages. Throws
// Error(kBadInput).
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& path);

// Writes one file: declare every tensor, begin, write their bytes in that order, finish. F32, F16
// and BF16 only.
class SafetensorsWriter {
 public:
  explicit SafetensorsWriter(std::string path);
  void set_metadata(const std::string& key, const std::string& text);
  void add_tensor(const std::string& name, TensorType type, std::vector<std::int64_t> shape);
  void begin();
  void write(std::span<const std::byte> bytes);
  void finish();
  std::uint64_t file_bytes() const { return file_.bytes_written(); }  // so far

 private:
  AtomicFile file_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t data_start_ = 0;
};

}  // namespace memagent
