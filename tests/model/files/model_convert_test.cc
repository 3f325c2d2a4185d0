// Models from one container or type into another.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>

#include "base/mapped_file.h"
#include "format/expect_bad_input.h"
#include "format/gguf.h"
#include "format/temporary_folder.h"
#include "model/files/edited_gguf.h"
#include "model/local/model_tools.h"
#include "model/local/retyped.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

class ModelConvert : public testing::TestWithParam<const char*> {
 protected:
  std::string make(const std::string& shape, TensorType type, const std::string& name) {
    init_model(named_shape(shape).config, {.type = type, .seed = 5}, folder_.path(name));
    return folder_.path(name);
  }
  static std::string bytes_of(const std::string& path) { return TemporaryFolder::read(path); }

  TemporaryFolder folder_;
};

void expect_same_tensors(const ModelFile& a, const ModelFile& b) {
  ASSERT_EQ(a.tensors().size(), b.tensors().size());
  for (std::size_t i = 0; i < a.tensors().size(); ++i) {
    const TensorView& x = a.tensors()[i];
    const TensorView& y = b.tensors()[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.type, y.type) << x.name;
    EXPECT_EQ(x.shape, y.shape) << x.name;
    EXPECT_TRUE(std::equal(x.data.begin(), x.data.end(), y.data.begin(), y.data.end())) << x.name;
  }
}

TEST_P(ModelConvert, ThereAndBackIsTheSame) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    const std::string gguf = make(GetParam(), type, "a.gguf");
    const std::string folder = folder_.path("hf");
    const std::string again = folder_.path("b.gguf");
    const std::string folder_again = folder_.path("hf2");
    const WrittenModel written = convert_model(gguf, folder);
    EXPECT_TRUE(written.has_vocabulary);
    convert_model(folder, again);
    convert_model(again, folder_again);
    for (const char* file :
         {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
      EXPECT_EQ(bytes_of(folder + "/" + file), bytes_of(folder_again + "/" + file)) << file;
    }
    const auto first = open_model_file(gguf);
    const auto second = open_model_file(again);
    expect_same_tensors(*first, *second);
    EXPECT_EQ(first->chat_template(), second->chat_template());
    const Vocabulary& before = *vocabulary_of(*first->tokenizer());
    const Vocabulary& after = *vocabulary_of(*second->tokenizer());
    EXPECT_EQ(before.tokens, after.tokens);
    EXPECT_EQ(before.merges, after.merges);
    EXPECT_EQ(before.types, after.types);
    EXPECT_EQ(before.pre_tokenizer, after.pre_tokenizer);
    EXPECT_EQ(before.bos, after.bos);
    EXPECT_EQ(before.eos, after.eos);
    EXPECT_EQ(before.add_bos, after.add_bos);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ModelConvert,
                         testing::Values("llama-tiny", "qwen2-tiny", "qwen3-tiny"));

TEST_F(ModelConvert, LlamaRowsArePermuted) {
  const std::string gguf = make("llama-tiny", TensorType::kF32, "a.gguf");
  convert_model(gguf, folder_.path("hf"));
  const auto in_gguf = open_model_file(gguf);
  const auto in_folder = open_model_file(folder_.path("hf"));
  EXPECT_EQ(in_folder->config().rotary_pairs, RotaryPairs::kHalves);
  const auto row = [](const ModelFile& model, const char* name, std::size_t index) {
    const TensorView& tensor = model.tensor(name);
    const std::size_t bytes = static_cast<std::size_t>(tensor.shape[1]) * 4;
    const auto part = tensor.data.subspan(index * bytes, bytes);
    return std::vector<std::byte>(part.begin(), part.end());
  };
  // Of head 1 (64 wide): elements 3 and 3 + 32 turn together; in GGUF they are 6 and 7.
  EXPECT_EQ(row(*in_folder, "blk.0.attn_q.weight", 64 + 3),
            row(*in_gguf, "blk.0.attn_q.weight", 64 + 6));
  EXPECT_EQ(row(*in_folder, "blk.0.attn_q.weight", 64 + 35),
            row(*in_gguf, "blk.0.attn_q.weight", 64 + 7));
  EXPECT_EQ(row(*in_folder, "blk.1.attn_k.weight", 31), row(*in_gguf, "blk.1.attn_k.weight", 62));
  EXPECT_EQ(row(*in_folder, "blk.1.attn_v.weight", 31), row(*in_gguf, "blk.1.attn_v.weight", 31));
}

TEST_F(ModelConvert, Llama3ScalingKeepsItsRule) {
  convert_model(make("llama-tiny", TensorType::kF32, "plain.gguf"), folder_.path("hf"));
  const std::string path = folder_.path("hf/config.json");
  std::string json = bytes_of(path);
  const std::string scaling =
      R"("rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, )"
      R"("high_freq_factor": 4.0, "original_max_position_embeddings": 8192}, )";
  json.insert(json.find("\"rope_theta\""), scaling);
  folder_.write("hf/config.json", json);
  convert_model(folder_.path("hf"), folder_.path("scaled.gguf"));
  const auto scaled = open_model_file(folder_.path("scaled.gguf"));
  EXPECT_EQ(scaled->config().rope_factors.front(), 1.0F);
  EXPECT_EQ(scaled->config().rope_factors.back(), 32.0F);
  convert_model(folder_.path("scaled.gguf"), folder_.path("hf2"));
  const std::string again = bytes_of(folder_.path("hf2/config.json"));
  EXPECT_NE(again.find("\"llama3\""), std::string::npos) << again;
  EXPECT_EQ(open_model_file(folder_.path("hf2"))->config().rope_factors,
            scaled->config().rope_factors);
}

TEST_F(ModelConvert, QuantizingIsLikeMakingItThatWay) {
  const std::string f32 = make("qwen3-tiny", TensorType::kF32, "f32.gguf");
  for (const TensorType type : kTensorTypes) {
    const std::string direct = make("qwen3-tiny", type, "direct.gguf");
    const std::string quantized = folder_.path("quantized.gguf");
    const WrittenModel result = quantize_model(f32, quantized, type);
    EXPECT_EQ(bytes_of(quantized), bytes_of(direct)) << to_string(type);
    EXPECT_EQ(result.kept, 0);
    EXPECT_EQ(result.file_bytes, static_cast<std::int64_t>(fs::file_size(quantized)));
  }
}

TEST_P(ModelConvert, RetypedInMemoryIsWhatQuantizingWrites) {
  const std::string path = make(GetParam(), TensorType::kF32, "a.gguf");
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kF16}) {
    quantize_model(path, folder_.path("q.gguf"), type);
    const auto written = open_model_file(folder_.path("q.gguf"));
    auto original = open_model_file(path);
    const auto copy = retyped(*original, type);
    original = nullptr;
    expect_same_tensors(*copy, *written);
    EXPECT_EQ(copy->config(), written->config());
    EXPECT_EQ(copy->chat_template(), written->chat_template());
    EXPECT_NE(copy->tokenizer(), nullptr);
  }
}

TEST_P(ModelConvert, MixingIsTheMeanOfEveryWeight) {
  const std::string one = make(GetParam(), TensorType::kF32, "a.gguf");
  const std::string other = folder_.path("b.gguf");
  init_model(named_shape(GetParam()).config, {.seed = 6, .name = "other"}, other);
  const std::string mix = folder_.path("mix.gguf");
  mix_models(one, other, 0.25, mix);
  const auto a = open_model_file(one);
  const auto b = open_model_file(other);
  const auto m = open_model_file(mix);
  EXPECT_EQ(m->name(), "other");
  const auto values = [](const TensorView& tensor) {
    std::vector<float> out(tensor.data.size() / sizeof(float));
    std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
    return out;
  };
  for (const TensorView& tensor : m->tensors()) {
    const std::vector<float> x = values(a->tensor(tensor.name));
    const std::vector<float> y = values(b->tensor(tensor.name));
    const std::vector<float> mean = values(tensor);
    ASSERT_EQ(mean.size(), x.size()) << tensor.name;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      ASSERT_FLOAT_EQ(mean[i], static_cast<float>(0.75 * x[i] + 0.25 * y[i])) << tensor.name;
    }
  }
  // Nothing, and everything, of the other.
  mix_models(one, other, 0, mix);
  expect_same_tensors(*open_model_file(mix), *a);
  mix_models(one, other, 1, mix);
  EXPECT_EQ(bytes_of(mix), bytes_of(other));
}

TEST_F(ModelConvert, QuantizingKeepsWhatItDoesNotKnow) {
  const std::string odd = folder_.path("odd.gguf");
  write_edited_gguf(make("qwen3-tiny", TensorType::kF32, "f32.gguf"), odd,
                    {.add = [](GgufWriter& w) { w.set_string("general.license", "ours"); }});
  quantize_model(odd, folder_.path("q.gguf"), TensorType::kQ8_0);
  const MappedFile file(folder_.path("q.gguf"));
  const Gguf gguf = parse_gguf(file.bytes(), "q");
  EXPECT_EQ(gguf.find("general.license")->string(), "ours");
  EXPECT_EQ(gguf.find("general.file_type")->integer(), 7);
}

TEST_F(ModelConvert, NotesTakeThePlaceOfThoseOfTheSameKeys) {
  const std::string plain = make("qwen3-tiny", TensorType::kQ8_0, "plain.gguf");
  EXPECT_TRUE(model_notes(plain).empty());
  const std::string first = folder_.path("first.gguf");
  note_model(plain, first, {{"section_tokens", "192"}, {"prompts", "two\nlines"}});
  const std::string second = folder_.path("second.gguf");
  note_model(first, second, {{"section_tokens", "160"}, {"policy", "gated"}});
  const ModelNotes wanted = {
      {"policy", "gated"}, {"prompts", "two\nlines"}, {"section_tokens", "160"}};
  EXPECT_EQ(model_notes(second), wanted);
  EXPECT_EQ(model_info(second).notes, wanted);
  expect_same_tensors(*open_model_file(second), *open_model_file(plain));
  const MappedFile file(second);
  const MappedFile before(plain);
  EXPECT_EQ(parse_gguf(file.bytes(), second).metadata.size(),
            parse_gguf(before.bytes(), plain).metadata.size() + wanted.size());
}

TEST_F(ModelConvert, NotesGoAlong) {
  const std::string noted = folder_.path("noted.gguf");
  const ModelNotes notes = {{"policy", "gated"}, {"prompts", "two\nlines"}};
  note_model(make("qwen3-tiny", TensorType::kF32, "plain.gguf"), noted, notes);
  convert_model(noted, folder_.path("hf"));
  EXPECT_EQ(model_notes(folder_.path("hf")), notes);
  convert_model(folder_.path("hf"), folder_.path("back.gguf"));
  EXPECT_EQ(model_notes(folder_.path("back.gguf")), notes);
}

TEST_F(ModelConvert, SentencePieceVocabulariesGoAlong) {
  const std::string plain = make("llama-tiny", TensorType::kF32, "plain.gguf");
  const auto size = open_model_file(plain)->config().vocab_size;
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types{2, 3, 3};
  for (int i = 0; i < 256; ++i) {
    tokens.push_back(fmt::format("<0x{:02X}>", i));
    types.push_back(6);
  }
  while (std::ssize(tokens) < size) {
    tokens.push_back(fmt::format("\xE2\x96\x81w{}", tokens.size()));
    types.push_back(1);
  }
  const std::vector<float> scores(tokens.size(), -1.0F);
  const auto vocabulary = [&](GgufWriter& writer) {
    writer.set_string("tokenizer.ggml.model", "llama");
    writer.set_strings("tokenizer.ggml.tokens", tokens);
    writer.set_i32s("tokenizer.ggml.token_type", types);
    writer.set_f32s("tokenizer.ggml.scores", scores);
  };
  const std::string gguf = folder_.path("spm.gguf");
  write_edited_gguf(
      plain, gguf,
      {.without_keys = {"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
                        "tokenizer.ggml.token_type", "tokenizer.ggml.merges"},
       .add = vocabulary});
  EXPECT_TRUE(convert_model(gguf, folder_.path("hf")).has_vocabulary);
  const auto before = open_model_file(gguf)->tokenizer();
  const auto after = open_model_file(folder_.path("hf"))->tokenizer();
  ASSERT_NE(after, nullptr);
  for (const char* text : {"w300 w301", "caf\xC3\xA9 w299", " w300"}) {
    EXPECT_EQ(after->encode(text), before->encode(text)) << text;
  }
}

TEST_F(ModelConvert, OthersFilesAreNotWrittenOver) {
  const std::string gguf = make("qwen3-tiny", TensorType::kF32, "a.gguf");
  const std::string folder = folder_.path("hf");
  convert_model(gguf, folder);
  const std::string weights = folder + "/model.safetensors";
  const std::string before = bytes_of(weights);
  expect_error([&] { convert_model(folder, weights); }, "is a file of the model that is read",
               ErrorKind::kUsage);
  EXPECT_EQ(bytes_of(weights), before);
  convert_model(folder, folder + "/new.gguf");  // beside them is no harm
  for (const char* name : {"model.safetensors.index.json", "chat_template.jinja"}) {
    const std::string other = folder_.path(std::string("with-") + name);
    fs::create_directories(other);
    std::ofstream(other + "/" + name) << "{}";
    expect_error([&] { convert_model(gguf, other); }, "holds files of another model",
                 ErrorKind::kUsage);
  }
}

TEST_F(ModelConvert, WeightsThatATypeCannotHoldAreRefused) {
  const std::string gguf = make("qwen3-tiny", TensorType::kF32, "a.gguf");
  const std::string out = folder_.path("out.gguf");
  const auto damaged = [&](const char* name, float value) {
    std::string bytes = bytes_of(gguf);
    std::memcpy(bytes.data() + bytes.size() - 64 * 1024, &value, 4);
    folder_.write(name, bytes);
    return folder_.path(name);
  };
  const std::string large = damaged("large.gguf", 70'000.0F);
  expect_error([&] { quantize_model(large, out, TensorType::kF16); }, "which F16 cannot hold");
  EXPECT_NO_THROW(quantize_model(large, out, TensorType::kBF16));
  fs::remove(out);
  const std::string nan = damaged("nan.gguf", std::nanf(""));
  expect_error([&] { mix_models(nan, gguf, 0.5, out); }, "which F32 cannot hold");
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(ModelConvert, TheShippedModelIsAFileLikeOthers) {
  const std::string copy = folder_.path("copy.gguf");
  quantize_model("builtin:nano", copy, TensorType::kQ8_0);
  expect_same_tensors(*open_model_file(copy), *open_model_file("builtin:nano"));
  EXPECT_NO_THROW(mix_models("builtin:nano", copy, 0.5, folder_.path("mix.gguf")));
}

TEST_F(ModelConvert, RowsThatAreNotWholeBlocksBecomeF16) {
  ModelConfig config = named_shape("qwen3-tiny").config;
  config.ffn_dim = 96;  // ffn_down's rows: three blocks of 32, no block of 256
  init_model(config, {}, folder_.path("a.gguf"));
  const WrittenModel result =
      quantize_model(folder_.path("a.gguf"), folder_.path("b.gguf"), TensorType::kQ4_K);
  EXPECT_EQ(result.kept, config.num_layers);
  const auto model = open_model_file(folder_.path("b.gguf"));
  EXPECT_EQ(model->tensor("blk.0.ffn_down.weight").type, TensorType::kF16);
  EXPECT_EQ(model->tensor("blk.0.ffn_up.weight").type, TensorType::kQ4_K);
  convert_model(folder_.path("a.gguf"), folder_.path("hf"));
  EXPECT_EQ(convert_model(folder_.path("hf"), folder_.path("c.gguf"), TensorType::kQ4_K).kept,
            config.num_layers);
}

TEST_F(ModelConvert, FolderOfQuantizedWeightsIsF16) {
  const std::string gguf = make("llama-tiny", TensorType::kQ8_0, "a.gguf");
  convert_model(gguf, folder_.path("hf"));
  const auto model = open_model_file(folder_.path("hf"));
  EXPECT_EQ(model->tensor("blk.0.ffn_up.weight").type, TensorType::kF16);
  EXPECT_EQ(model->tensor("blk.0.ffn_norm.weight").type, TensorType::kF32);
  convert_model(folder_.path("hf"), folder_.path("q4.gguf"), TensorType::kQ4_0);
  EXPECT_EQ(open_model_file(folder_.path("q4.gguf"))->tensor("output.weight").type,
            TensorType::kQ4_0);
}

TEST_F(ModelConvert, RefusesWhatCannotBe) {
  const std::string gguf = make("qwen2-tiny", TensorType::kF32, "a.gguf");
  expect_error([&] { convert_model(gguf, gguf); }, "read and written at once", ErrorKind::kUsage);
  expect_error([&] { quantize_model(gguf, gguf, TensorType::kF16); }, "read and written at once",
               ErrorKind::kUsage);
  expect_error([&] { convert_model(gguf, folder_.path("hf"), TensorType::kQ8_0); },
               "choose F32, F16 or BF16", ErrorKind::kUsage);
  expect_error([&] { quantize_model(folder_.path(""), folder_.path("x"), TensorType::kF16); },
               "is a folder", ErrorKind::kUsage);
  expect_error([&] { convert_model(gguf, folder_.path("a.gguf/hf")); }, "cannot make the folder",
               ErrorKind::kStorage);
  const std::string other = make("qwen3-tiny", TensorType::kF32, "other.gguf");
  const std::string mix = folder_.path("mix.gguf");
  expect_error([&] { mix_models(gguf, other, 0.5, mix); }, "only models of one shape",
               ErrorKind::kUsage);
  expect_error([&] { mix_models(gguf, gguf, 1.5, mix); }, "choose from 0 to 1", ErrorKind::kUsage);
  expect_error([&] { mix_models(gguf, gguf, std::nan(""), mix); }, "choose from 0 to 1",
               ErrorKind::kUsage);
  expect_error([&] { mix_models(other, gguf, 0.5, gguf); }, "read and written at once",
               ErrorKind::kUsage);
  expect_error([&] { mix_models(folder_.path(""), gguf, 0.5, mix); }, "is a folder",
               ErrorKind::kUsage);
  EXPECT_FALSE(fs::exists(mix));
  // A weight that is no number cannot be rounded to a step.
  std::string bytes = bytes_of(gguf);
  const float nan = std::nanf("");
  std::memcpy(bytes.data() + bytes.size() - 64 * 1024, &nan, 4);
  folder_.write("nan.gguf", bytes);
  expect_error(
      [&] { quantize_model(folder_.path("nan.gguf"), folder_.path("x.gguf"), TensorType::kQ4_0); },
      "holds nan");
  EXPECT_FALSE(fs::exists(folder_.path("x.gguf")));
}

TEST_F(ModelConvert, FullDiskLeavesNothing) {
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1 << 20, old.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error([&] { make("qwen2-tiny", TensorType::kF32, "full.gguf"); }, "cannot write",
               ErrorKind::kStorage);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(fs::is_empty(folder_.path("")));
}

TEST_F(ModelConvert, InfoCountsWhatIsThere) {
  const std::string gguf = make("qwen2-tiny", TensorType::kQ8_0, "a.gguf");
  const ModelInfo info = model_info(gguf);
  // 512 x 256 embedding; a layer: 2 x 256 (norms) + 256 x 256 + 2 x 64 x 256 (q, k, v) + 256 + 2 x
  // 64 (biases) + 256 x 256 (output) + 3 x 512 x 256 (feed-forward); 256 at the end.
  const std::int64_t layer = 512 + 65536 + 32768 + 384 + 65536 + 393216;
  EXPECT_EQ(info.parameters, 131072 + 2 * layer + 256);
  EXPECT_EQ(info.format, "GGUF version 3");
  EXPECT_EQ(info.kv_bytes_per_token, 2 * 2 * 2 * 64);
  EXPECT_EQ(info.file_bytes, static_cast<std::int64_t>(fs::file_size(gguf)));
  EXPECT_TRUE(info.has_vocabulary);
  const std::string text = model_info_text(info);
  EXPECT_NE(text.find("15 Q8_0, 11 F32"), std::string::npos) << text;
  EXPECT_NE(text.find("architecture:  qwen2"), std::string::npos) << text;
  convert_model(gguf, folder_.path("hf"));
  EXPECT_EQ(model_info(folder_.path("hf")).format, "safetensors, 1 file");
  EXPECT_EQ(model_info(folder_.path("hf")).parameters, info.parameters);
}

}  // namespace
}  // namespace memagent
