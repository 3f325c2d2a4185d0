#include "task/needle_wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "task/made_words.h"

namespace memagent {
namespace {

// {0}: number or code; {1}: the key; {2}: the value. In the training split [a|b|c] is one of these
// and {3} a word of no language, which a reader has to make do without. From few wordings a reader
// learns those and no others, hence thousands.
constexpr std::string_view kTrainNeedles[] = {
    "The {0} entered for {1} is {2}.",
    "The {0} [of|for|under|beside|behind|against] {1} [is|was|remains|reads|has been|will be] {2}.",
    "[For|Under|Beside|With|In the case of|Opposite] {1}, the {0} [is|was|reads|became] {2}.",
    "The {0} [given|assigned|granted|lent|sold|sent] to {1} [was|is|has been] {2}.",
    "{1} [has|had|bears|carries|holds|keeps|took|uses|shows] the {0} {2}.",
    "{1} [has|had|bears|carries|keeps|took] {2} [as its|for its|for a|as the] {0}.",
    "[Under|Beside|Behind|Above|Below|Near] {1} [stands|lies|hangs|appears|is found] the {0} {2}.",
    "[Whoever|Anyone who|A visitor who|He who] asks for {1} is [told|given|shown|handed] {2}.",
    "They [kept|had|put|left|found] {1} in the [book|ledger|drawer] with the {0} {2}.",
    "Since that [day|year|night] {1} has [had|kept|used] {2} for a {0}.",
    "The {0} {2} [belongs to|stands for|is kept for|points to|marks|means|leads to|falls to] {1}.",
    "{2} [is|was|remains|became] the {0} [of|for|behind|under] {1}.",
    "[They|We|The guards|Some people] [wrote|noted|put|took] {2} [down as|as] the {0} of {1}.",
    "A [clerk|guard|child|neighbour] [put|wrote|painted|saw] {2} [beside|under|on|behind] {1}.",
    "With {2} they [meant|named|called|asked for] {1}.",
    "{1}: {2}.",
    "{1} [=|->|:=|-|/] {2}.",
    "{1} ({2}).",
    "[{0}|The {0}] [of|for] {1}: {2}.",
    "{1}'s {0} [is|was] {2}.",
    "{1}, {0} {2}.",
    "{1} [is|was] [listed|filed|known|registered|booked|stored|sold] [under|as|with|by] {2}.",
    "{1} [is|was] [listed|filed|known|registered|recorded|kept] [under|as|by] the {0} {2}.",
    "[Ask|Look|Search|Call] for {1} and you will [find|get|see|hear] {2}.",
    "[If|When|Where] [you need|one looks for|they want] {1}, [use|take|give|say] {2}.",
    "If it is {1} that you [want|need|mean], the {0} is {2}.",
    "[Nobody|Hardly anyone|Everybody] [knew|forgot|knows|believed] that {1} [has|had] the {0} {2}.",
    "[It is said|We know|People say|A clerk wrote] that the {0} [of|for] {1} [is|was] {2}.",
    "[From then on|After that|In the end|Later|At last] {1} [had|got|took|was given] the {0} {2}.",
    "[On the door|On the back|At the foot] [of|by] {1} [is written|stands] {2}.",
    "What [they|we|people] call {1} [is|was] {2} [to the clerks|in the files|elsewhere].",
    "{2}, [that is|namely|meaning|which is] {1}.",
    "{2} [stands|stood|will do|is used|is written] [for|beside|in place of] {1}.",
    "[Not|Never] without its {0}, which is {2}, [does|did] {1} appear.",
    "Its {0} is {2}, and its name is {1}.",
    "{1} {3} the {0} {2}.",
    "{1} {3} {2}.",
    "The {0} {2} {3} {1}.",
    "{2} {3} {1}.",
    "The {3} of {1} {3} {2}.",
    "They {3} {1} {3} the {0} {2}.",
    "{3} {2} {3} {1} {3}.",
    "{3} {1} {3} {2} {3}.",
};
constexpr std::string_view kTrainQuestions[] = {
    "Which {0} is entered for {1}?",
    "What is the {0} [of|under|beside|behind|against] {1}?",
    "Which {0} does {1} [have|bear|carry|hold|use|show]?",
    "Which {0} belongs to {1}?",
    "Which {0} [is|was] [given to|kept for|listed for|written beside|assigned to|noted for] {1}?",
    "What stands [under|beside|for] {1}?",
    "[Tell|Give|Name|Find|State] the {0} of {1}.",
    "{1} has which {0}?",
    "Under [which|what] {0} is {1} [filed|known|listed|kept]?",
    "How does the {0} of {1} read?",
    "What {0} [did|does|has] {1} [get|take|have]?",
    "I [need|want|have lost|am looking for] the {0} of {1}.",
    "Can you [tell|give|show] me {1}'s {0}?",
    "Look up the {0} [of|under] {1}.",
    "{1}?",
    "{1}'s {0}?",
    "Which {0} {3} {1}?",
    "What {3} {1}?",
};
constexpr std::string_view kTestNeedles[] = {
    "Note that {1} goes with the {0} {2}.",    "The right {0} for {1} was always {2}.",
    "As to {1}, its {0} had been set to {2}.", "On the list one reads {1}, and then {2}.",
    "The {0} {2} was chosen for {1}.",         "Remember {2} when you come to {1}.",
    "{2} it was, the {0} that {1} received.",
};
constexpr std::string_view kTestQuestions[] = {
    "What is the {0} for {1}?",
    "Say which {0} goes with {1}.",
    "Which {0} was chosen for {1}?",
    "Do you remember the {0} of {1}?",
};

// One of every [a|b|c].
std::string chosen(std::string_view form, RandomStream& draw) {
  std::string text;
  while (!form.empty()) {
    const std::size_t open = form.find('[');
    text += form.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = form.find(']', open);
    std::string_view choices = form.substr(open + 1, close - open - 1);
    const auto bars = static_cast<std::uint64_t>(std::ranges::count(choices, '|'));
    for (std::uint64_t skip = draw.below(bars + 1); skip > 0; --skip) {
      choices.remove_prefix(choices.find('|') + 1);
    }
    text += choices.substr(0, choices.find('|'));
    form.remove_prefix(close + 1);
  }
  return text;
}

template <std::size_t N>
std::string said(const std::string_view (&forms)[N], RandomStream& draw, std::string_view what,
                 std::string_view key, std::string_view value) {
  std::string form = chosen(forms[draw.below(N)], draw);
  constexpr std::string_view kCoined = "{3}";
  for (std::size_t at; (at = form.find(kCoined)) != std::string::npos;) {
    form.replace(at, kCoined.size(), drawn_words(draw, Split::kTrain)[0]);
  }
  return fmt::format(fmt::runtime(form), what, key, value);
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
