#include "format/gguf_writer.h"

#include <algorithm>
#include <type_traits>

#include "base/check.h"

namespace memagent {
namespace {

constexpr std::uint64_t kAlignment = 32;  // the format's default, so no key has to say so

template <typename T>
void append(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, std::string_view value) {
  append(out, static_cast<std::uint64_t>(value.size()));
  out += value;
}

template <typename T>
void append_array(std::string& out, GgufType type, std::span<const T> values) {
  append(out, static_cast<std::uint32_t>(type));
  append(out, static_cast<std::uint64_t>(values.size()));
  for (const T& value : values) {
    if constexpr (std::is_arithmetic_v<T>) {
      append(out, value);
    } else {
      append_string(out, value);
    }
  }
}

std::uint64_t aligned(std::uint64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

GgufWriter::GgufWriter(std::string path) : file_(std::move(path)) {}

void GgufWriter::key(std::string_view key, GgufType type) {
  MEMAGENT_CHECK(!begun_ && std::find(keys_.begin(), keys_.end(), key) == keys_.end(),
                 "key {} set twice or too late", key);
  keys_.emplace_back(key);
  append_string(metadata_, key);
  append(metadata_, static_cast<std::uint32_t>(type));
}

void GgufWriter::set_u32(std::string_view name, std::uint32_t value) {
  key(name, GgufType::kUint32);
  append(metadata_, value);
}

void GgufWriter::set_f32(std::string_view name, float value) {
  key(name, GgufType::kFloat32);
  append(metadata_, value);
}

void GgufWriter::set_bool(std::string_view name, bool value) {
  key(name, GgufType::kBool);
  append(metadata_, static_cast<std::uint8_t>(value));
}

void GgufWriter::set_string(std::string_view name, std::string_view value) {
  key(name, GgufType::kString);
  append_string(metadata_, value);
}

void GgufWriter::set_strings(std::string_view name, std::span<const std::string> values) {
  key(name, GgufType::kArray);
  append_array(metadata_, GgufType::kString, values);
}

void GgufWriter::set_i32s(std::string_view name, std::span<const std::int32_t> values) {
  key(name, GgufType::kArray);
  append_array(metadata_, GgufType::kInt32, values);
}

void GgufWriter::set_f32s(std::string_view name, std::span<const float> values) {
  key(name, GgufType::kArray);
  append_array(metadata_, GgufType::kFloat32, values);
}

void GgufWriter::copy(const GgufEntry& entry) {
  if (entry.key == "general.alignment") return;  // this file has its own
  key(entry.key, entry.value.type);
  metadata_.append(reinterpret_cast<const char*>(entry.value.bytes.data()),
                   entry.value.bytes.size());
}

void GgufWriter::add_tensor(const std::string& name, TensorType type,
                            std::vector<std::int64_t> shape) {
  const std::int64_t bytes = tensor_bytes(type, shape);
  MEMAGENT_CHECK(!begun_ && bytes > 0, "tensor {} {} {}", name, to_string(type), shape_text(shape));
  tensors_.push_back(
      {name, type, std::move(shape), data_bytes_, static_cast<std::uint64_t>(bytes)});
  data_bytes_ += aligned(static_cast<std::uint64_t>(bytes));
}

void GgufWriter::begin() {
  MEMAGENT_CHECK(!begun_, "begun twice");
  begun_ = true;
  std::string head = "GGUF";
  append(head, std::uint32_t{3});
  append(head, static_cast<std::uint64_t>(tensors_.size()));
  append(head, static_cast<std::uint64_t>(keys_.size()));
  file_.write(head);
  file_.write(metadata_);
  std::string entries;
  for (const Entry& tensor : tensors_) {
    append_string(entries, tensor.name);
    append(entries, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto dim = tensor.shape.rbegin(); dim != tensor.shape.rend(); ++dim) append(entries, *dim);
    append(entries, ggml_type_number(tensor.type));
    append(entries, tensor.offset);
  }
  file_.write(entries);
  pad();
  data_start_ = file_.bytes_written();
}

void GgufWriter::pad() {
  const std::uint64_t at = file_.bytes_written();
  file_.write(std::string(static_cast<std::size_t>(aligned(at) - at), '\0'));
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    MEMAGENT_CHECK(begun_ && current_ < tensors_.size(), "{} bytes too many", bytes.size());
    const Entry& tensor = tensors_[current_];
    const auto part = bytes.first(std::min<std::size_t>(
        bytes.size(), static_cast<std::size_t>(tensor.bytes - current_bytes_)));
    file_.write(part);
    current_bytes_ += part.size();
    bytes = bytes.subspan(part.size());
    if (current_bytes_ == tensor.bytes) {
      pad();
      ++current_;
      current_bytes_ = 0;
    }
  }
}

void GgufWriter::finish() {
  MEMAGENT_CHECK(begun_ && current_ == tensors_.size(), "tensor {} of {} is not complete", current_,
                 tensors_.size());
  MEMAGENT_CHECK(file_.bytes_written() == data_start_ + data_bytes_, "{} bytes written",
                 file_.bytes_written());
  file_.commit();
}

}  // namespace memagent
