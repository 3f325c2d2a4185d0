// GGUF files as models: what is read, and every way in which a file may not be what it claims.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>

#include "base/random.h"
#include "format/expect_bad_input.h"
#include "format/quant.h"
#include "format/temporary_folder.h"
#include "model/files/edited_gguf.h"
#include "model/local/model_file.h"
#include "model/local/model_tools.h"

namespace memagent {
namespace {

// Small enough that a test can open it thousands of times.
ModelConfig small_config(Architecture architecture) {
  ModelConfig config = named_shape(architecture == Architecture::kLlama   ? "llama-tiny"
                                   : architecture == Architecture::kQwen2 ? "qwen2-tiny"
                                                                          : "qwen3-tiny")
                           .config;
  config.num_layers = 2;
  config.model_dim = 32;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 16;
  config.ffn_dim = 64;
  config.vocab_size = 259;
  return config;
}

class GgufModel : public testing::Test {
 protected:
  std::string make(Architecture architecture = Architecture::kQwen3) {
    const std::string path = folder_.path("good.gguf");
    init_model(small_config(architecture), {.seed = 3}, path);
    return path;
  }
  // Opens `from` after `edit`; expects an error that holds `part`.
  void refuse(const std::string& from, const GgufEdit& edit, const std::string& part) {
    const std::string path = folder_.path("bad.gguf");
    write_edited_gguf(from, path, edit);
    expect_error([&] { open_model_file(path); }, part);
    expect_error([&] { open_model_file(path); }, path);
  }

  TemporaryFolder folder_;
};

TEST_F(GgufModel, ReadsWhatInitWrote) {
  const auto model = open_model_file(make());
  const ModelConfig& config = model->config();
  EXPECT_EQ(config.architecture, Architecture::kQwen3);
  EXPECT_EQ(config.num_layers, 2);
  EXPECT_EQ(config.model_dim, 32);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.context_tokens, 32768);
  EXPECT_EQ(config.rms_epsilon, 1e-6F);
  EXPECT_EQ(config.rope_theta, 1e6F);
  EXPECT_EQ(config.rotary_pairs, RotaryPairs::kHalves);
  EXPECT_TRUE(config.query_key_norm);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_TRUE(config.tied_output);
  EXPECT_EQ(model->tensor("blk.1.ffn_down.weight").shape, (std::vector<std::int64_t>{32, 64}));
  EXPECT_THROW(model->tensor("output.weight"), std::logic_error);
  ASSERT_NE(model->tokenizer(), nullptr);
  EXPECT_EQ(model->tokenizer()->vocab_size(), 259);
  EXPECT_EQ(model->tokenizer()->special_token("<|im_end|>"), 258);
  EXPECT_NE(model->chat_template().find("<|im_start|>"), std::string::npos);
  EXPECT_EQ(model->name(), "random");
}

TEST_F(GgufModel, FamiliesDiffer) {
  const auto llama = open_model_file(make(Architecture::kLlama));
  EXPECT_EQ(llama->config().rotary_pairs, RotaryPairs::kAdjacent);
  EXPECT_FALSE(llama->config().qkv_bias);
  EXPECT_FALSE(llama->config().tied_output);
  const auto qwen2 = open_model_file(make(Architecture::kQwen2));
  EXPECT_TRUE(qwen2->config().qkv_bias);
  EXPECT_EQ(qwen2->tensor("blk.0.attn_k.bias").shape, (std::vector<std::int64_t>{16}));
}

TEST_F(GgufModel, DefaultsOfKeysThatMayBeMissing) {
  const std::string path = folder_.path("sparse.gguf");
  write_edited_gguf(
      make(Architecture::kLlama), path,
      {.without_keys = {"general.name", "llama.rope.freq_base", "llama.vocab_size",
                        "llama.attention.key_length", "tokenizer.chat_template",
                        "llama.attention.value_length", "llama.rope.dimension_count"}});
  const auto model = open_model_file(path);
  EXPECT_EQ(model->config().rope_theta, 10000.0F);
  EXPECT_EQ(model->config().head_dim, 16);
  EXPECT_EQ(model->name(), "sparse");
  EXPECT_EQ(model->chat_template(), "");
}

TEST_F(GgufModel, NoVocabularyIsNoTokenizer) {
  const std::string path = folder_.path("bare.gguf");
  write_edited_gguf(make(), path, {.without_keys = {"tokenizer.ggml.tokens"}});
  EXPECT_EQ(open_model_file(path)->tokenizer(), nullptr);
}

TEST_F(GgufModel, RotaryScaling) {
  const std::string linear = folder_.path("linear.gguf");
  write_edited_gguf(make(Architecture::kLlama), linear, {.add = [](GgufWriter& writer) {
                      writer.set_string("llama.rope.scaling.type", "linear");
                      writer.set_f32("llama.rope.scaling.factor", 4.0F);
                    }});
  EXPECT_EQ(open_model_file(linear)->config().rope_factors, std::vector<float>(8, 4.0F));

  ModelConfig config = small_config(Architecture::kLlama);
  config.rope_factors = {1, 1, 1.5, 2, 3, 5, 8, 8};
  const std::string by_tensor = folder_.path("tensor.gguf");
  init_model(config, {}, by_tensor);
  EXPECT_EQ(open_model_file(by_tensor)->config().rope_factors, config.rope_factors);
  config.architecture = Architecture::kQwen3;
  expect_error([&] { init_model(config, {}, by_tensor); }, "cannot be written to GGUF");
}

TEST_F(GgufModel, SaysWhatIsWrongWithTheMetadata) {
  const std::string good = make();
  const auto replace = [](const std::string& key, auto set) {
    return GgufEdit{.without_keys = {key}, .add = set};
  };
  const auto number = [&](const std::string& key, std::uint32_t value, const std::string& part) {
    refuse(good, replace(key, [=](GgufWriter& writer) { writer.set_u32(key, value); }), part);
  };
  refuse(good, {.without_keys = {"general.architecture"}}, "'general.architecture' is missing");
  refuse(good,
         replace("general.architecture",
                 [](GgufWriter& w) { w.set_string("general.architecture", "mamba"); }),
         "architecture 'mamba' is not supported");
  refuse(
      good,
      replace("general.architecture", [](GgufWriter& w) { w.set_u32("general.architecture", 1); }),
      "'general.architecture' is missing");
  for (const char* key :
       {"block_count", "embedding_length", "feed_forward_length", "attention.head_count",
        "context_length", "attention.layer_norm_rms_epsilon"}) {
    refuse(good, {.without_keys = {std::string("qwen3.") + key}},
           "'qwen3." + std::string(key) + "' is missing");
  }
  number("qwen3.block_count", 0, "the number of layers is 0");
  number("qwen3.block_count", 1'000'000, "the number of layers is 1000000");
  number("qwen3.block_count", UINT32_MAX, "expected 0 to 2147483647");
  number("qwen3.block_count", 3, "tensor 'blk.2.attn_norm.weight' is missing");
  number("qwen3.block_count", 1, "tensor 'blk.1.attn_k.weight' has no place");
  number("qwen3.embedding_length", 64,
         "token_embd.weight' has shape [259, 32], expected [259, 64]");
  number("qwen3.attention.head_count", 3, "[32, 32], expected [48, 32]");
  number("qwen3.attention.head_count", 0, "the number of heads is 0");
  number("qwen3.attention.head_count_kv", 3, "key/value heads is 3, expected 1 to 2");
  number("qwen3.attention.key_length", 15, "they must be equal");
  number("qwen3.rope.dimension_count", 8, "they must be equal");
  number("qwen3.context_length", 0, "the context length is 0");
  number("qwen3.vocab_size", 260, "qwen3.vocab_size is 260, the token embedding has 259 rows");
  number("qwen3.expert_count", 8, "mixture-of-experts");
  refuse(
      good,
      replace("qwen3.block_count", [](GgufWriter& w) { w.set_string("qwen3.block_count", "2"); }),
      "is of type string, expected an integer");
  refuse(good,
         replace("qwen3.block_count",
                 [](GgufWriter& w) {
                   w.set_i32s("qwen3.block_count", std::vector<std::int32_t>{2, 3});
                 }),
         "differs from layer to layer");
  refuse(good,
         replace("qwen3.rope.freq_base",
                 [](GgufWriter& w) { w.set_f32("qwen3.rope.freq_base", -1.0F); }),
         "the rotary base is -1");
  refuse(good,
         replace("qwen3.rope.freq_base",
                 [](GgufWriter& w) { w.set_f32("qwen3.rope.freq_base", NAN); }),
         "the rotary base is nan");
  refuse(good, {.add = [](GgufWriter& w) { w.set_string("qwen3.rope.scaling.type", "yarn"); }},
         "rotary scaling 'yarn' is not supported");
  refuse(good, {.add = [](GgufWriter& w) { w.set_f32("qwen3.rope.scaling.factor", -2.0F); }},
         "rotary factor -2");
  refuse(good, {.add = [](GgufWriter& w) { w.set_f32("qwen3.final_logit_softcapping", 30.0F); }},
         "which is not supported");
}

TEST_F(GgufModel, SaysWhatIsWrongWithTheTensors) {
  const std::string good = make(Architecture::kLlama);
  refuse(good, {.without_tensors = {"token_embd.weight"}}, "token_embd.weight' is missing");
  refuse(good, {.without_tensors = {"blk.1.ffn_up.weight"}}, "'blk.1.ffn_up.weight' is missing");
  refuse(good, {.shapes = {{"blk.0.attn_q.weight", {32, 64}}}},
         "'blk.0.attn_q.weight' has shape [32, 64], expected [32, 32]");
  refuse(good, {.shapes = {{"blk.0.ffn_norm.weight", {1, 32}}}},
         "has shape [1, 32], expected [32]");
  refuse(good, {.shapes = {{"token_embd.weight", {8, 32}}}}, "token embedding has 8 rows");
  refuse(good, {.new_tensors = {{"blk.0.attn_output.bias", {32}}}},
         "'blk.0.attn_output.bias' has no place in a llama model");
  refuse(good, {.new_tensors = {{"blk.0.attn_q.bias", {32}}}}, "'blk.0.attn_k.bias' is missing");
  refuse(good, {.new_tensors = {{"rope_freqs.weight", {8}}}}, "rotary factor 0");
  refuse(good, {.new_tensors = {{"rope_freqs.weight", {7}}}}, "expected F32 [8]");
  refuse(good, {.new_tensors = {{"evil\n\x1b[2J", {1}}}},
         "tensor 'evil\\x0a\\x1b[2J' has no place");
}

TEST_F(GgufModel, APartOfAModelSaysSo) {
  refuse(make(Architecture::kQwen3),
         {.add = [](GgufWriter& w) { w.set_u32("split.count", 3); },
          .without_tensors = {"blk.1.attn_norm.weight"}},
         "is one of 3 parts of a model; merge them");
}

TEST_F(GgufModel, SaysWhatIsWrongWithTheVocabulary) {
  const std::string good = make();
  const auto strings = [&](const char* key, std::vector<std::string> values,
                           const std::string& part) {
    refuse(good,
           {.without_keys = {key},
            .add = [=](GgufWriter& writer) { writer.set_strings(key, values); }},
           part);
  };
  strings("tokenizer.ggml.tokens", std::vector<std::string>(258, "a"), "has 259 elements");
  strings("tokenizer.ggml.tokens", {}, "has 0 elements");
  strings("tokenizer.ggml.model", {"gpt2"}, "expected a string");
  refuse(good,
         {.without_keys = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type"},
          .add =
              [](GgufWriter& writer) {
                std::vector<std::string> tokens;
                for (int i = 0; i < 300; ++i) tokens.push_back(fmt::format("t{}", i));
                writer.set_strings("tokenizer.ggml.tokens", tokens);
              }},
         "the vocabulary has 300 tokens, the token embedding 259 rows");
  refuse(good,
         {.without_keys = {"tokenizer.ggml.eos_token_id"},
          .add = [](GgufWriter& w) { w.set_u32("tokenizer.ggml.eos_token_id", 259); }},
         "tokenizer.ggml.eos_token_id is 259, the vocabulary has 259 tokens");
  refuse(good,
         {.without_keys = {"tokenizer.ggml.model"},
          .add = [](GgufWriter& w) { w.set_string("tokenizer.ggml.model", "bert"); }},
         "tokenizer.ggml.model is 'bert'");
  refuse(good,
         {.without_keys = {"tokenizer.ggml.token_type"},
          .add =
              [](GgufWriter& w) {
                w.set_i32s("tokenizer.ggml.token_type", std::vector<std::int32_t>(259, 9));
              }},
         "has the value 9");
}

TEST_F(GgufModel, RefusesWhatIsNoFile) {
  expect_error([&] { open_model_file(folder_.path("none.gguf")); }, "cannot open");
  expect_error([&] { open_model_file(folder_.write("empty.gguf", "")); }, "not a GGUF file");
  expect_error([&] { open_model_file("/dev/zero"); }, "not a regular file");
  const std::string fifo = folder_.path("fifo.gguf");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_error([&] { open_model_file(fifo); }, "not a regular file");
  expect_error([&] { open_model_file(folder_.path("")); }, "config.json");
}

TEST_F(GgufModel, CutAtEveryByteOfItsHeader) {
  const std::string path = make();
  const std::string bytes = TemporaryFolder::read(path);
  const Gguf gguf = parse_gguf(std::as_bytes(std::span(bytes)), path);
  // The last cuts end inside the data.
  for (std::uint64_t size = gguf.data_offset + 8; size-- > 0;) {
    std::filesystem::resize_file(path, size);
    ASSERT_FALSE(accepted([&] { open_model_file(path); })) << size;
  }
}

TEST_F(GgufModel, RandomDamageNeverDoesMoreThanAnError) {
  const std::string path = make();
  const std::string good = TemporaryFolder::read(path);
  const auto header = parse_gguf(std::as_bytes(std::span(good)), path).data_offset;
  RandomStream random(derive(1, 2));
  int refused = 0;
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    std::string bad = good;
    for (std::uint64_t i = random.below(3) + 1; i > 0; --i) {
      // Half the time into the tables at both ends, where the numbers are.
      const std::uint64_t at = random.below(2) == 0   ? random.below(header)
                               : random.below(2) == 0 ? random.below(600)
                                                      : header - 1 - random.below(1500);
      bad[at] = static_cast<char>(random.below(3) == 0   ? 0xFF
                                  : random.below(2) == 0 ? 0
                                                         : random.below(256));
    }
    folder_.write("bad.gguf", bad);
    if (!accepted([&] { open_model_file(folder_.path("bad.gguf")); })) ++refused;
  }
  EXPECT_GT(refused, kRounds / 10);
}

TEST_F(GgufModel, RandomWeightsAreWhatTheySay) {
  const auto model = open_model_file(make(Architecture::kQwen2));
  const auto moments = [&](const char* name) {
    const TensorView& tensor = model->tensor(name);
    std::vector<float> values(tensor.data.size() / 4);
    dequantize_row(tensor.type, tensor.data, values);
    double sum = 0;
    double squares = 0;
    for (const float x : values) {
      sum += x;
      squares += x * x;
    }
    const auto n = static_cast<double>(values.size());
    return std::pair(sum / n, std::sqrt(squares / n));
  };
  // Standard error of a deviation from n draws is deviation / sqrt(2n); the draws are fixed.
  EXPECT_NEAR(moments("token_embd.weight").second, 0.02, 0.02 * 0.05);
  EXPECT_NEAR(moments("blk.0.ffn_up.weight").second, 1 / std::sqrt(32.0), 0.01);
  EXPECT_NEAR(moments("blk.0.ffn_up.weight").first, 0, 0.015);
  EXPECT_NEAR(moments("blk.1.attn_norm.weight").first, 1, 0.1);
  // The seed matters, and nothing else does.
  const std::string first = TemporaryFolder::read(make(Architecture::kQwen2));
  EXPECT_EQ(TemporaryFolder::read(make(Architecture::kQwen2)), first);
  init_model(small_config(Architecture::kQwen2), {.seed = 4}, folder_.path("other.gguf"));
  EXPECT_NE(TemporaryFolder::read(folder_.path("other.gguf")), first);
}

TEST_F(GgufModel, InitRefusesShapesThatCannotBe) {
  const auto refuse_shape = [&](auto change, const std::string& part) {
    ModelConfig config = small_config(Architecture::kQwen3);
    change(config);
    expect_error([&] { init_model(config, {}, folder_.path("x.gguf")); }, part, ErrorKind::kUsage);
    EXPECT_FALSE(std::filesystem::exists(folder_.path("x.gguf")));
  };
  refuse_shape([](ModelConfig& c) { c.num_kv_heads = 3; }, "key/value heads is 3");
  refuse_shape([](ModelConfig& c) { c.head_dim = 15; }, "expected an even number");
  refuse_shape([](ModelConfig& c) { c.vocab_size = 100; }, "too small");
  refuse_shape([](ModelConfig& c) { c.num_layers = 0; }, "number of layers is 0");
  expect_error(
      [&] {
        init_model(small_config(Architecture::kQwen3), {.type = TensorType::kQ4_K},
                   folder_.path("x.gguf"));
      },
      "cannot be Q4_K", ErrorKind::kUsage);
  expect_error([] { named_shape("gpt-5"); }, "choose one of nano,", ErrorKind::kUsage);
}

}  // namespace
}  // namespace memagent
