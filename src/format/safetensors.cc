#include "format/safetensors.h"

#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/check.h"
#include "base/fail.h"
#include "format/printable.h"

namespace memagent {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are used as they lie in memory");

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kMaxDimensions = 8;

struct DtypeSize {
  const char* name;
  std::int64_t bytes;
};
constexpr std::array<DtypeSize, 14> kDtypes{{{"F64", 8},
                                             {"F32", 4},
                                             {"F16", 2},
                                             {"BF16", 2},
                                             {"F8_E4M3", 1},
                                             {"F8_E5M2", 1},
                                             {"I64", 8},
                                             {"I32", 4},
                                             {"I16", 2},
                                             {"I8", 1},
                                             {"U64", 8},
                                             {"U32", 4},
                                             {"U16", 2},
                                             {"U8", 1}}};

std::int64_t dtype_bytes(const std::string& dtype) {
  if (dtype == "BOOL") return 1;
  for (const DtypeSize& known : kDtypes) {
    if (dtype == known.name) return known.bytes;
  }
  return 0;
}

// Takes the header's JSON event by event. Depth 1 is the header's object, depth 2 a tensor's or the
// metadata's, depth 3 a tensor's shape or offsets.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(std::span<const std::byte> data, const std::string& path, Safetensors& out)
      : data_(data), path_(path), out_(out) {}

  bool start_object(std::size_t) override {
    if (depth_ >= 2 || array_ != nullptr) refuse("an object too deep");
    if (depth_ == 1 && name_.empty()) refuse("an object without a name");
    ++depth_;
    if (depth_ == 2) {
      fields_.clear();
      entry_ = {};
      entry_.name = name_;
      shape_.clear();
      offsets_.clear();
    }
    return true;
  }

  bool key(std::string& text) override {
    if (depth_ == 1) {
      if (text.empty()) refuse("an empty name");
      if (!names_.insert(text).second) refuse("a name that appears twice");
      name_ = text;
      field_.clear();
      return true;
    }
    if (!fields_.insert(text).second) refuse("a field that appears twice");
    field_ = text;
    return true;
  }

  bool end_object() override {
    --depth_;
    if (depth_ == 1 && name_ != "__metadata__") finish_entry();
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || array_ != nullptr || name_ == "__metadata__") refuse("a list out of place");
    if (field_ == "shape") {
      array_ = &shape_;
    } else if (field_ == "data_offsets") {
      array_ = &offsets_;
    } else {
      refuse("an unknown list");
    }
    return true;
  }

  bool end_array() override {
    array_ = nullptr;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (array_ == nullptr || array_->size() >= kMaxDimensions) refuse("a number out of place");
    if (value > static_cast<std::uint64_t>(INT64_MAX)) refuse("a number that is too large");
    array_->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(std::string& text) override {
    if (depth_ == 2 && name_ == "__metadata__") {
      out_.metadata[field_] = text;
    } else if (depth_ == 2 && array_ == nullptr && field_ == "dtype") {
      entry_.dtype = text;
    } else {
      refuse("a text out of place");
    }
    return true;
  }

  bool null() override { refuse("a null"); }
  bool boolean(bool) override { refuse("a truth value"); }
  bool number_integer(number_integer_t) override { refuse("a negative number"); }
  bool number_float(number_float_t, const std::string&) override { refuse("a fraction"); }
  bool binary(nlohmann::json::binary_t&) override { refuse("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail(ErrorKind::kBadInput, "'{}': the safetensors header is not valid JSON at its byte {}",
         path_, position);
  }

 private:
  [[noreturn]] void refuse(const char* what) const {
    fail(ErrorKind::kBadInput, "'{}': the safetensors header has {} at '{}'{}{}{}", path_, what,
         printable(name_), depth_ == 2 ? " in '" : "", depth_ == 2 ? printable(field_) : "",
         depth_ == 2 ? "'" : "");
  }

  void finish_entry() {
    const std::string shown = printable(name_);
    if (fields_ != std::unordered_set<std::string>{"dtype", "shape", "data_offsets"}) {
      fail(ErrorKind::kBadInput,
           "'{}': tensor '{}' must have exactly dtype, shape and data_offsets", path_, shown);
    }
    std::int64_t bytes = dtype_bytes(entry_.dtype);
    if (bytes == 0) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' has unknown dtype '{}'", path_, shown,
           printable(entry_.dtype));
    }
    for (const std::int64_t dim : shape_) {
      if (__builtin_mul_overflow(bytes, dim, &bytes)) {
        fail(ErrorKind::kBadInput, "'{}': tensor '{}' has impossible shape {}", path_, shown,
             shape_text(shape_));
      }
    }
    const auto size = static_cast<std::int64_t>(data_.size());
    if (offsets_.size() != 2 || offsets_[0] > offsets_[1] || offsets_[1] > size) {
      fail(ErrorKind::kBadInput,
           "'{}': tensor '{}' lies at {}, outside the file's {} bytes of data; the file is cut "
           "short or damaged",
           path_, shown, shape_text(offsets_), size);
    }
    if (offsets_[1] - offsets_[0] != bytes) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' of {} {} takes {} bytes, its offsets give {}",
           path_, shown, entry_.dtype, shape_text(shape_), bytes, offsets_[1] - offsets_[0]);
    }
    entry_.shape = shape_;
    entry_.data =
        data_.subspan(static_cast<std::size_t>(offsets_[0]), static_cast<std::size_t>(bytes));
    out_.tensors.push_back(std::move(entry_));
  }

  std::span<const std::byte> data_;
  const std::string& path_;
  Safetensors& out_;
  int depth_ = 0;
  std::string name_;   // key at depth 1
  std::string field_;  // key at depth 2
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
  SafetensorsEntry entry_;
  std::vector<std::int64_t> shape_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::int64_t>* array_ = nullptr;  // the list being read
};

}  // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& path) {
  if (bytes.size() < 8) {
    fail(ErrorKind::kBadInput, "'{}' is not a safetensors file: {} bytes are too few", path,
         bytes.size());
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8) {
    fail(ErrorKind::kBadInput,
         "'{}': the safetensors header claims {} bytes, the file has {} after its start and the "
         "limit is {}",
         path, header_bytes, bytes.size() - 8, kMaxHeaderBytes);
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data() + 8);
  const auto size = static_cast<std::size_t>(header_bytes);
  if (size == 0 || text[0] != '{') {
    fail(ErrorKind::kBadInput, "'{}': the safetensors header is not a JSON object", path);
  }
  Safetensors out;
  HeaderReader reader(bytes.subspan(8 + size), path, out);
  nlohmann::json::sax_parse(text, text + size, &reader);
  return out;
}

SafetensorsWriter::SafetensorsWriter(std::string path) : file_(std::move(path)) {}

void SafetensorsWriter::set_metadata(const std::string& key, const std::string& text) {
  metadata_[key] = text;
}

void SafetensorsWriter::add_tensor(const std::string& name, TensorType type,
                                   std::vector<std::int64_t> shape) {
  MEMAGENT_CHECK(block_size(type).elements == 1, "{} cannot be {}", name, to_string(type));
  tensors_.push_back({name, type, std::move(shape), {}});
}

void SafetensorsWriter::begin() {
  // The tensors are listed in the order they are written; the JSON library would sort them.
  nlohmann::ordered_json header;
  header["__metadata__"]["format"] = "pt";  // what transformers expects of torch's tensors
  for (const auto& [key, text] : metadata_) header["__metadata__"][key] = text;
  for (const TensorView& tensor : tensors_) {
    const std::int64_t bytes = tensor_bytes(tensor.type, tensor.shape);
    MEMAGENT_CHECK(bytes > 0, "tensor {} {}", tensor.name, shape_text(tensor.shape));
    const std::uint64_t end = data_bytes_ + static_cast<std::uint64_t>(bytes);
    header[tensor.name] = {{"dtype", to_string(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {data_bytes_, end}}};
    data_bytes_ = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data starts aligned
  const std::uint64_t size = text.size();
  file_.write(std::as_bytes(std::span(&size, 1)));
  file_.write(text);
  data_start_ = file_.bytes_written();
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) { file_.write(bytes); }

void SafetensorsWriter::finish() {
  MEMAGENT_CHECK(data_start_ > 0 && file_.bytes_written() == data_start_ + data_bytes_,
                 "{} bytes of data written, {} declared", file_.bytes_written() - data_start_,
                 data_bytes_);
  file_.commit();
}

}  // namespace memagent
