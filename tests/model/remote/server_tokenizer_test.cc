// A server's tokenizer, through scripted endpoints of llama.cpp's and vLLM's form that know a small
// byte-level vocabulary: words with their leading blank, split by GPT-2's rule for letters, single
// bytes for the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/random.h"
#include "memagent/error.h"
#include "memagent/remote_model.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// What the made-up server's tokenizer does.
class Vocabulary {
 public:
  std::vector<std::string> split(const std::string& text) const {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i + (text[i] == ' ' ? 1 : 0);
      const std::size_t word = end;
      while (end < text.size() && letter(text[end]) && end - word < 12) ++end;
      if (end == word) end = i + 1;
      pieces.push_back(text.substr(i, end - i));
      i = end;
    }
    return pieces;
  }
  int id(const std::string& piece) {
    const std::lock_guard lock(mutex_);
    return ids_.try_emplace(piece, static_cast<int>(ids_.size()) + 10).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> ids_;
};

bool is_utf8(const std::string& text) {
  return !Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace))
              .get<std::string>()
              .compare(text);
}

// GPT-2's letter for a byte that is printable ASCII, a blank or a line end.
std::string letter_of(const std::string& piece) {
  std::string letters;
  for (const char c : piece) {
    letters += c == ' ' ? "\xC4\xA0" : c == '\n' ? "\xC4\x8A" : std::string(1, c);
  }
  return letters;
}

void models_or_404(const ScriptedRequest& request, ScriptedConnection& peer) {
  if (request.path == "/v1/models") return peer.reply(200, R"({"data":[{"id":"m"}]})");
  peer.reply(404, "{}");
}

class ServerTokenizerTest : public testing::Test {
 protected:
  ScriptedServer::Script llama() {
    return [this](const ScriptedRequest& request, ScriptedConnection& peer) {
      if (request.path != "/tokenize") return models_or_404(request, peer);
      const Json body = Json::parse(request.body);
      if (!body.contains("content")) return peer.reply(400, "{}");
      EXPECT_EQ(body.at("parse_special"), false);
      longest_ = std::max(longest_.load(), body.at("content").get<std::string>().size());
      Json tokens = Json::array();
      for (const std::string& piece : vocabulary_.split(body.at("content"))) {
        Json token = {{"id", vocabulary_.id(piece)}};
        if (is_utf8(piece)) {
          token["piece"] = piece;
        } else {
          for (const char c : piece) token["piece"].push_back(static_cast<unsigned char>(c));
        }
        tokens.push_back(std::move(token));
      }
      peer.reply(200, Json{{"tokens", tokens}}.dump());
    };
  }
  ScriptedServer::Script vllm() {
    return [this](const ScriptedRequest& request, ScriptedConnection& peer) {
      if (request.path != "/tokenize") return models_or_404(request, peer);
      const Json body = Json::parse(request.body);
      if (!body.contains("prompt")) return peer.reply(400, "{}");
      Json ids = Json::array();
      Json strings = Json::array();
      for (const std::string& piece : vocabulary_.split(body.at("prompt"))) {
        ids.push_back(vocabulary_.id(piece));
        std::string letters = letter_of(piece);
        // The probe has characters beyond ASCII: their bytes all map to themselves or to U+0100 on.
        if (!is_utf8(piece)) letters = high_letter(piece[0]);
        strings.push_back(letters);
      }
      peer.reply(200, Json{{"count", ids.size()}, {"tokens", ids}, {"token_strs", strings}}.dump());
    };
  }
  static std::string high_letter(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const bool printable = (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    // 33 bytes below '!' and DEL come first among those that are not printable.
    const int point = printable ? byte : byte == 0xAD ? 0x143 : 0x100 + 34 + (byte - 0x80);
    return {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3F))};
  }
  std::shared_ptr<const Tokenizer> open(ScriptedServer& server) {
    RemoteModelOptions options;
    options.urls = {server.url()};
    options.first_retry_wait = milliseconds(1);
    const auto model = open_remote_model(options);
    name_ = model->capabilities().name;
    return model->tokenizer();  // outlives the model
  }

  Vocabulary vocabulary_;
  std::string name_;
  std::atomic<std::size_t> longest_{0};
};

TEST_F(ServerTokenizerTest, BothFormsAreRecognised) {
  for (const auto& script : {llama(), vllm()}) {
    ScriptedServer server(script, 0, true);
    const auto tokenizer = open(server);
    EXPECT_THAT(name_, testing::HasSubstr("counted by the server"));
    const std::string text = "Some words, and a\nline.";
    const std::vector<TokenId> ids = tokenizer->encode(text);
    EXPECT_EQ(ids.size(), vocabulary_.split(text).size());
    EXPECT_EQ(tokenizer->decode(ids), text);
    EXPECT_EQ(tokenizer->token_bytes(ids[1]), " words");
    EXPECT_TRUE(tokenizer->encode("").empty());
  }
}

TEST_F(ServerTokenizerTest, WithoutAnUsableEndpointTokensAreEstimated) {
  ScriptedServer none(models_or_404, 0, true);
  open(none);
  EXPECT_THAT(name_, testing::HasSubstr("counted by an estimate"));
  // SentencePiece's invented leading blank: the tokens are not those of the text.
  ScriptedServer other(
      [](const ScriptedRequest& request, ScriptedConnection& peer) {
        if (request.path != "/tokenize") return models_or_404(request, peer);
        const Json body = Json::parse(request.body);
        if (!body.contains("content")) return peer.reply(400, "{}");
        std::string piece = body.at("content");
        piece.insert(piece.begin(), ' ');
        peer.reply(200, Json{{"tokens", {{{"id", 1}, {"piece", piece}}}}}.dump());
      },
      0, true);
  open(other);
  EXPECT_THAT(name_, testing::HasSubstr("counted by an estimate"));
}

TEST_F(ServerTokenizerTest, StreamedInAnyPiecesEqualsWhole) {
  ScriptedServer server(llama(), 0, true);
  const auto tokenizer = open(server);
  RandomStream draw(3);
  std::string text;
  while (text.size() < 200'000) {
    switch (draw.below(8)) {
      case 0:
        text += "\xE4\xB8\xAD\xE6\x96\x87 ";
        break;
      case 1:
        text += ".\n\n";
        break;
      case 2:
        text += std::to_string(draw.below(100000));
        break;
      default:
        text += ' ';
        text.append(1 + draw.below(15), static_cast<char>('a' + draw.below(26)));
    }
  }
  const std::vector<TokenId> whole = tokenizer->encode(text);
  longest_ = 0;
  const auto stream = tokenizer->stream();
  for (int round = 0; round < 2; ++round) {  // a stream can be used again
    std::vector<TokenId> ids;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = 1 + draw.below(round == 0 ? 5000 : 100'000);
      stream->feed(std::string_view(text).substr(at, length), ids);
      at += length;
    }
    stream->finish(ids);
    EXPECT_EQ(ids, whole);
  }
  EXPECT_LE(longest_, 64U << 10) << "in bounded parts";
}

TEST_F(ServerTokenizerTest, TextWithoutPlacesToCutIsBoundedAndKeepsItsBytes) {
  ScriptedServer server(llama(), 0, true);
  const auto tokenizer = open(server);
  longest_ = 0;
  std::string chinese;
  for (int i = 0; i < 30'000; ++i) chinese += "\xE4\xB8\xAD";
  for (const std::string& text : {std::string(90'000, 'a'), chinese, std::string(90'000, ' ')}) {
    const auto stream = tokenizer->stream();
    std::vector<TokenId> ids;
    for (std::size_t at = 0; at < text.size(); at += 7001) {
      stream->feed(std::string_view(text).substr(at, 7001), ids);
    }
    stream->finish(ids);
    EXPECT_EQ(tokenizer->decode(ids), text);
    EXPECT_NEAR(static_cast<double>(ids.size()),
                static_cast<double>(vocabulary_.split(text).size()), 2.0 * 90 / 48);
  }
  EXPECT_LE(longest_, 80U << 10);
}

TEST_F(ServerTokenizerTest, ManyThreadsAtOnce) {
  ScriptedServer server(llama(), 0, true);
  const auto tokenizer = open(server);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string text = "thread " + std::string(static_cast<std::size_t>(t + 1), 'x') +
                                 " says " + std::string(static_cast<std::size_t>(i + 1), 'y');
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTokenizerTest, FailuresAreRetriedThenToldAsAnError) {
  std::atomic<int> broken{0};
  const auto fine = llama();
  ScriptedServer server(
      [&](const ScriptedRequest& request, ScriptedConnection& peer) {
        if (request.path == "/tokenize" && broken > 0) {
          --broken;
          return peer.reply(503, R"({"error":"busy"})");
        }
        fine(request, peer);
      },
      0, true);
  const auto tokenizer = open(server);
  broken = 2;
  EXPECT_EQ(tokenizer->encode("a b").size(), 2U);
  broken = 1000;
  try {
    tokenizer->encode("a b");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("busy"), testing::HasSubstr("tokenizer file")));
  }
}

}  // namespace
}  // namespace memagent
