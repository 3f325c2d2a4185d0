// What every tokenizer here shares: one routine that takes as much of a text as is settled, from
// which whole encoding and streaming both follow, so that they cannot differ.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent {

class ConsumingTokenizer : public Tokenizer,
                           public std::enable_shared_from_this<ConsumingTokenizer> {
 public:
  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& out) const final;
  // The stream keeps the tokenizer alive if a shared_ptr owns it.
  std::unique_ptr<TokenStream> stream() const final;

  // Appends the ids of the leading part of `text` that no later text can change and returns its
  // bytes; with `last`, that is all of it. Where it returns 0 it must not do so any more once
  // `text` has more than consume_window() bytes. At most kConsumeBytes bytes at a time.
  virtual std::size_t consume(std::string_view text, bool last,
                              std::vector<TokenId>& out) const = 0;
  virtual std::size_t consume_window() const = 0;
};

// A multiple of any consume_window().
inline constexpr std::size_t kConsumeBytes = std::size_t{1} << 20;

}  // namespace memagent
