// safetensors files put together by hand from the published layout.
#include "format/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "format/expect_bad_input.h"
#include "format/temporary_folder.h"

namespace memagent {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  const std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

Safetensors parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "x.safetensors");
}

constexpr const char* kHeader = R"({"__metadata__":{"format":"pt"},)"
                                R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]}}   )";
const std::string kData(28, '\x3F');

TEST(Safetensors, ReadsAHandMadeFile) {
  const std::string file = file_of(kHeader, kData);
  const Safetensors read = parse(file);
  ASSERT_EQ(read.tensors.size(), 2U);
  EXPECT_EQ(read.metadata.at("format"), "pt");
  EXPECT_EQ(read.tensors[0].name, "a");
  EXPECT_EQ(read.tensors[0].dtype, "F32");
  EXPECT_EQ(read.tensors[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read.tensors[0].data.size(), 24U);
  EXPECT_EQ(read.tensors[1].data.size(), 4U);
  const auto* end = reinterpret_cast<const std::byte*>(file.data() + file.size());
  EXPECT_EQ(read.tensors[1].data.data() + 4, end);
}

TEST(Safetensors, ScalarsAndEmptyTensors) {
  const std::string file = file_of(R"({"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                                   R"("e":{"dtype":"F16","shape":[0,4],"data_offsets":[8,8]}})",
                                   std::string(8, '\0'));
  EXPECT_EQ(parse(file).tensors[0].data.size(), 8U);
  EXPECT_EQ(parse(file).tensors[1].data.size(), 0U);
}

TEST(Safetensors, WriterAndReaderAgree) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder.path("w.safetensors"));
  writer.add_tensor("z", TensorType::kF16, {3});
  writer.add_tensor("a", TensorType::kF32, {2, 2});
  writer.begin();
  const std::string data = "abcdefghijklmnopqrstuv";
  writer.write(std::as_bytes(std::span(data)));
  writer.finish();
  const std::string file = TemporaryFolder::read(folder.path("w.safetensors"));
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  EXPECT_EQ(header % 8, 0U);  // so that data is aligned as the reference implementation does it
  EXPECT_EQ(file.substr(8 + header), data);
  const Safetensors read = parse(file);
  ASSERT_EQ(read.tensors.size(), 2U);
  EXPECT_EQ(read.tensors[0].name, "z");
  EXPECT_EQ(read.tensors[1].shape, (std::vector<std::int64_t>{2, 2}));
}

TEST(Safetensors, CutAtEveryByte) {
  const std::string file = file_of(kHeader, kData);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(accepted([&] { parse_safetensors(std::as_bytes(std::span(cut)), "cut"); }))
        << size;
  }
}

TEST(Safetensors, EveryByteReplaced) {
  const std::string file = file_of(kHeader, kData);
  for (std::size_t at = 0; at < 8 + std::strlen(kHeader); ++at) {
    for (const char byte : {'\0', '"', '{', '[', '}', ']', ',', '9', '-', '\\', '\xFF'}) {
      std::string bad = file;
      bad[at] = byte;
      accepted([&] { parse(bad); });
    }
  }
}

TEST(Safetensors, SaysWhatIsWrong) {
  const auto refuse = [](const std::string& header, const std::string& part) {
    expect_error([&] { parse(file_of(header, kData)); }, part);
  };
  const auto tensor = [](const std::string& fields) { return R"({"t":{)" + fields + "}}"; };
  refuse("", "not a JSON object");
  refuse("[]", "not a JSON object");
  refuse("{", "not valid JSON");
  refuse("{}x", "not valid JSON");
  refuse(R"({"t":1})", "a number out of place");
  refuse(R"({"t":[]})", "a list out of place");
  refuse(R"({"t":{"u":{}}})", "an object too deep");
  refuse(R"({"t":null})", "a null");
  refuse(R"({"":{}})", "an empty name");
  refuse(tensor(R"("dtype":"F32","shape":[1])"), "exactly dtype, shape and data_offsets");
  refuse(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"more":"x")"), "out of place");
  refuse(tensor(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"), "twice");
  refuse(tensor(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])"), "unknown dtype 'F31'");
  refuse(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), "takes 8 bytes");
  refuse(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), "a negative number");
  refuse(tensor(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), "a fraction");
  refuse(tensor(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), "a list out of place");
  refuse(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"), "outside the file");
  refuse(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[26,30])"), "outside the file");
  refuse(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[8,4])"), "outside the file");
  refuse(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"),
         "out of place");
  refuse(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
         "impossible shape");
  refuse(tensor(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0])"),
         "too large");
  refuse(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
         R"("t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
         "a name that appears twice");
  refuse(R"({"__metadata__":{"n":1}})", "a number out of place");
  refuse("{\"a\xFF\":{}}", "not valid JSON");
  refuse("{\"t\":" + std::string(100'000, '['), "a list out of place");
  refuse("{\"t\":" + std::string(100'000, '{'), "");
}

TEST(Safetensors, HeaderLengthIsChecked) {
  for (const std::uint64_t size : {std::uint64_t{1000}, UINT64_MAX, std::uint64_t{200'000'000}}) {
    std::string file = file_of(kHeader, kData);
    std::memcpy(file.data(), &size, 8);
    expect_error([&] { parse(file); }, "claims");
  }
}

}  // namespace
}  // namespace memagent
