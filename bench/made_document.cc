#include "made_document.h"

#include <stdexcept>
#include <vector>

#include "base/random.h"
#include "memagent/document.h"

namespace memagent::bench {
namespace {

std::string sentence(RandomStream& draw) {
  static constexpr const char* kWords[] = {
      "river",  "stone",   "quiet", "morning", "letter", "window", "garden", "travel",
      "winter", "account", "north", "village", "paper",  "bridge", "slowly", "evening",
      "market", "answer",  "again", "through", "before", "harbour"};
  std::string text;
  for (int i = 0; i < 12; ++i) {
    if (i > 0) text += ' ';
    text += kWords[draw.below(std::size(kWords))];
  }
  text += ".\n";
  return text;
}

}  // namespace

std::string make_document(const MadeDocument& made, std::shared_ptr<const Tokenizer> tokenizer) {
  const SectionOptions options{.section_tokens = made.section_tokens};
  RandomStream draw(11);
  std::string text;
  // No token is longer than 16 bytes on average, whatever the vocabulary.
  const std::size_t enough =
      16 * static_cast<std::size_t>(made.sections) * static_cast<std::size_t>(made.section_tokens);
  while (text.size() < enough && text.size() < (std::size_t{256} << 20)) text += sentence(draw);
  std::vector<std::int64_t> begins;
  SectionReader reader(text_source(text), tokenizer, options);
  Section section;
  while (static_cast<std::int32_t>(begins.size()) < made.sections && reader.next(section)) {
    begins.push_back(section.byte_begin);
  }
  // The last section is half full: facts move the cuts a little.
  text.resize(static_cast<std::size_t>((section.byte_begin + section.byte_end) / 2));
  for (std::int32_t i = 0; i < made.facts; ++i) {
    const std::int32_t where = (2 * i + 1) * made.sections / (2 * made.facts);
    const std::size_t line = text.find('\n', static_cast<std::size_t>(begins.at(where)) + 200) + 1;
    const std::string fact = "[[fact " + std::to_string(100 + i) + ": amber]].";
    text.replace(line, fact.size(), fact);
  }
  std::int32_t count = 0;
  SectionReader check(text_source(text), tokenizer, options);
  while (check.next(section)) ++count;
  if (count != made.sections) {
    throw std::runtime_error("the made document has " + std::to_string(count) + " sections");
  }
  return text;
}

}  // namespace memagent::bench
