#include "model/remote/server_tokenizer.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "base/fail.h"
#include "base/random.h"

namespace memagent {
namespace {

constexpr std::size_t kPartBytes = 16 << 10;
constexpr std::size_t kMostBytes = 64 << 10;
// More ids than any vocabulary has; a server that goes beyond makes them up.
constexpr std::size_t kMostIds = 2'000'000;
constexpr std::chrono::seconds kAnswerTime{60};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

class ServerTokenizer final : public Tokenizer {
 public:
  ServerTokenizer(std::shared_ptr<const ServerSet> servers, const RemoteModelOptions& options)
      : servers_(std::move(servers)),
        limits_(limits_of(options)),
        max_attempts_(options.max_attempts),
        back_off_{options.first_retry_wait},
        http_(1, options.ca_file) {
    limits_.total_timeout = std::min<std::chrono::milliseconds>(limits_.total_timeout, kAnswerTime);
    for (const RemoteServer& server : servers_->servers) {
      vocab_size_ = std::max(vocab_size_, server.vocab_size);
    }
  }

  // Finds the form the servers understand; false if there is none.
  bool probe() {
    static constexpr std::string_view kSample =
        "Hello, world 42: caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87";
    for (std::size_t i = 0; i < servers_->servers.size(); ++i) {
      if (!servers_->servers[i].answered) continue;
      for (const TokenizeForm form : {TokenizeForm::kLlamaCpp, TokenizeForm::kVllm}) {
        form_ = form;
        const HttpReply reply = ask(i, kSample);
        if (reply.problem == HttpProblem::kNone && reply.status == 200 &&
            read_tokens(form, reply.body, kSample)) {
          return true;
        }
      }
      return false;
    }
    return false;
  }

  std::int32_t vocab_size() const override { return vocab_size_ > 0 ? vocab_size_ : INT32_MAX; }

  void encode(std::string_view text, std::vector<TokenId>& out) const override {
    for (const Piece& piece : pieces_of(text)) out.push_back(piece.id);
  }

  std::string_view token_bytes(TokenId id) const override {
    const std::shared_lock lock(bytes_mutex_);
    const auto found = bytes_.find(id);
    return found == bytes_.end() ? std::string_view() : std::string_view(found->second);
  }

  std::unique_ptr<TokenStream> stream() const override;

  std::optional<TokenId> special_token(std::string_view /*text*/) const override { return {}; }
  std::optional<TokenId> bos() const override { return {}; }
  bool adds_bos() const override { return false; }
  std::span<const TokenId> end_tokens() const override { return {}; }

  // The server's tokens of `text`; remembers their bytes.
  std::vector<Piece> pieces_of(std::string_view text) const {
    if (text.empty()) return {};
    const std::lock_guard lock(http_mutex_);
    std::string problem;
    for (std::int32_t attempt = 1; attempt <= max_attempts_; ++attempt) {
      const HttpReply reply = ask(current_, text);
      if (reply.problem == HttpProblem::kNone && reply.status == 200) {
        if (auto pieces = read_tokens(form_, reply.body, text)) {
          remember(*pieces);
          return std::move(*pieces);
        }
        problem = "tokens that are not those of the text came: '" + one_line(reply.body, 80) + "'";
      } else {
        problem = describe_failure(*servers_, reply);
        if (reply.problem == HttpProblem::kNone && !is_retryable_status(reply.status)) break;
      }
      problem.insert(0, servers_->servers[current_].url.shown() + ": ");
      current_ = (current_ + 1) % servers_->servers.size();
      if (attempt < max_attempts_ && current_ == 0) {
        std::this_thread::sleep_for(back_off_.after(attempt, uniform(1, draws_++)));
      }
    }
    fail(ErrorKind::kModel, "the server's tokenizer failed: {}; give a tokenizer file instead",
         servers_->scrub(problem));
  }

 private:
  HttpReply ask(std::size_t server, std::string_view text) const {
    HttpRequest request;
    request.url = servers_->servers[server].url.root("tokenize");
    request.post = true;
    request.body = tokenize_body(form_, servers_->servers[server].model, text);
    request.headers = servers_->headers.get();
    request.limits = limits_;
    return http_.fetch(std::move(request));
  }

  void remember(const std::vector<Piece>& pieces) const {
    {
      const std::shared_lock lock(bytes_mutex_);
      if (std::all_of(pieces.begin(), pieces.end(),
                      [&](const Piece& piece) { return bytes_.contains(piece.id); })) {
        return;
      }
    }
    const std::unique_lock lock(bytes_mutex_);
    for (const Piece& piece : pieces) {
      const auto [entry, is_new] = bytes_.try_emplace(piece.id, piece.bytes);
      if (entry->second != piece.bytes || bytes_.size() > kMostIds) {
        fail(ErrorKind::kModel, "the server's tokenizer gives token {} different texts", piece.id);
      }
    }
  }

  std::shared_ptr<const ServerSet> servers_;
  HttpLimits limits_;
  std::int32_t max_attempts_;
  BackOff back_off_;
  TokenizeForm form_ = TokenizeForm::kLlamaCpp;
  std::int32_t vocab_size_ = 0;

  mutable std::mutex http_mutex_;  // guards the next three
  mutable HttpClient http_;
  mutable std::size_t current_ = 0;
  mutable std::uint64_t draws_ = 0;

  mutable std::shared_mutex bytes_mutex_;
  mutable std::unordered_map<TokenId, std::string> bytes_;  // nodes stay where they are
};

class ServerTokenStream final : public TokenStream {
 public:
  explicit ServerTokenStream(const ServerTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void feed(std::string_view bytes, std::vector<TokenId>& out) override {
    while (!bytes.empty()) {
      const std::size_t room = std::max(next_size_, pending_.size() + 1) - pending_.size();
      const std::size_t taken = std::min(room, bytes.size());
      pending_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
      if (pending_.size() >= next_size_) flush(out);
    }
  }

  void finish(std::vector<TokenId>& out) override {
    for (const Piece& piece : tokenizer_.pieces_of(pending_)) out.push_back(piece.id);
    pending_.clear();
    next_size_ = kPartBytes;
  }

 private:
  // The end of `pending_` may lie inside a character: that much is not sent yet.
  std::size_t whole_characters() const {
    std::size_t end = pending_.size();
    for (std::size_t back = 1; back <= 3 && back <= end; ++back) {
      const auto byte = static_cast<unsigned char>(pending_[end - back]);
      if (byte < 0x80) break;
      if (byte >= 0xC0) {
        const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
        if (back < length) end -= back;
        break;
      }
    }
    return end;
  }

  void flush(std::vector<TokenId>& out) {
    const std::size_t sent = whole_characters();
    const std::vector<Piece> pieces =
        tokenizer_.pieces_of(std::string_view(pending_).substr(0, sent));
    const bool any_place = pending_.size() >= kMostBytes;
    std::size_t keep = 0;  // pieces that are certain
    std::size_t keep_bytes = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::string& bytes = pieces[i].bytes;
      const bool word_begins = begin > 0 && bytes.size() >= 2 && bytes[0] == ' ' &&
                               is_letter(bytes[1]) && is_word(pending_[begin - 1]);
      // In text without such places, leave the last quarter, and do not cut inside a character.
      const bool fallback = any_place && keep == 0 && begin >= sent - sent / 4 &&
                            (static_cast<unsigned char>(pending_[begin]) & 0xC0) != 0x80;
      if (word_begins || fallback) {
        keep = i;
        keep_bytes = begin;
      }
      begin += bytes.size();
    }
    for (std::size_t i = 0; i < keep; ++i) out.push_back(pieces[i].id);
    pending_.erase(0, keep_bytes);
    next_size_ = keep > 0 || any_place ? pending_.size() + kPartBytes : 2 * pending_.size();
  }

  const ServerTokenizer& tokenizer_;
  std::string pending_;
  std::size_t next_size_ = kPartBytes;
};

std::unique_ptr<TokenStream> ServerTokenizer::stream() const {
  return std::make_unique<ServerTokenStream>(*this);
}

}  // namespace

std::shared_ptr<const Tokenizer> server_tokenizer(std::shared_ptr<const ServerSet> servers,
                                                  const RemoteModelOptions& options) {
  auto tokenizer = std::make_shared<ServerTokenizer>(std::move(servers), options);
  if (!tokenizer->probe()) return nullptr;
  return tokenizer;
}

}  // namespace memagent
