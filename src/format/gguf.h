// GGUF, the container of llama.cpp's model files, versions 2 and 3, little-endian.
//
//   offset  size  what
//   0       4     "GGUF"
//   4       4     u32 version: 2 or 3 (the same layout; 3 also allows big-endian files, refused)
//   8       8     u64 number of tensors
//   16      8     u64 number of metadata entries
//   24            metadata entries, one after another:
//                   string key
//                   u32    value type (GgufType)
//                   value
//                 tensor entries, one after another:
//                   string name
//                   u32    number of dimensions, 1 to 4
//                   u64    each dimension, INNERMOST first (the reverse of TensorView::shape)
//                   u32    element type, ggml's numbers
//                   u64    offset of the data from the start of the data part
//                 padding to a multiple of the alignment from the start of the file
//                 data part: the tensors, each at a multiple of the alignment, zeros in between
//
//   string   u64 number of bytes, then the bytes, no terminator
//   value    integers and floats as they are; bool one byte, 0 or 1; string as above;
//            array: u32 element type (not array), u64 count, then the elements
//   alignment is the metadata entry general.alignment (u32, a power of two from 8), or 32.
//
// The reader knows no key but general.alignment and no architecture. It copies neither metadata nor
// tensors: everything it hands out is a view into the bytes it was given, and every count, length,
// type, offset and product has been checked against those bytes before it is used.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/tensor_view.h"

namespace memagent {

enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};
const char* to_string(GgufType type);

// A checked metadata value, still in its bytes. The accessors give nothing when the value is of
// another kind; integers of any width count as integers, and as numbers.
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element_type = GgufType::kUint8;  // of an array; else equal to `type`
  std::uint64_t count = 1;                   // elements of an array
  std::span<const std::byte> bytes;          // as in the file; of an array with its type and count

  std::optional<std::int64_t> integer() const;  // and nothing above 2^63 - 1
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  std::optional<std::string_view> string() const;
  std::optional<std::vector<std::int64_t>> integers() const;
  std::optional<std::vector<double>> numbers() const;
  std::optional<std::vector<std::string_view>> strings() const;
};

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

struct Gguf {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;    // of the data part in the file
  std::vector<GgufEntry> metadata;  // in file order, keys distinct
  std::vector<TensorView> tensors;  // in file order, names distinct
  std::unordered_map<std::string_view, std::size_t> entry_of_key;

  const GgufValue* find(std::string_view key) const;  // null if absent
};

// `bytes` is the whole file and outlives the result; `path` is for messages. Throws
// Error(kBadInput).
Gguf parse_gguf(std::span<const std::byte> bytes, const std::string& path);

// ggml's number for a type, and the type for a number, if it is one of ours.
std::uint32_t ggml_type_number(TensorType type);
std::optional<TensorType> tensor_type_of_ggml(std::uint32_t number);

}  // namespace memagent
