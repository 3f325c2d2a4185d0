// Names and values that tasks are made of: numbers, UUIDs, codes, and names of two or three words.
// The two splits never share one: words come from different halves of the lists, and of values a
// hash decides whose they are, so that nothing about their form gives them away.
//
// Everything is appended to a text, without allocation, because haystacks are made of millions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "task/task.h"

namespace memagent {

// The split that a value belongs to.
Split split_of(std::uint64_t value);

// A number of seven digits (RULER's) of the split.
std::int64_t made_number(RandomStream& draw, Split split);
// Five digits, as RULER's variables have.
std::int64_t made_small_number(RandomStream& draw, Split split);

// A version 4 UUID of the split: 36 characters.
struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Uuid&) const = default;
};
Uuid made_uuid(RandomStream& draw, Split split);
void append_uuid(Uuid uuid, std::string& out);

// A made-up word of `letters` (at most 12) letters from `first` ('a' or 'A') on.
std::string made_code(RandomStream& draw, Split split, int letters, char first);

// "amber-lantern": every pair of an adjective and a noun of the split's halves of the lists.
// Beyond them, "amber-lantern-willow".
inline constexpr std::uint64_t kNumShortNames = std::uint64_t{181} * 326;
inline constexpr std::uint64_t kNumLongNames = kNumShortNames * 326;
// Of the training split alone: names of two coined words, so that whoever learns from names learns
// to compare letters rather than a list of words. Some are made of syllables ("braister"), each of
// them once; then come those that begin as one listed word and end as another ("lantisan"), which
// have the letters of real words, and those of one to four groups of letters that any English word
// may have ("ousantr"). These two are not all different.
inline constexpr std::uint64_t kNumSyllableWords = std::uint64_t{32} * 8 * 32 * 8;
inline constexpr std::uint64_t kNumSplicedWords = std::uint64_t{507} * 4 * 507 * 4;
inline constexpr std::uint64_t kNumPieceWords = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kNumCoinedWords =
    kNumSyllableWords + kNumSplicedWords + kNumPieceWords;
inline constexpr std::uint64_t kNumCoinedNames = kNumCoinedWords * kNumCoinedWords;
// `index` below kNumShortNames; for the training split, coined names follow.
void append_short_name(std::uint64_t index, Split split, std::string& out);
// The index of a name: in the training split three of four are coined.
std::uint64_t drawn_short_name(RandomStream& draw, Split split);
// The two words of a name that is drawn so.
std::array<std::string, 2> drawn_words(RandomStream& draw, Split split);
// The name of the first's first word and the second's second: both listed, or both coined.
std::uint64_t crossed_short_name(std::uint64_t first, std::uint64_t second);
bool is_coined(std::uint64_t short_name);
// `index` below kNumLongNames.
void append_long_name(std::uint64_t index, Split split, std::string& out);

}  // namespace memagent
