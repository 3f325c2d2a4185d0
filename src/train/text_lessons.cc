#include "train/text_lessons.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "task/evidence_oracle.h"
#include "task/frequency_oracle.h"
#include "task/made_words.h"
#include "task/prose.h"
#include "task/unit_document.h"
#include "task/world/comparisons.h"
#include "task/world/world.h"
#include "train/drawing.h"

namespace memagent {
namespace {

TokenId any_token(const Tokenizer& tokenizer, RandomStream& random) {
  return static_cast<TokenId>(random.below(static_cast<std::uint64_t>(tokenizer.vocab_size())));
}

Lesson drill(std::int64_t tokens, const Tokenizer& tokenizer, RandomStream& random) {
  Reply reply{ReplyKind::kText, {}, {}};
  for (std::int64_t i = 0; i < std::max<std::int64_t>(2, tokens / 2); ++i) {
    reply.prompt.push_back(any_token(tokenizer, random));
  }
  reply.response = reply.prompt;
  return {0, {}, {std::move(reply)}};
}

// What is easily copied wrong: tokens that come back, so that the one before does not tell what
// follows. Few different ones of the vocabulary, or a word of few different letters or digits.
std::vector<TokenId> repetitive(const Tokenizer& tokenizer, RandomStream& random) {
  if (random.below(2) == 0) {
    constexpr std::string_view kCharacters[] = {"0123456789", "0123456789abcdef-",
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                                "abcdefghijklmnopqrstuvwxyz-"};
    const std::string_view characters = kCharacters[random.below(std::size(kCharacters))];
    std::string chosen;
    for (std::uint64_t i = 2 + random.below(8); i > 0; --i) {
      chosen += characters[random.below(characters.size())];
    }
    std::string word;
    for (std::uint64_t i = 3 + random.below(34); i > 0; --i) {
      word += chosen[random.below(chosen.size())];
    }
    return tokenizer.encode(word);
  }
  std::vector<TokenId> chosen;
  for (std::uint64_t i = std::uint64_t{2} << random.below(5); i > 0; --i) {
    chosen.push_back(any_token(tokenizer, random));
  }
  std::vector<TokenId> tokens;
  const std::uint64_t most = std::min<std::uint64_t>(30, 4 * chosen.size());
  for (std::uint64_t i = 2 + random.below(most); i > 0; --i) {
    tokens.push_back(chosen[random.below(chosen.size())]);
  }
  return tokens;
}

// A list of such, each after a key of two tokens, and each asked for by its key.
Lesson repeats(const Tokenizer& tokenizer, RandomStream& random) {
  const std::vector<TokenId> line_end = tokenizer.encode("\n");
  Lesson lesson;
  for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
    Reply reply{ReplyKind::kAnswer, {}, repetitive(tokenizer, random)};
    for (int k = 0; k < 2; ++k) reply.prompt.push_back(any_token(tokenizer, random));
    for (const std::vector<TokenId>& part : {reply.prompt, reply.response, line_end}) {
      lesson.prefix.insert(lesson.prefix.end(), part.begin(), part.end());
    }
    reply.response.push_back(tokenizer.end_tokens().front());
    lesson.replies.push_back(std::move(reply));
  }
  return lesson;
}

// Words as often as they like, and which three came most often: one reply about them all.
Lesson tally(const Tokenizer& tokenizer, RandomStream& random) {
  std::vector<std::string> words(2 + random.below(24));
  for (std::string& word : words) {
    word = made_code(random, Split::kTrain, static_cast<int>(2 + random.below(5)), 'a');
  }
  // From all alike to Zipf's law of exponent 2.
  const double exponent = 0.5 + 1.5 * random.uniform();
  std::vector<double> ends;
  for (std::size_t rank = 1; rank <= words.size(); ++rank) {
    ends.push_back((ends.empty() ? 0 : ends.back()) +
                   std::pow(static_cast<double>(rank), -exponent));
  }
  const double dots = random.uniform();
  std::vector<std::string> drawn;
  std::string text;
  for (std::uint64_t i = std::uint64_t{4} << random.below(5); i > 0;) {
    if (random.uniform() * 1.5 < dots) {
      text += " ...";
      continue;
    }
    const auto rank = std::ranges::upper_bound(ends, random.uniform() * ends.back());
    drawn.push_back(words[static_cast<std::size_t>(rank - ends.begin())]);
    text += random.below(16) == 0 ? '\n' : ' ';
    text += drawn.back();
    --i;
  }
  Lesson lesson;
  lesson.prefix = tokenizer.encode(text);
  Reply reply{ReplyKind::kAnswer, tokenizer.encode("\n-"),
              tokenizer.encode(fmt::format(" {}", fmt::join(most_frequent(drawn), ", ")))};
  reply.response.push_back(tokenizer.end_tokens().front());
  lesson.replies.push_back(std::move(reply));
  return lesson;
}

// The memory that an ideal reader has of two things, in either order, sometimes with notes on two
// others before or behind them.
Lesson compare(const LessonContext& context, RandomStream& random) {
  constexpr double kWithOthers = 0.25;
  const world::World world(random.next(), Split::kTrain);
  const auto draw = [&] {
    const world::ComparisonOptions options{
        .hops = 1, .first = random.below(2) == 0, .yes_no = random.below(2) == 0};
    return comparison_question(world, random.next(), options);
  };
  const world::Question question = draw();
  std::vector<std::string> lines;
  const auto note = [&](const world::Question& of) {
    std::vector<std::string> notes;
    for (const world::Support& support : of.support) notes.push_back(memory_line(support.note));
    shuffle(notes, random);
    lines.insert(lines.end(), notes.begin(), notes.end());
  };
  const bool others = random.uniform() < kWithOthers;
  const bool before = random.below(2) == 0;
  if (others && before) note(draw());
  note(question);
  if (others && !before) note(draw());
  const PromptRenderer& renderer = *context.renderer;
  Reply reply{ReplyKind::kAnswer,
              renderer
                  .answer(renderer.encode(question.text),
                          renderer.encode(fmt::format("{}", fmt::join(lines, "\n"))))
                  .tokens,
              context.tokenizer->encode(question.answers.front())};
  reply.response.push_back(context.tokenizer->end_tokens().front());
  return {0, {}, {std::move(reply)}};
}

// Encoded in one piece, as a document is: a space goes with the word behind it.
Lesson prose(std::int64_t tokens, const UnitText& units, const Tokenizer& tokenizer) {
  constexpr std::size_t kBytesPerToken = 4;
  std::string text;
  std::vector<TokenId> ids;
  std::int64_t next = 0;
  for (std::size_t wanted = 2; std::ssize(ids) < tokens; wanted *= 2) {
    const std::size_t bytes = wanted * kBytesPerToken * static_cast<std::size_t>(tokens) / 2;
    while (text.size() < bytes) units.append(next++, text);
    ids = tokenizer.encode(text);
  }
  ids.resize(static_cast<std::size_t>(tokens));
  return {0, {}, {{ReplyKind::kText, {ids.front()}, {ids.begin() + 1, ids.end()}}}};
}

}  // namespace

Lesson text_lesson(const std::string& name, const std::vector<std::int64_t>& tokens,
                   const LessonContext& context, const MakeProse& text, RandomStream& random) {
  const Tokenizer& tokenizer = *context.tokenizer;
  if (name == kRepeatsTask) return repeats(tokenizer, random);
  if (name == kTallyTask) return tally(tokenizer, random);
  if (name == kCompareTask) return compare(context, random);
  const std::int64_t length = drawn_length(random, tokens);
  if (name == kDrillTask) return drill(length, tokenizer, random);
  const MakeProse& make = name == kTextTask ? text : generated_prose;
  return prose(length, *make(random.next()), tokenizer);
}

}  // namespace memagent
