// Hugging Face folders as models.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "format/expect_bad_input.h"
#include "format/safetensors.h"
#include "format/temporary_folder.h"
#include "model/local/model_file.h"
#include "model/local/model_tools.h"

namespace memagent {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

// As published with a Llama 3.1 8B checkpoint, made smaller.
const Json kLlamaConfig = Json::parse(R"({
  "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1,
  "eos_token_id": [2, 3], "hidden_act": "silu", "hidden_size": 256, "intermediate_size": 64,
  "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
  "num_attention_heads": 2, "num_hidden_layers": 1, "num_key_value_heads": 1,
  "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0,
  "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
  "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
  "vocab_size": 10})");

struct HfTensor {
  std::string name;
  TensorType type;
  std::vector<std::int64_t> shape;
};

std::vector<HfTensor> llama_tensors() {
  constexpr TensorType t = TensorType::kBF16;
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", t, {10, 256}},
          {layer + "input_layernorm.weight", t, {256}},
          {layer + "self_attn.q_proj.weight", t, {256, 256}},
          {layer + "self_attn.k_proj.weight", t, {128, 256}},
          {layer + "self_attn.v_proj.weight", t, {128, 256}},
          {layer + "self_attn.o_proj.weight", t, {256, 256}},
          {layer + "self_attn.rotary_emb.inv_freq", TensorType::kF32, {64}},
          {layer + "post_attention_layernorm.weight", t, {256}},
          {layer + "mlp.gate_proj.weight", t, {64, 256}},
          {layer + "mlp.up_proj.weight", t, {64, 256}},
          {layer + "mlp.down_proj.weight", t, {256, 64}},
          {"model.norm.weight", t, {256}},
          {"lm_head.weight", t, {10, 256}}};
}

class SafetensorsModel : public testing::Test {
 protected:
  void SetUp() override {
    write_config(kLlamaConfig);
    write_tensors("model.safetensors", llama_tensors());
  }
  void write_config(const Json& config) { folder_.write("config.json", config.dump()); }
  void write_tensors(const std::string& name, const std::vector<HfTensor>& tensors) {
    SafetensorsWriter writer(folder_.path(name));
    std::size_t bytes = 0;
    for (const HfTensor& tensor : tensors) {
      writer.add_tensor(tensor.name, tensor.type, tensor.shape);
      bytes += static_cast<std::size_t>(tensor_bytes(tensor.type, tensor.shape));
    }
    writer.begin();
    writer.write(std::vector<std::byte>(bytes));
    writer.finish();
  }
  void refuse_config(const char* key, const Json& value, const std::string& part) {
    Json config = kLlamaConfig;
    if (value.is_discarded()) {
      config.erase(key);
    } else {
      config[key] = value;
    }
    write_config(config);
    expect_error([&] { open(); }, part);
    expect_error([&] { open(); }, fs::path(folder_.path("x")).parent_path().string());
  }
  std::unique_ptr<ModelFile> open() { return open_model_file(folder_.path("")); }

  TemporaryFolder folder_;
};

const Json kAbsent(Json::value_t::discarded);

TEST_F(SafetensorsModel, ReadsALlamaFolder) {
  const auto model = open();
  const ModelConfig& config = model->config();
  EXPECT_EQ(config.architecture, Architecture::kLlama);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.context_tokens, 131072);
  EXPECT_EQ(config.rms_epsilon, 1e-5F);
  EXPECT_EQ(config.rotary_pairs, RotaryPairs::kHalves);
  EXPECT_FALSE(config.tied_output);
  EXPECT_EQ(model->tensor("blk.0.attn_k.weight").shape, (std::vector<std::int64_t>{128, 256}));
  EXPECT_EQ(model->tensor("blk.0.attn_k.weight").type, TensorType::kBF16);
  EXPECT_EQ(model->tokenizer(), nullptr);
  // Computed with the formula of meta-llama's apply_scaling in its own form (by wavelengths).
  ASSERT_EQ(config.rope_factors.size(), 64U);
  EXPECT_EQ(config.rope_factors[0], 1.0F);
  EXPECT_EQ(config.rope_factors[28], 1.0F);
  EXPECT_NEAR(config.rope_factors[29], 1.207483871283662, 1e-6);
  EXPECT_NEAR(config.rope_factors[30], 1.5534146285049255, 1e-6);
  EXPECT_NEAR(config.rope_factors[34], 5.257326588708467, 1e-5);
  EXPECT_EQ(config.rope_factors[35], 8.0F);
  EXPECT_EQ(config.rope_factors[63], 8.0F);
}

TEST_F(SafetensorsModel, OlderAndNewerSpellings) {
  Json config = kLlamaConfig;
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  write_config(config);
  EXPECT_EQ(open()->config().rope_factors, std::vector<float>(64, 4.0F));
  config["rope_scaling"] = nullptr;
  write_config(config);
  EXPECT_TRUE(open()->config().rope_factors.empty());
  config.erase("rope_scaling");
  config.erase("rope_theta");
  config["rope_parameters"] = {{"rope_theta", 1234.0}, {"rope_type", "default"}};
  write_config(config);
  EXPECT_EQ(open()->config().rope_theta, 1234.0F);
}

TEST_F(SafetensorsModel, TiedOutputNeedsNoMatrixAndIgnoresOne) {
  Json config = kLlamaConfig;
  config["tie_word_embeddings"] = true;
  write_config(config);
  EXPECT_EQ(open()->tensors().size(), 11U);
}

TEST_F(SafetensorsModel, SeveralFiles) {
  const auto tensors = llama_tensors();
  fs::remove(folder_.path("model.safetensors"));
  write_tensors("a.safetensors", {tensors.begin(), tensors.begin() + 5});
  write_tensors("b.safetensors", {tensors.begin() + 5, tensors.end()});
  Json map;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    map[tensors[i].name] = i < 5 ? "a.safetensors" : "b.safetensors";
  }
  const auto write_index = [&](const Json& weight_map) {
    folder_.write("model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
  };
  write_index(map);
  EXPECT_EQ(open()->tensors().size(), 12U);

  Json bad = map;
  bad["lm_head.weight"] = "../b.safetensors";
  write_index(bad);
  expect_error([&] { open(); }, "not the name of a file in the folder");
  bad["lm_head.weight"] = 7;
  write_index(bad);
  expect_error([&] { open(); }, "is not a string");
  bad["lm_head.weight"] = "c.safetensors";
  write_index(bad);
  expect_error([&] { open(); }, "cannot open");
  write_tensors("c.safetensors", {tensors.back()});
  expect_error([&] { open(); }, "appears in two files");
  folder_.write("model.safetensors.index.json", "{\"weight_map\": []}");
  expect_error([&] { open(); }, "'weight_map' is missing");
}

// As transformers has it.
TEST_F(SafetensorsModel, OneFileGoesBeforeSeveral) {
  folder_.write("model.safetensors.index.json",
                R"({"weight_map": {"x": "not-there.safetensors"}})");
  EXPECT_NO_THROW(open());
}

// Embeddings with more rows than there are tokens: what a model says without a token is nothing.
TEST_F(SafetensorsModel, EveryRowHasAToken) {
  init_model(named_shape("qwen3-tiny").config, {}, folder_.path("a.gguf"));
  convert_model(folder_.path("a.gguf"), folder_.path("hf"));
  Json tokenizer = Json::parse(TemporaryFolder::read(folder_.path("hf/tokenizer.json")));
  Json& vocabulary = tokenizer["model"]["vocab"];
  const auto rows = open_model_file(folder_.path("hf"))->config().vocab_size;
  std::string last;
  for (const auto& [token, id] : vocabulary.items()) {
    if (last.empty() || id > vocabulary[last]) last = token;
  }
  vocabulary.erase(last);
  Json merges = Json::array();
  for (const Json& merge : tokenizer["model"]["merges"]) {
    const std::string joined = merge.is_array()
                                   ? merge[0].get<std::string>() + merge[1].get<std::string>()
                                   : merge.get<std::string>();
    std::string without = joined;
    std::erase(without, ' ');
    if (without != last) merges.push_back(merge);
  }
  tokenizer["model"]["merges"] = merges;
  Json added = Json::array();
  tokenizer["added_tokens"] = added;  // ids above the vocabulary's
  folder_.write("hf/tokenizer.json", tokenizer.dump());
  const auto model = open_model_file(folder_.path("hf"));
  ASSERT_EQ(model->tokenizer()->vocab_size(), rows);
  EXPECT_NO_THROW(model->tokenizer()->token_bytes(rows - 1));
}

TEST_F(SafetensorsModel, SaysWhatIsWrongWithTheConfig) {
  refuse_config("architectures", {"MistralForCausalLM"}, "'MistralForCausalLM' is not supported");
  refuse_config("architectures", kAbsent, "architecture '' is not supported");
  refuse_config("hidden_size", kAbsent, "'hidden_size' is missing");
  refuse_config("hidden_size", -1, "'hidden_size' is not an integer");
  refuse_config("hidden_size", 256.5, "'hidden_size' is not an integer");
  refuse_config("hidden_size", 1e30, "'hidden_size' is not an integer");
  refuse_config("hidden_size", 0, "width is 0");
  refuse_config("num_attention_heads", 0, "number of heads is 0");
  refuse_config("num_hidden_layers", 2, "'blk.1.attn_norm.weight' is missing");
  refuse_config("vocab_size", 11, "token_embd.weight' has shape [10, 256], expected [11, 256]");
  refuse_config("hidden_act", "gelu", "not silu");
  refuse_config("attention_bias", true, "attention_bias is set");
  refuse_config("attention_bias", 1, "is not true or false");
  refuse_config("quantization_config", {{"bits", 4}}, "weights are quantised");
  refuse_config("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}},
                "'yarn' is not supported");
  refuse_config("rope_scaling", {{"rope_type", "llama3"}}, "'factor' is missing");
  refuse_config("rope_scaling", 5, "not an object");
  folder_.write("config.json", "{\"hidden_size\": ");
  expect_error([&] { open(); }, "not valid JSON");
  folder_.write("config.json", "[1]");
  expect_error([&] { open(); }, "not a JSON object");
  folder_.write("config.json", std::string(100'000, '['));
  expect_error([&] { open(); }, "nested too deep");
  folder_.write("config.json", "{\"hidden_size\": 1e999}");
  expect_error([&] { open(); }, "out of range");
  fs::remove(folder_.path("config.json"));
  expect_error([&] { open(); }, "has no config.json");
}

TEST_F(SafetensorsModel, SaysWhatIsWrongWithTheTensors) {
  auto tensors = llama_tensors();
  tensors[0].shape = {256, 10};
  write_tensors("model.safetensors", tensors);
  expect_error([&] { open(); }, "has shape [256, 10], expected [10, 256]");
  tensors = llama_tensors();
  tensors.push_back({"model.layers.0.self_attn.o_proj.bias", TensorType::kF32, {256}});
  write_tensors("model.safetensors", tensors);
  expect_error([&] { open(); }, "'model.layers.0.self_attn.o_proj.bias' has no place");
  tensors = llama_tensors();
  tensors.back().name = "model.layers.x.mlp.up_proj.weight";
  write_tensors("model.safetensors", tensors);
  expect_error([&] { open(); }, "'output.weight' is missing");
  fs::remove(folder_.path("model.safetensors"));
  expect_error([&] { open(); }, "has neither model.safetensors nor");
}

TEST_F(SafetensorsModel, DataThatIsNotAlignedIsStillRight) {
  // The same file with its header padded by one more space.
  const std::string file = TemporaryFolder::read(folder_.path("model.safetensors"));
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  const std::uint64_t longer = header + 1;
  std::string data = file.substr(8 + header);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7);
  folder_.write("model.safetensors", std::string(reinterpret_cast<const char*>(&longer), 8) +
                                         file.substr(8, header) + " " + data);
  const auto model = open();
  const TensorView& tensor = model->tensor("blk.0.attn_norm.weight");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % 2, 0U);
  EXPECT_EQ(std::memcmp(tensor.data.data(), data.data() + 10 * 256 * 2, 512), 0);
}

TEST_F(SafetensorsModel, CutAtEveryByteOfItsHeader) {
  const std::string path = folder_.path("model.safetensors");
  const std::string file = TemporaryFolder::read(path);
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  for (std::uint64_t size = 8 + header + 8; size-- > 0;) {
    fs::resize_file(path, size);
    ASSERT_FALSE(accepted([&] { open(); })) << size;
  }
}

}  // namespace
}  // namespace memagent
