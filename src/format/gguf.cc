#include "format/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>

#include "base/fail.h"
#include "format/printable.h"

namespace memagent {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies in memory");

constexpr std::size_t kMaxKeyBytes = 65535;       // as the format's documentation limits them
constexpr std::size_t kMaxTensorNameBytes = 256;  // ggml's own limit is 63
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20;

struct TypeNumber {
  TensorType type;
  std::uint32_t number;
};
constexpr std::array<TypeNumber, 11> kTypeNumbers{{{TensorType::kF32, 0},
                                                   {TensorType::kF16, 1},
                                                   {TensorType::kQ4_0, 2},
                                                   {TensorType::kQ4_1, 3},
                                                   {TensorType::kQ5_0, 6},
                                                   {TensorType::kQ5_1, 7},
                                                   {TensorType::kQ8_0, 8},
                                                   {TensorType::kQ4_K, 12},
                                                   {TensorType::kQ5_K, 13},
                                                   {TensorType::kQ6_K, 14},
                                                   {TensorType::kBF16, 30}}};

// Bytes of one value of a fixed-size type; 0 for string, array and unknown types.
std::size_t fixed_size(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

bool known(GgufType type) {
  return static_cast<std::uint32_t>(type) <= static_cast<std::uint32_t>(GgufType::kFloat64);
}

template <typename T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads forwards through the file; everything that could run past its end throws.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  const std::string& path() const { return path_; }

  std::span<const std::byte> take(std::uint64_t size, std::string_view what) {
    if (size > left()) {
      fail(ErrorKind::kBadInput,
           "'{}': GGUF file ends inside {} at byte {}: {} bytes expected, {} left; the file is "
           "cut short or damaged",
           path_, what, at_, size, left());
    }
    const auto part = bytes_.subspan(at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return part;
  }

  template <typename T>
  T number(std::string_view what) {
    return load<T>(take(sizeof(T), what).data());
  }

  std::string_view string(std::string_view what, std::uint64_t limit) {
    const std::size_t start = at_;
    const auto size = number<std::uint64_t>(what);
    if (size > limit) {
      fail(ErrorKind::kBadInput, "'{}': {} at byte {} is {} bytes long, the limit is {}", path_,
           what, start, size, limit);
    }
    return as_text(take(size, what));
  }

  // A count of things of at least `least_bytes` each; more than can follow is refused.
  std::uint64_t count(std::string_view what, std::size_t least_bytes) {
    const std::size_t start = at_;
    const auto value = number<std::uint64_t>(what);
    if (value > left() / least_bytes) {
      fail(ErrorKind::kBadInput, "'{}': {} at byte {} is {}, more than the {} bytes after it hold",
           path_, what, start, value, left());
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const std::string& path_;
};

GgufType read_type(Cursor& cursor, std::string_view key) {
  const std::size_t start = cursor.at();
  const auto type = static_cast<GgufType>(cursor.number<std::uint32_t>("a value's type"));
  if (!known(type)) {
    fail(ErrorKind::kBadInput, "'{}': key '{}' has unknown value type {} at byte {}", cursor.path(),
         printable(key), static_cast<std::uint32_t>(type), start);
  }
  return type;
}

void check_bools(std::span<const std::byte> bytes, const Cursor& cursor, std::string_view key) {
  if (std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; })) {
    fail(ErrorKind::kBadInput, "'{}': key '{}' holds a truth value that is neither 0 nor 1",
         cursor.path(), printable(key));
  }
}

// `count` values of a type that is not an array.
void read_plain(Cursor& cursor, GgufType type, std::uint64_t count, std::string_view key) {
  if (type == GgufType::kString) {
    for (std::uint64_t i = 0; i < count; ++i) {
      cursor.string("a metadata string", cursor.left());
    }
    return;
  }
  // count is at most the bytes left, and those fit a size_t eight times over.
  const auto bytes = cursor.take(count * fixed_size(type), "a metadata value");
  if (type == GgufType::kBool) check_bools(bytes, cursor, key);
}

GgufValue read_value(Cursor& cursor, std::span<const std::byte> file, std::string_view key) {
  GgufValue value;
  value.type = value.element_type = read_type(cursor, key);
  const std::size_t start = cursor.at();
  if (value.type == GgufType::kArray) {
    value.element_type = read_type(cursor, key);
    if (value.element_type == GgufType::kArray) {
      fail(ErrorKind::kBadInput, "'{}': key '{}' is an array of arrays, which no model needs",
           cursor.path(), printable(key));
    }
    const std::size_t least =
        value.element_type == GgufType::kString ? 8 : fixed_size(value.element_type);
    value.count = cursor.count("an array's length", least);
  }
  read_plain(cursor, value.element_type, value.count, key);
  value.bytes = file.subspan(start, cursor.at() - start);
  return value;
}

void read_metadata(Cursor& cursor, std::span<const std::byte> file, std::uint64_t count,
                   Gguf& out) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = cursor.string("a metadata key", kMaxKeyBytes);
    if (key.empty()) {
      fail(ErrorKind::kBadInput, "'{}': metadata entry {} has an empty key", cursor.path(), i);
    }
    if (!out.entry_of_key.emplace(key, out.metadata.size()).second) {
      fail(ErrorKind::kBadInput, "'{}': metadata key '{}' appears twice", cursor.path(),
           printable(key));
    }
    out.metadata.push_back({key, read_value(cursor, file, key)});
  }
}

void read_alignment(const std::string& path, Gguf& out) {
  const GgufValue* value = out.find("general.alignment");
  if (value == nullptr) return;
  const auto alignment = value->integer();
  if (!alignment || *alignment < 8 || static_cast<std::uint64_t>(*alignment) > kMaxAlignment ||
      !std::has_single_bit(static_cast<std::uint64_t>(*alignment))) {
    fail(ErrorKind::kBadInput,
         "'{}': general.alignment is {}, expected a power of two from 8 to {}", path,
         alignment ? fmt::format("{}", *alignment) : "not an integer", kMaxAlignment);
  }
  out.alignment = static_cast<std::uint64_t>(*alignment);
}

struct TensorPlace {
  std::uint64_t offset;
  std::uint64_t bytes;
};

TensorPlace read_tensor_entry(Cursor& cursor, TensorView& tensor) {
  const std::string& path = cursor.path();
  tensor.name = cursor.string("a tensor's name", kMaxTensorNameBytes);
  const std::string shown = printable(tensor.name);
  if (tensor.name.empty()) fail(ErrorKind::kBadInput, "'{}': a tensor has an empty name", path);
  const auto dimensions = cursor.number<std::uint32_t>("a tensor's number of dimensions");
  if (dimensions < 1 || dimensions > kMaxDimensions) {
    fail(ErrorKind::kBadInput, "'{}': tensor '{}' has {} dimensions, expected 1 to {}", path, shown,
         dimensions, kMaxDimensions);
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    tensor.shape.push_back(cursor.number<std::int64_t>("a tensor's dimensions"));
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  const auto number = cursor.number<std::uint32_t>("a tensor's type");
  const auto type = tensor_type_of_ggml(number);
  if (!type) {
    fail(ErrorKind::kBadInput,
         "'{}': tensor '{}' has ggml type {}, which memagent does not read; use a file of F32, "
         "F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K",
         path, shown, number);
  }
  tensor.type = *type;
  const std::int64_t bytes = tensor_bytes(tensor.type, tensor.shape);
  if (bytes < 0) {
    fail(ErrorKind::kBadInput, "'{}': tensor '{}' cannot have shape {} and type {}", path, shown,
         shape_text(tensor.shape), to_string(tensor.type));
  }
  return {cursor.number<std::uint64_t>("a tensor's offset"), static_cast<std::uint64_t>(bytes)};
}

// Tensors on the same bytes would let a small file ask for any amount of memory.
void refuse_overlaps(const std::vector<TensorView>& tensors, const std::string& path) {
  std::vector<const TensorView*> in_order;
  in_order.reserve(tensors.size());
  for (const TensorView& tensor : tensors) in_order.push_back(&tensor);
  std::ranges::sort(in_order, std::less<>(),
                    [](const TensorView* tensor) { return tensor->data.data(); });
  for (std::size_t i = 1; i < in_order.size(); ++i) {
    const TensorView& before = *in_order[i - 1];
    if (before.data.data() + before.data.size() <= in_order[i]->data.data()) continue;
    fail(ErrorKind::kBadInput, "'{}': tensors '{}' and '{}' overlap; the file is damaged", path,
         printable(before.name), printable(in_order[i]->name));
  }
}

void read_tensors(Cursor& cursor, std::span<const std::byte> file, std::uint64_t count, Gguf& out) {
  const std::string& path = cursor.path();
  std::vector<TensorPlace> places;
  for (std::uint64_t i = 0; i < count; ++i) {
    places.push_back(read_tensor_entry(cursor, out.tensors.emplace_back()));
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  const std::uint64_t past = cursor.at() % out.alignment;
  out.data_offset = cursor.at() + (past == 0 ? 0 : out.alignment - past);
  const std::uint64_t data_bytes =
      out.data_offset <= file.size() ? file.size() - out.data_offset : 0;
  for (std::size_t i = 0; i < out.tensors.size(); ++i) {
    TensorView& tensor = out.tensors[i];
    const auto [offset, bytes] = places[i];
    if (!seen.emplace(tensor.name, i).second) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' appears twice", path, printable(tensor.name));
    }
    if (offset % out.alignment != 0) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' is at offset {}, not a multiple of {}", path,
           printable(tensor.name), offset, out.alignment);
    }
    if (offset > data_bytes || bytes > data_bytes - offset) {
      fail(ErrorKind::kBadInput,
           "'{}': tensor '{}' needs {} bytes at offset {} of the data, the file has {}; it is cut "
           "short or damaged",
           path, printable(tensor.name), bytes, offset, data_bytes);
    }
    tensor.data = file.subspan(static_cast<std::size_t>(out.data_offset + offset),
                               static_cast<std::size_t>(bytes));
  }
  refuse_overlaps(out.tensors, path);
}

// One fixed-size number at `bytes` as T, whatever its width.
template <typename T>
std::optional<T> number_at(GgufType type, const std::byte* bytes) {
  switch (type) {
    case GgufType::kUint8:
      return static_cast<T>(load<std::uint8_t>(bytes));
    case GgufType::kInt8:
      return static_cast<T>(load<std::int8_t>(bytes));
    case GgufType::kUint16:
      return static_cast<T>(load<std::uint16_t>(bytes));
    case GgufType::kInt16:
      return static_cast<T>(load<std::int16_t>(bytes));
    case GgufType::kUint32:
      return static_cast<T>(load<std::uint32_t>(bytes));
    case GgufType::kInt32:
      return static_cast<T>(load<std::int32_t>(bytes));
    case GgufType::kInt64:
      return static_cast<T>(load<std::int64_t>(bytes));
    case GgufType::kUint64: {
      const auto value = load<std::uint64_t>(bytes);
      if (std::is_integral_v<T> && value > static_cast<std::uint64_t>(INT64_MAX)) {
        return std::nullopt;
      }
      return static_cast<T>(value);
    }
    case GgufType::kFloat32:
      if (std::is_integral_v<T>) return std::nullopt;
      return static_cast<T>(load<float>(bytes));
    case GgufType::kFloat64:
      if (std::is_integral_v<T>) return std::nullopt;
      return static_cast<T>(load<double>(bytes));
    case GgufType::kBool:
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return std::nullopt;
}

constexpr std::size_t kArrayHeadBytes = 4 + 8;  // element type and count

template <typename T>
std::optional<std::vector<T>> numbers_of(const GgufValue& value) {
  const std::size_t size = fixed_size(value.element_type);
  if (value.type != GgufType::kArray || size == 0) return std::nullopt;
  std::vector<T> out;
  out.reserve(static_cast<std::size_t>(value.count));
  for (std::uint64_t i = 0; i < value.count; ++i) {
    const std::byte* element = value.bytes.data() + kArrayHeadBytes + i * size;
    const auto number = number_at<T>(value.element_type, element);
    if (!number) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

}  // namespace

const char* to_string(GgufType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  return known(type) ? kNames[static_cast<std::uint32_t>(type)] : "unknown";
}

std::optional<std::int64_t> GgufValue::integer() const {
  return fixed_size(type) == 0 ? std::nullopt : number_at<std::int64_t>(type, bytes.data());
}

std::optional<double> GgufValue::number() const {
  return fixed_size(type) == 0 ? std::nullopt : number_at<double>(type, bytes.data());
}

std::optional<bool> GgufValue::boolean() const {
  if (type != GgufType::kBool) return std::nullopt;
  return bytes[0] != std::byte{0};
}

std::optional<std::string_view> GgufValue::string() const {
  if (type != GgufType::kString) return std::nullopt;
  return as_text(bytes.subspan(8));
}

std::optional<std::vector<std::int64_t>> GgufValue::integers() const {
  return numbers_of<std::int64_t>(*this);
}

std::optional<std::vector<double>> GgufValue::numbers() const { return numbers_of<double>(*this); }

std::optional<std::vector<std::string_view>> GgufValue::strings() const {
  if (type != GgufType::kArray || element_type != GgufType::kString) return std::nullopt;
  std::vector<std::string_view> out;
  out.reserve(static_cast<std::size_t>(count));
  std::size_t at = kArrayHeadBytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto size = static_cast<std::size_t>(load<std::uint64_t>(bytes.data() + at));
    out.push_back(as_text(bytes.subspan(at + 8, size)));
    at += 8 + size;
  }
  return out;
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = entry_of_key.find(key);
  return found == entry_of_key.end() ? nullptr : &metadata[found->second].value;
}

std::uint32_t ggml_type_number(TensorType type) {
  return std::find_if(kTypeNumbers.begin(), kTypeNumbers.end(),
                      [&](const TypeNumber& entry) { return entry.type == type; })
      ->number;
}

std::optional<TensorType> tensor_type_of_ggml(std::uint32_t number) {
  for (const TypeNumber& entry : kTypeNumbers) {
    if (entry.number == number) return entry.type;
  }
  return std::nullopt;
}

Gguf parse_gguf(std::span<const std::byte> bytes, const std::string& path) {
  Cursor cursor(bytes, path);
  if (bytes.size() < 4 || as_text(bytes.first(4)) != "GGUF") {
    fail(ErrorKind::kBadInput,
         "'{}' is not a GGUF file: it does not begin with 'GGUF'; give a GGUF file or the folder "
         "of a Hugging Face model",
         path);
  }
  cursor.take(4, "the header");
  Gguf out;
  out.version = cursor.number<std::uint32_t>("the header");
  if (out.version != 2 && out.version != 3) {
    const bool swapped = out.version != 0 && (out.version & 0xFFFFU) == 0;
    fail(ErrorKind::kBadInput, "'{}': GGUF version {}{} is not supported, expected 2 or 3", path,
         swapped ? out.version >> 24 : out.version, swapped ? " in big-endian order" : "");
  }
  // A tensor entry takes at least 8 + 4 + 8 + 4 + 8 bytes, a metadata entry 8 + 4 + 1.
  const std::uint64_t num_tensors = cursor.count("the number of tensors", 32);
  const std::uint64_t num_entries = cursor.count("the number of metadata entries", 13);
  read_metadata(cursor, bytes, num_entries, out);
  read_alignment(path, out);
  read_tensors(cursor, bytes, num_tensors, out);
  return out;
}

}  // namespace memagent
