// Writes a GGUF file (version 3; the layout is in gguf.h), whole or not at all.
//
//   GgufWriter writer(path);
//   writer.set_string("general.architecture", "qwen3");  ...
//   writer.add_tensor("token_embd.weight", type, {vocab, dim});  ...
//   writer.begin();              // from here on only data
//   writer.write(rows);  ...     // the tensors' bytes in the order they were added, in any pieces
//   writer.finish();             // the file appears
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/atomic_file.h"
#include "format/gguf.h"

namespace memagent {

class GgufWriter {
 public:
  // Failures of the file system throw Error(kStorage).
  explicit GgufWriter(std::string path);

  // Keys must be new.
  void set_u32(std::string_view key, std::uint32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  // An entry of another file, as it is.
  void copy(const GgufEntry& entry);

  // Shape outermost first; the tensor's size must exist (tensor_bytes).
  void add_tensor(const std::string& name, TensorType type, std::vector<std::int64_t> shape);
  void begin();
  void write(std::span<const std::byte> bytes);
  void finish();
  std::uint64_t file_bytes() const { return file_.bytes_written(); }  // so far

 private:
  struct Entry {
    std::string name;
    TensorType type;
    std::vector<std::int64_t> shape;
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  void key(std::string_view key, GgufType type);
  void pad();

  AtomicFile file_;
  std::string metadata_;  // encoded entries
  std::vector<std::string> keys_;
  std::vector<Entry> tensors_;
  std::uint64_t data_bytes_ = 0;  // of the tensors added, with their padding
  std::uint64_t data_start_ = 0;
  std::size_t current_ = 0;          // tensor being written
  std::uint64_t current_bytes_ = 0;  // of it so far
  bool begun_ = false;
};

}  // namespace memagent
