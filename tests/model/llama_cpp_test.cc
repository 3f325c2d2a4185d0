// The engine and the tokenizers against llama.cpp on the same GGUF files.
//
// Models with random weights of every family and type are written, our engine continues prompts
// greedily, and one node process (tests/npm/llama_reference.mjs, package node-llama-cpp) then
// (a) continues the same prompts by itself and (b) is forced along our continuation and gives the
// log-probability of every token of it, so that a tie decided differently does not end the
// comparison. Skipped, visibly, only where the npm packages are not installed.
//
// How far the two may be apart. Both compute the same sums over the same weights; what differs is
// how activations are rounded on their way into a product. A relative rounding error e of each
// element (root mean square), independent of the others, gives each output of a product the
// relative error e. A block passes one after another through the products into q/k/v, the
// attention's output, gate/up and down, so its two residual branches carry 2 rounded inputs each;
// with the final product that is n = 4 * layers + 1 independent contributions, and logits, which
// have a standard deviation of about 4 in these models, err by 4 * e * sqrt(n). The error of the
// other program is independent at worst: times sqrt(2). Log-probabilities err as logits do, plus
// the error of the normaliser, which is an average: times sqrt(2) at most.
//   F32          keys and values are kept in half precision on our side: e = 2^-11 / sqrt(3)
//   F16          llama.cpp rounds activations to half precision: the same e
//   BF16         llama.cpp rounds activations to bfloat16: e = 2^-8 / sqrt(3)
//   quantised    activations become 8-bit integers in blocks of 32 or 256 (K types in llama.cpp),
//                the largest of which is about 2.8 standard deviations: steps of 2.8/127,
//                e = 2.8 / 127 / sqrt(12)
// The root mean square over all tokens must stay below that; a single token may be 5 times as far.
//
// For quantised types llama.cpp is also run on the same weights unpacked to F32 by our reader,
// which it computes without rounding activations. That nearly exact reference judges both: our
// error must be within what one program's rounding explains, and so must llama.cpp's own on the
// packed file, or else the reader has unpacked something other than what llama.cpp sees in the
// file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/prompt_file.h"
#include "format/temporary_folder.h"
#include "memagent/local_model.h"
#include "memagent/prompts.h"
#include "memagent/tokenizer.h"
#include "model/local/gguf_model_writer.h"
#include "model/local/model_init.h"
#include "model/local/model_init_vocabulary.h"
#include "model/local/model_tools.h"

namespace memagent {
namespace {

using Json = nlohmann::json;

const std::string kNpmFolder = std::string(MEMAGENT_SOURCE_DIR) + "/tests/npm";

bool packages_are_installed() {
  return std::filesystem::exists(kNpmFolder + "/node_modules/node-llama-cpp/package.json");
}

// Runs the node script on a request.
Json ask_llama_cpp(const TemporaryFolder& folder, const Json& cases) {
  const Json request = {{"threads", 1}, {"kv_type", "F32"}, {"cases", cases}};
  const std::string input = folder.write("request.json", request.dump());
  const std::string output = folder.path("reply.json");
  const std::string command =
      "node '" + kNpmFolder + "/llama_reference.mjs' '" + input + "' > '" + output + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return Json::parse(TemporaryFolder::read(output));
}

constexpr std::int32_t kContinuation = 16;

// Ordinary tokens, longer than a page of the KV cache the second time.
std::vector<std::vector<TokenId>> prompts(std::int32_t vocab_size) {
  std::vector<std::vector<TokenId>> out;
  for (const int size : {7, 90}) {
    std::vector<TokenId>& prompt = out.emplace_back();
    for (int i = 0; i < size; ++i) prompt.push_back((i * 131 + size) % (vocab_size - 3));
  }
  return out;
}

struct Continuation {
  std::vector<TokenId> prompt;
  std::vector<TokenId> tokens;
  std::vector<float> logprobs;
};

std::vector<Continuation> continue_prompts(const std::string& path, std::int32_t vocab_size) {
  LocalModelOptions options;
  options.threads = 1;
  options.context_tokens = 256;
  options.max_running = 4;
  const auto model = open_local_model(path, options);
  std::vector<Continuation> out;
  for (const std::vector<TokenId>& prompt : prompts(vocab_size)) {
    GenerationRequest request;
    request.prompt.tokens = prompt;
    request.max_tokens = kContinuation;
    request.logprobs = true;
    model->submit(request);
    std::vector<GenerationResult> results;
    while (results.empty()) model->wait(results, std::chrono::seconds(10));
    EXPECT_EQ(results[0].error, "");
    Continuation& continuation = out.emplace_back();
    continuation.prompt = prompt;
    continuation.tokens = results[0].tokens;
    continuation.logprobs = results[0].logprobs;
    // A last one is of whichever end token ended it; results do not say which.
    continuation.logprobs.resize(continuation.tokens.size());
    EXPECT_GE(continuation.tokens.size(), 2U);
  }
  return out;
}

double activation_rounding(TensorType type) {
  switch (type) {
    case TensorType::kF32:
    case TensorType::kF16:
      return 0x1.0p-11 / std::sqrt(3.0);
    case TensorType::kBF16:
      return 0x1.0p-8 / std::sqrt(3.0);
    default:
      return 2.8 / 127 / std::sqrt(12.0);
  }
}

// Of one program, against exact arithmetic.
double logit_error(TensorType type, const ModelConfig& config) {
  const double contributions = 4.0 * config.num_layers + 1;
  return 4.0 * activation_rounding(type) * std::sqrt(contributions) * std::sqrt(2.0);
}

struct Case {
  std::string label;
  ModelConfig config;
  TensorType type;
  std::vector<Continuation> ours;
};

void compare(const Case& item, const Json& reply) {
  const double sigma = std::sqrt(2.0) * logit_error(item.type, item.config);
  double squares = 0;
  int count = 0;
  int equal_prompts = 0;
  for (std::size_t p = 0; p < item.ours.size(); ++p) {
    const Continuation& ours = item.ours[p];
    const Json& forced = reply.at("prompts").at(p).at("score");
    const Json& greedy = reply.at("prompts").at(p).at("greedy");
    ASSERT_EQ(forced.size(), ours.tokens.size());
    bool same = true;
    for (std::size_t i = 0; i < ours.tokens.size(); ++i) {
      const double theirs = forced[i].at("logprob");
      const double difference = std::fabs(theirs - ours.logprobs[i]);
      squares += difference * difference;
      ++count;
      EXPECT_LE(difference, 5 * sigma) << item.label << " prompt " << p << " token " << i << ": "
                                       << ours.logprobs[i] << " here, " << theirs << " there";
      // Where llama.cpp would have gone on differently, the two tokens must be as good as tied.
      const double lead = forced[i].at("best_logprob").get<double>() - theirs;
      EXPECT_LE(lead, 10 * sigma) << item.label << " prompt " << p << " token " << i << ": took "
                                  << ours.tokens[i] << ", llama.cpp " << forced[i].at("best");
      // Its own continuation is the same up to its first near-tie.
      if (greedy[i].at("token") != ours.tokens[i]) {
        if (same) {
          EXPECT_LE(greedy[i].at("margin").get<double>(), 10 * sigma)
              << item.label << " prompt " << p << " token " << i;
        }
        same = false;
      }
    }
    equal_prompts += same ? 1 : 0;
  }
  const double rms = std::sqrt(squares / count);
  EXPECT_LE(rms, sigma) << item.label;
  if (item.type == TensorType::kF32) {
    EXPECT_EQ(equal_prompts, static_cast<int>(item.ours.size())) << item.label;
  }
  std::printf("%-18s rms %.6f of %.6f, %d of %zu continuations equal\n", item.label.c_str(), rms,
              sigma, equal_prompts, item.ours.size());
}

double root_mean_square(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

std::vector<double> forced_logprobs(const Json& reply) {
  std::vector<double> out;
  for (const Json& prompt : reply.at("prompts")) {
    for (const Json& token : prompt.at("score")) out.push_back(token.at("logprob"));
  }
  return out;
}

// `packed` and `exact` are llama.cpp on the file and on the same weights in F32.
void compare_with_exact(const Case& item, const Json& packed, const Json& exact) {
  std::vector<double> ours;
  for (const Continuation& continuation : item.ours) {
    ours.insert(ours.end(), continuation.logprobs.begin(), continuation.logprobs.end());
  }
  const std::vector<double> reference = forced_logprobs(exact);
  ASSERT_EQ(reference.size(), ours.size());
  const double our_error = root_mean_square(ours, reference);
  const double their_error = root_mean_square(forced_logprobs(packed), reference);
  const double sigma = logit_error(item.type, item.config);
  EXPECT_LE(our_error, sigma) << item.label;
  EXPECT_LE(their_error, 2 * sigma) << item.label;  // looks for misread weights, not for noise
  std::printf("%-18s error %.6f of %.6f, llama.cpp's own %.6f\n", item.label.c_str(), our_error,
              sigma, their_error);
}

Json asked(const Case& item, const std::string& path, std::int32_t greedy) {
  Json list = Json::array();
  for (const Continuation& ours : item.ours) {
    list.push_back({{"tokens", ours.prompt}, {"greedy", greedy}, {"score", ours.tokens}});
  }
  return {{"model", path}, {"prompts", list}};
}

class EveryType : public testing::TestWithParam<const char*> {};

TEST_P(EveryType, AgreesWithLlamaCpp) {
  if (!packages_are_installed()) GTEST_SKIP() << "node-llama-cpp is not installed in tests/npm";
  const TemporaryFolder folder;
  std::vector<Case> cases;
  Json request = Json::array();
  for (const TensorType type : kTensorTypes) {
    const NamedShape& shape = named_shape(GetParam());
    Case item{shape.name + " " + to_string(type), shape.config, type, {}};
    if (item.config.architecture == Architecture::kLlama) {  // as Llama 3 scales them
      for (int i = 0; i < item.config.head_dim / 2; ++i) {
        item.config.rope_factors.push_back(i < 8 ? 1.0F : 1.0F + 0.25F * static_cast<float>(i));
      }
    }
    const std::string path = folder.path(item.label + ".gguf");
    const std::string exact_path = folder.path(item.label + " exact.gguf");
    init_model(item.config, {type, 7, item.label}, path);
    quantize_model(path, exact_path, TensorType::kF32);
    item.ours = continue_prompts(path, item.config.vocab_size);
    request.push_back(asked(item, path, kContinuation));
    request.push_back(asked(item, exact_path, 0));
    cases.push_back(std::move(item));
  }
  const Json reply = ask_llama_cpp(folder, request);
  ASSERT_EQ(reply.at("cases").size(), 2 * cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json& packed = reply["cases"][2 * i];
    compare(cases[i], packed);
    compare_with_exact(cases[i], packed, reply["cases"][2 * i + 1]);
  }
}

INSTANTIATE_TEST_SUITE_P(LlamaCpp, EveryType,
                         testing::Values("llama-tiny", "qwen2-tiny", "qwen3-tiny"));

// The model that comes with the program: its file loads there too, and the memory it writes about a
// section, greedily, is the same text.
TEST(ShippedModel, SaysTheSameInLlamaCpp) {
  if (!packages_are_installed()) GTEST_SKIP() << "node-llama-cpp is not installed in tests/npm";
  const TemporaryFolder folder;
  const std::string path = std::string(MEMAGENT_SOURCE_DIR) + "/models/nano/memagent-nano.gguf";
  LocalModelOptions options;
  options.threads = 1;
  const auto model = open_local_model(path, options);
  const PromptRenderer renderer(parse_prompts(model_notes(path).at("prompts"), path), *model);
  std::vector<std::vector<TokenId>> prompts;
  for (const char* needle : {"amber-acorn is 5274118", "bold-barrel is 1938406",
                             "calm-candle is 6620357", "dusty-drum is 9041772"}) {
    const std::string key(needle, std::string_view(needle).find(' '));
    const TokenText section = renderer.encode(
        fmt::format("The tide comes in and the tide goes out. The number entered for {}. Rain "
                    "falls, and then it stops.",
                    needle));
    const TokenText question = renderer.encode(fmt::format("Which number is entered for {}?", key));
    const TokenText memory = renderer.encode(renderer.prompts().empty_memory);
    prompts.push_back(
        renderer.update(Policy::kGated, Layout::kSectionFirst, question, memory, section).tokens);
  }
  const std::string kText = "The number entered for amber-acorn is 5274118.\n";
  std::vector<std::string> ours;
  Json list = Json::array();
  std::size_t tokens = 0;
  for (const std::vector<TokenId>& prompt : prompts) {
    GenerationRequest request;
    request.prompt.tokens = prompt;
    request.max_tokens = 24;
    model->submit(request);
    std::vector<GenerationResult> results;
    while (results.empty()) model->wait(results, std::chrono::seconds(10));
    ours.push_back(results[0].text);
    tokens += results[0].tokens.size();
    list.push_back(
        {{"tokens", prompt}, {"greedy", results[0].tokens.size()}, {"score", Json::array()}});
  }
  EXPECT_GT(tokens, 2 * prompts.size()) << "not one memory was written";
  const Json asked = {{"model", path}, {"prompts", list}, {"texts", {kText}}};
  const Json reply = ask_llama_cpp(folder, Json::array({asked})).at("cases").at(0);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    std::vector<TokenId> theirs;
    for (const Json& token : reply.at("prompts").at(i).at("greedy")) {
      theirs.push_back(token.at("token").get<TokenId>());
    }
    EXPECT_EQ(model->tokenizer()->decode(theirs), ours[i]);
  }
  EXPECT_EQ(reply.at("texts").at(0).get<std::vector<TokenId>>(), model->tokenizer()->encode(kText));
}

// A one-layer model around a vocabulary, for llama.cpp to load.
void write_around(const Vocabulary& vocabulary, const std::string& path) {
  ModelConfig config = named_shape("llama-tiny").config;
  config.num_layers = 1;
  config.model_dim = config.ffn_dim = 32;
  config.num_heads = config.num_kv_heads = 1;
  config.head_dim = 32;
  config.vocab_size = static_cast<std::int32_t>(vocabulary.tokens.size());
  config.tied_output = true;
  const auto tensors = model_tensors(config);
  const std::vector<TensorType> types(tensors.size(), TensorType::kF32);
  GgufWriter writer(path);
  begin_gguf_model({config, "vocabulary", &vocabulary, "", TensorType::kF32, {}}, types, writer);
  for (const TensorSpec& tensor : tensors) {
    const std::int64_t rows = tensor.shape.size() == 2 ? tensor.shape[0] : 1;
    std::vector<float> row(static_cast<std::size_t>(tensor.shape.back()));
    for (std::int64_t i = 0; i < rows; ++i) {
      random_row(config, tensor, 1, i, row);
      writer.write(std::as_bytes(std::span(row)));
    }
  }
  writer.finish();
}

// The generated vocabulary in SentencePiece's form: pieces that are plain ASCII, best first.
Vocabulary sentencepiece_vocabulary() {
  Vocabulary out;
  out.kind = VocabularyKind::kSentencePiece;
  const auto add = [&](const std::string& token, TokenType type, float score) {
    out.tokens.push_back(token);
    out.types.push_back(type);
    out.scores.push_back(score);
  };
  add("<unk>", TokenType::kUnknown, 0);
  add("<s>", TokenType::kControl, 0);
  add("</s>", TokenType::kControl, 0);
  for (int byte = 0; byte < 256; ++byte) {
    add(fmt::format("<0x{:02X}>", byte), TokenType::kByte, 0);
  }
  const std::string gap = "\xE2\x96\x81";  // U+2581
  const std::string space = "\xC4\xA0";    // U+0120, a space in the byte-level alphabet
  float score = 0;
  for (const std::string& token : generate_vocabulary(3000).tokens) {
    std::string piece = token.starts_with(space) ? gap + token.substr(2) : token;
    const bool ascii = std::all_of(piece.begin() + (piece.starts_with(gap) ? 3 : 0), piece.end(),
                                   [](char c) { return c > ' ' && c <= '~'; });
    if (!ascii || piece.starts_with("<|")) continue;
    add(piece, TokenType::kNormal, score);
    score -= 1;
  }
  out.bos = 1;
  out.eos = 2;
  out.unknown = 0;
  out.add_bos = true;
  return out;
}

TEST(LlamaCpp, VocabulariesAgree) {
  if (!packages_are_installed()) GTEST_SKIP() << "node-llama-cpp is not installed in tests/npm";
  const std::vector<std::string> texts{
      "the question and the answer, for 123 people; I'll remember (1,234.5) things!",
      "  leading,   inner    and trailing spaces  \n\n\n\ttabs\r\nand lines \n next",
      "Größe, naïve café, Привет мир, 中文字符, 日本語, 한국어, العربية, हिन्दी",
      "emoji 👩‍👩‍👧 🏳️‍🌈 and e\xCC\x81 marks, ½ Ⅷ ①²",
      "<|im_start|>user\nnot a control token<|im_end|><|endoftext|>",
      "CamelCase snake_case don't WE'RE it'S 'quoted' \"double\" a/b\\c x=y+z; {}[]<>",
      "1 22 333 4444 55555 1234567890 3.14159 1e-10 0x1F",
      std::string(300, 'a') + std::string(40, ' ') + std::string(50, '\n') + "end",
      ""};
  const TemporaryFolder folder;
  Json request = Json::array();
  std::vector<std::string> paths;
  for (const char* pre : {"qwen2", "llama-bpe", "gpt-2", "sentencepiece"}) {
    const bool sentencepiece = std::string(pre) == "sentencepiece";
    const std::string path = folder.path(std::string(pre) + ".gguf");
    write_around(sentencepiece ? sentencepiece_vocabulary() : generate_vocabulary(3000, pre), path);
    request.push_back({{"model", path}, {"texts", texts}});
    paths.push_back(path);
  }
  const Json reply = ask_llama_cpp(folder, request);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto tokenizer = load_tokenizer(paths[i]);
    for (std::size_t t = 0; t < texts.size(); ++t) {
      // SentencePiece models put a space before a text, which Tokenizer leaves to its caller.
      const bool prefix = paths[i].find("sentencepiece") != std::string::npos && !texts[t].empty();
      const auto ours = tokenizer->encode((prefix ? " " : "") + texts[t]);
      const auto theirs = reply.at("cases").at(i).at("texts").at(t).get<std::vector<TokenId>>();
      EXPECT_EQ(ours, theirs) << paths[i] << ": " << texts[t];
    }
  }
}

}  // namespace
}  // namespace memagent
