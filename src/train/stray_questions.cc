#include "train/stray_questions.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <string_view>

#include "task/made_words.h"

namespace memagent {
namespace {

template <std::size_t N>
std::string_view one_of(const std::array<std::string_view, N>& list, RandomStream& draw) {
  return list[draw.below(N)];
}

constexpr std::array<std::string_view, 40> kRoles = {
    "actor",    "actress", "singer",     "drummer",   "guitarist", "composer", "director",
    "producer", "author",  "poet",       "editor",    "painter",   "sculptor", "architect",
    "engineer", "chemist", "physicist",  "geologist", "senator",   "governor", "mayor",
    "minister", "general", "admiral",    "soldier",   "king",      "queen",    "bishop",
    "lawyer",   "judge",   "journalist", "presenter", "coach",     "player",   "driver",
    "boxer",    "chef",    "dancer",     "widow",     "brother"};
constexpr std::array<std::string_view, 40> kThings = {
    "film",    "song",    "album",   "novel",    "poem",    "play",      "opera",   "series",
    "episode", "game",    "book",    "magazine", "journal", "newspaper", "band",    "company",
    "airline", "railway", "station", "bridge",   "tower",   "castle",    "church",  "museum",
    "college", "school",  "village", "county",   "island",  "river",     "lake",    "mountain",
    "park",    "battle",  "treaty",  "law",      "prize",   "ship",      "species", "breed"};
constexpr std::array<std::string_view, 32> kDone = {
    "founded",    "directed", "written",  "recorded",   "built",    "published", "released",
    "born",       "killed",   "elected",  "married",    "trained",  "produced",  "named",
    "discovered", "composed", "designed", "destroyed",  "invented", "painted",   "sold",
    "closed",     "opened",   "filmed",   "played",     "signed",   "awarded",   "buried",
    "raised",     "educated", "moved",    "established"};
constexpr std::array<std::string_view, 20> kWhats = {
    "nationality", "profession", "population", "capital",  "genre",  "height", "colour",
    "name",        "purpose",    "meaning",    "origin",   "length", "age",    "language",
    "religion",    "position",   "nickname",   "birthday", "title",  "motto"};
constexpr std::array<std::string_view, 12> kAsks = {
    "Who",      "What",         "When",      "Where",   "Why",           "How",
    "How many", "In what year", "Which one", "By whom", "In which city", "For how long"};

// {p}, {q}: people. {t}, {u}: titles. {w}: a place. {r}: a role. {k}, {l}: kinds of things. {d},
// {e}: what was done. {a}: what of it is asked. {n}: a number. {y}: a year.
constexpr std::array<std::string_view, 72> kForms = {
    "What {a} did the {r} of the {k} {t} hold?",
    "Were {p} and {q} of the same {a}?",
    "Are {t} and {u} both {k}s?",
    "Which {k} was {d} first, {t} or {u}?",
    "The {k} {t} was {d} by a {r} from which {l}?",
    "In what year was the {r} of {t} {d}?",
    "{p} {d} which {k} in {y}?",
    "What is the {a} of the {r} who {d} {t}?",
    "Who is older, {p} or {q}?",
    "{t} is a {k} by a {r} of which {a}?",
    "What {k} is {p} best known for?",
    "The {r} of {t} was {d} in which {k}?",
    "Which {r} {d} the {k} that {p} {e}?",
    "In which {k} of {w} was {p} {d}?",
    "Do {p} and {q} have the same {a}?",
    "Who {d} the {k} in which {p} was a {r}?",
    "How many {k}s were {d} in {w} by {y}?",
    "Why was {p} {d} in {w}?",
    "Why did {p} leave {w} in {y}?",
    "What happened to {p} after {y}?",
    "How did the {r} of {w} become {r}?",
    "What kind of {k} is {t}?",
    "Where is the {k} {t} located?",
    "What {k} did {p} and {q} {e} together?",
    "Which {w} {k} has a {l} {d} by {p}?",
    "Who was the {r} when the {k} of {w} was {d}?",
    "{p}, a {r}, was {d} in the {k} {t} with which {r}?",
    "Since when has {w} been a {k}?",
    "On what date was the {k} of {w} {d}?",
    "Is {w} farther north than {t}?",
    "Did {p} ever meet {q}?",
    "Was {t} {d} before {y}?",
    "Has {p} {d} more {k}s than {q}?",
    "Which {r} did {p} replace?",
    "What does {t} stand for?",
    "What is the {a} of {w}?",
    "What was the {a} of the {k} {t}?",
    "Whose {r} was {p}?",
    "To whom is {t} dedicated?",
    "From which {k} does the {a} of {w} come?",
    "The {k} called {t} lies between {w} and what?",
    "{w} is in which {k}?",
    "What was first {d} at {w}?",
    "What did the {r} say about {t}?",
    "Who sued {p}?",
    "How tall is {p}?",
    "How much did {t} cost?",
    "How long is the {k} {t}?",
    "What percentage of {w} is {d}?",
    "Name the {k} that {p} {d}.",
    "Name {n} {k}s of {w}.",
    "List all {k}s that are {d} by {p}.",
    "Summarise the document in {n} sentences.",
    "What is this text about?",
    "What is the main argument?",
    "Give me the gist of what {p} says about {w}.",
    "Translate the first sentence.",
    "Write a {k} about {w}.",
    "Hello, how are you?",
    "Who are you?",
    "Thank you, {p}!",
    "Tell me something about {p}.",
    "Explain how a {k} is {d}.",
    "Under which conditions may the {k} be {d}?",
    "Who is liable if the {k} is {d}?",
    "What is the penalty for a late {k}?",
    "Which of the {n} {k}s is the {r}'s favourite?",
    "What did {p} have for breakfast?",
    "What is {n} times {n}?",
    "Is {p} still a {r}?",
    "Does the text mention {w}?",
    "Which error did the {k} report at {y}?"};

// Two coined words, the first letters large.
std::array<std::string, 2> coined_words(RandomStream& draw) {
  std::array<std::string, 2> words = drawn_words(draw, Split::kTrain);
  for (std::string& word : words) {
    word.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(word.front())));
  }
  return words;
}

std::string person(RandomStream& draw) {
  const auto [first, last] = coined_words(draw);
  return first + ' ' + last;
}

constexpr std::array<std::string_view, 5> kTitles = {"{0}", "The {0} {1}", "\"{0} {1}\"",
                                                     "{0} of the {1}", "{0} {1}"};

std::string title(RandomStream& draw) {
  const auto [first, second] = coined_words(draw);
  return fmt::format(fmt::runtime(one_of(kTitles, draw)), first, second);
}

// A wh-word before words that make no question: nothing is to be learnt from the forms alone.
std::string babble(RandomStream& draw) {
  std::string text(one_of(kAsks, draw));
  for (std::uint64_t i = 2 + draw.below(12); i > 0; --i) {
    text += ' ';
    switch (draw.below(6)) {
      case 0:
        text += one_of(kRoles, draw);
        break;
      case 1:
        text += one_of(kThings, draw);
        break;
      case 2:
        text += one_of(kDone, draw);
        break;
      case 3:
        text += one_of(kWhats, draw);
        break;
      case 4:
        text += "the";
        break;
      default:
        text += coined_words(draw)[0];
    }
  }
  return text + '?';
}

}  // namespace

std::string stray_question(RandomStream& draw) {
  if (draw.below(6) == 0) return babble(draw);
  fmt::dynamic_format_arg_store<fmt::format_context> args;
  const auto add = [&](const char* name, auto value) { args.push_back(fmt::arg(name, value)); };
  add("p", person(draw));
  add("q", person(draw));
  add("t", title(draw));
  add("u", title(draw));
  add("w", coined_words(draw)[0]);
  add("r", one_of(kRoles, draw));
  add("k", one_of(kThings, draw));
  add("l", one_of(kThings, draw));
  add("d", one_of(kDone, draw));
  add("e", one_of(kDone, draw));
  add("a", one_of(kWhats, draw));
  add("n", 2 + draw.below(20));
  add("y", 1600 + draw.below(430));
  return fmt::vformat(one_of(kForms, draw), args);
}

}  // namespace memagent
