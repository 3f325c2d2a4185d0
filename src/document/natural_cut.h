// Where a section may end without cutting a thought in two.
//
// Knows bytes and token ends, not tokenizers. Punctuation is looked at, not language: "Dr. Smith"
// can be taken for a sentence end, which costs nothing but the cut's place.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace memagent {

// `text` is a section and what is known of the text after it; `ends[i]` is the byte at which its
// first i + 1 tokens end. Returns how many of the first `tokens` tokens to keep: up to the last
// Markdown heading within 256 tokens, if that is no more than half of the section, or within the
// last eighth, so that what stands under one heading is read together; else up to the last
// paragraph end within the last eighth, else the last line end or sentence end there. An eighth of
// a small section holds no whole sentence: then it is the last such end within 96 tokens, if that
// is no more than half of the section. Else the last word end within the eighth, else the last
// whole character, else all. Never between a heading and what follows, where there is a choice.
std::size_t natural_cut(std::string_view text, std::span<const std::size_t> ends,
                        std::size_t tokens);

}  // namespace memagent
