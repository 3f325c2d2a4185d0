#include "text/consuming_tokenizer.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace memagent {
namespace {

// Takes all that is settled from the front of `text`; returns the bytes taken.
std::size_t consume_all(const ConsumingTokenizer& tokenizer, std::string_view text, bool last,
                        std::vector<TokenId>& out) {
  std::size_t done = 0;
  while (done < text.size()) {
    const std::string_view block = text.substr(done, kConsumeBytes);
    const bool block_last = last && done + block.size() == text.size();
    const std::size_t taken = tokenizer.consume(block, block_last, out);
    if (taken == 0) {
      MEMAGENT_CHECK(!block_last && block.size() <= tokenizer.consume_window(),
                     "no progress on {} bytes", block.size());
      break;
    }
    done += taken;
  }
  return done;
}

class ConsumingStream final : public TokenStream {
 public:
  explicit ConsumingStream(const ConsumingTokenizer& tokenizer)
      : tokenizer_(tokenizer), owner_(tokenizer.weak_from_this().lock()) {}

  void feed(std::string_view bytes, std::vector<TokenId>& out) override {
    while (!bytes.empty()) {
      if (pending_.empty() && bytes.size() >= kDirectBytes) {
        bytes.remove_prefix(consume_all(tokenizer_, bytes, false, out));
      }
      const std::size_t taken = std::min(bytes.size(), kConsumeBytes / 2);
      pending_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      // A long piece is looked at again only when it has grown by a quarter, so that feeding it
      // byte by byte does not take quadratic time.
      if (pending_.size() < try_again_) continue;
      pending_.erase(0, consume_all(tokenizer_, pending_, false, out));
      try_again_ = pending_.size() < 64 ? 0 : pending_.size() + pending_.size() / 4;
    }
  }

  void finish(std::vector<TokenId>& out) override {
    consume_all(tokenizer_, pending_, true, out);
    pending_.clear();
    try_again_ = 0;
  }

 private:
  static constexpr std::size_t kDirectBytes = 4096;  // from here on, no copy is made

  const ConsumingTokenizer& tokenizer_;
  std::shared_ptr<const ConsumingTokenizer> owner_;
  std::string pending_;  // at most a window and what is fed at once, up to kConsumeBytes
  std::size_t try_again_ = 0;
};

}  // namespace

void ConsumingTokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
  consume_all(*this, text, true, out);
}

std::unique_ptr<TokenStream> ConsumingTokenizer::stream() const {
  return std::make_unique<ConsumingStream>(*this);
}

}  // namespace memagent
