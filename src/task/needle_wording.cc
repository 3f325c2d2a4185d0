#include "task/needle_wording.h"

#include <fmt/format.h>

#include <array>

namespace memagent {
namespace {

// {0}: number or code; {1}: the key; {2}: the value.
constexpr std::array<std::string_view, 14> kTrainNeedles = {
    "The {0} entered for {1} is {2}.",
    "The {0} of {1} is {2}.",
    "For {1}, the {0} is {2}.",
    "The {0} given to {1} was {2}.",
    "{1} has the {0} {2}.",
    "Under {1} stands the {0} {2}.",
    "Whoever asks for {1} is told {2}.",
    "They kept {1} in the book with the {0} {2}.",
    "Since that day {1} has had {2} for a {0}.",
    "The {0} {2} belongs to {1}.",
    "{2} is the {0} of {1}.",
    "They wrote down {2} as the {0} of {1}.",
    "A clerk put {2} beside {1}.",
    "With {2} they meant {1}.",
};
constexpr std::array<std::string_view, 7> kTrainQuestions = {
    "Which {0} is entered for {1}?",
    "What is the {0} of {1}?",
    "Which {0} does {1} have?",
    "Which {0} belongs to {1}?",
    "What stands under {1}?",
    "Tell the {0} of {1}.",
    "{1} has which {0}?",
};
constexpr std::array<std::string_view, 7> kTestNeedles = {
    "Note that {1} goes with the {0} {2}.",    "The right {0} for {1} was always {2}.",
    "As to {1}, its {0} had been set to {2}.", "On the list one reads {1}, and then {2}.",
    "The {0} {2} was chosen for {1}.",         "Remember {2} when you come to {1}.",
    "{2} it was, the {0} that {1} received.",
};
constexpr std::array<std::string_view, 4> kTestQuestions = {
    "What is the {0} for {1}?",
    "Say which {0} goes with {1}.",
    "Which {0} was chosen for {1}?",
    "Do you remember the {0} of {1}?",
};

template <std::size_t N>
std::string said(const std::array<std::string_view, N>& forms, RandomStream& draw,
                 std::string_view what, std::string_view key, std::string_view value) {
  return fmt::format(fmt::runtime(forms[draw.below(N)]), what, key, value);
}

}  // namespace

std::string worded_needle(RandomStream& draw, Split split, std::string_view what,
                          std::string_view key, std::string_view value) {
  return split == Split::kTrain ? said(kTrainNeedles, draw, what, key, value)
                                : said(kTestNeedles, draw, what, key, value);
}

std::string worded_question(RandomStream& draw, Split split, std::string_view what,
                            std::string_view key) {
  return split == Split::kTrain ? said(kTrainQuestions, draw, what, key, "")
                                : said(kTestQuestions, draw, what, key, "");
}

}  // namespace memagent
