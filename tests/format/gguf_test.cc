// GGUF files put together by hand from the published layout, good ones and all kinds of bad ones.
#include "format/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "format/expect_bad_input.h"
#include "format/gguf_writer.h"
#include "format/temporary_folder.h"

namespace memagent {
namespace {

// The test's own encoder: appends fields as the layout lists them.
class Bytes {
 public:
  Bytes& raw(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  template <typename T>
  Bytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& u32(std::uint32_t value) { return number(value); }
  Bytes& u64(std::uint64_t value) { return number(value); }
  Bytes& text(std::string_view value) { return u64(value.size()).raw(value); }
  Bytes& pad(std::size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_ += '\0';
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

Gguf parse(const std::string& bytes) {
  return parse_gguf(std::as_bytes(std::span(bytes)), "x.gguf");
}

// Two tensors, six metadata entries, one of every shape of value.
struct Parts {
  std::uint32_t version = 3;
  std::uint64_t num_tensors = 2;
  std::uint64_t num_entries = 6;
  std::string name0 = "a";
  std::string name1 = "b";
  std::uint32_t dimensions0 = 2;
  std::uint64_t columns0 = 32;
  std::uint64_t rows0 = 3;
  std::uint32_t type0 = 8;  // Q8_0: 34 bytes a row, 102 in all, 128 with padding
  std::uint64_t offset1 = 128;
  std::string key5 = "flag";
  std::uint8_t flag = 1;
};

std::string head_of(const Parts& parts) {
  Bytes bytes;
  bytes.raw("GGUF").u32(parts.version).u64(parts.num_tensors).u64(parts.num_entries);
  bytes.text("name").u32(8).text("tiny");
  bytes.text("count").u32(4).u32(7);
  bytes.text("scale").u32(6).number(0.5F);
  bytes.text("words").u32(9).u32(8).u64(3).text("one").text("").text("three");
  bytes.text("ids").u32(9).u32(5).u64(2).number(std::int32_t{-1}).number(std::int32_t{9});
  bytes.text(parts.key5).u32(7).number(parts.flag);
  bytes.text(parts.name0).u32(parts.dimensions0).u64(parts.columns0).u64(parts.rows0);
  bytes.u32(parts.type0).u64(0);
  bytes.text(parts.name1).u32(1).u64(4).u32(0).u64(parts.offset1);
  return bytes.pad(32).str();
}

std::string file_of(const Parts& parts) {
  Bytes data;
  data.raw(std::string(102, '\x11')).pad(32);
  data.number(1.0F).number(2.0F).number(3.0F).number(4.0F).pad(32);
  return head_of(parts) + data.str();
}

TEST(Gguf, ReadsEveryKindOfValue) {
  const std::string file = file_of({});
  const Gguf gguf = parse(file);
  EXPECT_EQ(gguf.version, 3U);
  ASSERT_EQ(gguf.metadata.size(), 6U);
  EXPECT_EQ(gguf.find("name")->string(), "tiny");
  EXPECT_EQ(gguf.find("count")->integer(), 7);
  EXPECT_EQ(gguf.find("count")->number(), 7.0);
  EXPECT_EQ(gguf.find("scale")->number(), 0.5);
  EXPECT_EQ(gguf.find("scale")->integer(), std::nullopt);
  EXPECT_EQ(gguf.find("words")->strings(), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_EQ(gguf.find("ids")->integers(), (std::vector<std::int64_t>{-1, 9}));
  EXPECT_EQ(gguf.find("ids")->numbers(), (std::vector<double>{-1, 9}));
  EXPECT_EQ(gguf.find("flag")->boolean(), true);
  EXPECT_EQ(gguf.find("name")->integer(), std::nullopt);
  EXPECT_EQ(gguf.find("count")->string(), std::nullopt);
  EXPECT_EQ(gguf.find("words")->integers(), std::nullopt);
  EXPECT_EQ(gguf.find("missing"), nullptr);

  ASSERT_EQ(gguf.tensors.size(), 2U);
  EXPECT_EQ(gguf.tensors[0].type, TensorType::kQ8_0);
  EXPECT_EQ(gguf.tensors[0].shape, (std::vector<std::int64_t>{3, 32}));
  EXPECT_EQ(gguf.tensors[0].data.size(), 102U);
  EXPECT_EQ(gguf.tensors[1].shape, (std::vector<std::int64_t>{4}));
  float last = 0;
  std::memcpy(&last, gguf.tensors[1].data.data() + 12, 4);
  EXPECT_EQ(last, 4.0F);
}

TEST(Gguf, VersionTwoIsTheSame) { EXPECT_EQ(parse(file_of({.version = 2})).tensors.size(), 2U); }

TEST(Gguf, WideIntegers) {
  const auto value_of = [](std::uint32_t type, const auto& number) {
    Bytes bytes;
    bytes.raw("GGUF").u32(3).u64(0).u64(1).text("k").u32(type).number(number).pad(32);
    const Gguf gguf = parse(bytes.str());
    return gguf.find("k")->integer();
  };
  EXPECT_EQ(value_of(0, std::uint8_t{255}), 255);
  EXPECT_EQ(value_of(1, std::int8_t{-128}), -128);
  EXPECT_EQ(value_of(2, std::uint16_t{65535}), 65535);
  EXPECT_EQ(value_of(3, std::int16_t{-1}), -1);
  EXPECT_EQ(value_of(11, std::int64_t{INT64_MIN}), INT64_MIN);
  EXPECT_EQ(value_of(10, std::uint64_t{INT64_MAX}), INT64_MAX);
  EXPECT_EQ(value_of(10, std::uint64_t{1} << 63), std::nullopt);
}

TEST(Gguf, WriterWritesTheseBytes) {
  const TemporaryFolder folder;
  GgufWriter writer(folder.path("x.gguf"));
  writer.set_string("name", "tiny");
  writer.set_u32("count", 7);
  writer.set_f32("scale", 0.5F);
  writer.set_strings("words", std::vector<std::string>{"one", "", "three"});
  writer.set_i32s("ids", std::vector<std::int32_t>{-1, 9});
  writer.set_bool("flag", true);
  writer.add_tensor("a", TensorType::kQ8_0, {3, 32});
  writer.add_tensor("b", TensorType::kF32, {4});
  writer.begin();
  // In uneven pieces, across the boundary of the tensors.
  const std::string a(102, '\x11');
  const float b[] = {1, 2, 3, 4};
  std::string all = a + std::string(reinterpret_cast<const char*>(b), 16);
  const auto bytes = std::as_bytes(std::span(all));
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    writer.write(bytes.subspan(at, std::min<std::size_t>(7, bytes.size() - at)));
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path("x.gguf")));
  writer.finish();
  EXPECT_EQ(TemporaryFolder::read(folder.path("x.gguf")), file_of({}));
}

TEST(Gguf, CopiesEntriesOfAnotherFile) {
  const TemporaryFolder folder;
  const std::string file = file_of({});
  const Gguf gguf = parse(file);
  {
    GgufWriter writer(folder.path("y.gguf"));
    for (const GgufEntry& entry : gguf.metadata) writer.copy(entry);
    for (const TensorView& tensor : gguf.tensors) {
      writer.add_tensor(tensor.name, tensor.type, tensor.shape);
    }
    writer.begin();
    for (const TensorView& tensor : gguf.tensors) writer.write(tensor.data);
    writer.finish();
  }
  EXPECT_EQ(TemporaryFolder::read(folder.path("y.gguf")), file);
}

// The file must be refused wherever it is cut, except that the padding at its very end may go.
TEST(Gguf, CutAtEveryByte) {
  const std::string file = file_of({});
  const std::size_t needed = file.size() - 16;
  for (std::size_t size = 0; size < file.size(); ++size) {
    // A buffer of exactly that size, so that a sanitizer sees the first byte read past it.
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    const bool fine = accepted([&] { parse_gguf(std::as_bytes(std::span(cut)), "cut"); });
    EXPECT_EQ(fine, size >= needed) << size;
  }
}

TEST(Gguf, EveryBitOfTheHeaderFlipped) {
  const std::string file = file_of({});
  const std::size_t header = head_of({}).size();
  int refused = 0;
  for (std::size_t at = 0; at < header; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = file;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      if (!accepted([&] { parse(bad); })) ++refused;
    }
  }
  // Letters of names and values may change unnoticed; lengths, counts and types may not.
  EXPECT_GT(refused, static_cast<int>(header) * 8 / 2);
}

TEST(Gguf, EveryFieldTooLarge) {
  const std::string file = file_of({});
  const std::size_t header = head_of({}).size();
  for (std::size_t at = 0; at + 8 <= header; ++at) {
    for (const std::uint64_t value :
         {UINT64_MAX, UINT64_MAX / 2, UINT64_MAX / 8 + 1, std::uint64_t{1} << 32}) {
      std::string bad = file;
      std::memcpy(bad.data() + at, &value, 8);
      accepted([&] { parse(bad); });
    }
  }
}

TEST(Gguf, SaysWhatIsWrong) {
  const auto refuse = [](const Parts& parts, const std::string& part) {
    expect_error([&] { parse(file_of(parts)); }, part);
  };
  refuse({.version = 1}, "version 1 is not supported");
  refuse({.version = 0x03000000}, "version 3 in big-endian order");
  refuse({.num_tensors = UINT64_MAX}, "the number of tensors at byte 8");
  refuse({.num_entries = 1'000'000}, "the number of metadata entries at byte 16");
  refuse({.name1 = "a"}, "tensor 'a' appears twice");
  refuse({.name0 = ""}, "empty name");
  refuse({.name0 = std::string(300, 'x')}, "300 bytes long");
  refuse({.dimensions0 = 0}, "0 dimensions");
  refuse({.dimensions0 = 5}, "5 dimensions");
  refuse({.columns0 = 31}, "cannot have shape [3, 31]");
  refuse({.rows0 = 0}, "cannot have shape [0, 32]");
  refuse({.columns0 = std::uint64_t{1} << 40, .rows0 = std::uint64_t{1} << 40},
         "cannot have shape");
  refuse({.rows0 = std::uint64_t{1} << 63}, "cannot have shape");
  refuse({.rows0 = 1 << 20}, "needs 35651584 bytes");
  refuse({.type0 = 10}, "ggml type 10");
  refuse({.type0 = 4}, "ggml type 4");
  refuse({.offset1 = 130}, "not a multiple of 32");
  refuse({.offset1 = 160}, "needs 16 bytes at offset 160");
  refuse({.offset1 = UINT64_MAX - 31}, "needs 16 bytes");
  refuse({.offset1 = 96}, "tensors 'a' and 'b' overlap");
  refuse({.offset1 = 0}, "overlap");
  refuse({.key5 = "name"}, "key 'name' appears twice");
  refuse({.key5 = ""}, "empty key");
  refuse({.key5 = std::string(70'000, 'k')}, "70000 bytes long");
  refuse({.flag = 2}, "neither 0 nor 1");
  // What a terminal must not see does not reach the message.
  refuse({.name0 = "\x1b[31m\n'", .name1 = "\x1b[31m\n'"}, "'\\x1b[31m\\x0a\\x27' appears twice");
}

TEST(Gguf, RefusesOddValues) {
  const auto refuse = [](const std::function<void(Bytes&)>& value, const std::string& part) {
    Bytes bytes;
    bytes.raw("GGUF").u32(3).u64(0).u64(1).text("general.alignment");
    value(bytes);
    bytes.pad(32).raw(std::string(64, '\0'));
    expect_error([&] { parse(bytes.str()); }, part);
  };
  refuse([](Bytes& b) { b.u32(13).u64(0); }, "unknown value type 13");
  refuse([](Bytes& b) { b.u32(9).u32(9).u64(1); }, "array of arrays");
  refuse([](Bytes& b) { b.u32(9).u32(10).u64(UINT64_MAX / 8); }, "an array's length");
  refuse([](Bytes& b) { b.u32(9).u32(8).u64(1000); }, "an array's length");
  refuse([](Bytes& b) { b.u32(8).u64(UINT64_MAX); }, "a metadata string");
  refuse([](Bytes& b) { b.u32(4).u32(0); }, "general.alignment is 0");
  refuse([](Bytes& b) { b.u32(4).u32(4); }, "general.alignment is 4");
  refuse([](Bytes& b) { b.u32(4).u32(48); }, "general.alignment is 48");
  refuse([](Bytes& b) { b.u32(4).u32(1U << 31); }, "general.alignment is 2147483648");
  refuse([](Bytes& b) { b.u32(8).text("32"); }, "not an integer");
}

TEST(Gguf, ObeysTheAlignmentItStates) {
  Bytes bytes;
  bytes.raw("GGUF").u32(3).u64(1).u64(1).text("general.alignment").u32(4).u32(256);
  bytes.text("t").u32(1).u64(1).u32(0).u64(256).pad(256).raw(std::string(256, '\0')).number(5.0F);
  const std::string file = bytes.str();
  const Gguf gguf = parse(file);
  float value = 0;
  std::memcpy(&value, gguf.tensors[0].data.data(), 4);
  EXPECT_EQ(value, 5.0F);
}

TEST(Gguf, NotAGgufFileAtAll) {
  expect_error([] { parse(""); }, "not a GGUF file");
  expect_error([] { parse("GGU"); }, "not a GGUF file");
  expect_error([] { parse(std::string(100, '\0')); }, "not a GGUF file");
  expect_error([] { parse("{\"a\": 1}"); }, "not a GGUF file");
}

}  // namespace
}  // namespace memagent
