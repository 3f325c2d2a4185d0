// Sections against the whole document: whatever the cut, the sizes of reads and the tokenizer,
// sections joined are the document, in text and in tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "document/natural_cut.h"
#include "memagent/document.h"
#include "memagent/error.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

// Delivers a text in reads of drawn sizes.
class RaggedSource final : public DocumentSource {
 public:
  RaggedSource(std::string text, std::uint64_t seed) : text_(std::move(text)), seed_(seed) {}
  std::size_t read(std::span<char> buffer) override {
    const std::size_t wanted =
        1 + derive(seed_, offset_) % (derive(seed_, offset_ + 1) % 4 == 0 ? 20000 : 9);
    const std::size_t bytes = std::min({wanted, buffer.size(), text_.size() - offset_});
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(offset_), bytes, buffer.begin());
    offset_ += bytes;
    return bytes;
  }
  bool rewindable() const override { return true; }
  void rewind() override { offset_ = 0; }
  std::int64_t total_bytes() const override { return static_cast<std::int64_t>(text_.size()); }
  std::string name() const override { return "ragged"; }

 private:
  std::string text_;
  std::uint64_t seed_;
  std::size_t offset_ = 0;
};

class OnceSource final : public DocumentSource {
 public:
  std::size_t read(std::span<char>) override { return 0; }
  bool rewindable() const override { return false; }
  void rewind() override {}
  std::int64_t total_bytes() const override { return -1; }
  std::string name() const override { return "a pipe"; }
};

// Byte-level BPE with a few merges, so that tokens have several bytes and cross characters.
std::shared_ptr<const Tokenizer> small_bpe() {
  Vocabulary vocabulary;
  vocabulary.pre_tokenizer = "qwen2";
  // GPT-2's alphabet: every byte, here made from the code points the alphabet is defined by.
  int extra = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const bool self = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    const int point = self ? byte : 0x100 + extra++;
    std::string token;
    if (point < 0x80) {
      token = static_cast<char>(point);
    } else {
      token += static_cast<char>(0xC0 | (point >> 6));
      token += static_cast<char>(0x80 | (point & 0x3F));
    }
    vocabulary.tokens.push_back(token);
  }
  for (const char* merge : {"t h", "th e", "\xC4\xA0 the", "i n", "a n", "\xC4\x8A \xC4\x8A",
                            "\xC3\xA3 \xC4\xA2", "in g", "e r", ". \xC4\x8A"}) {
    std::string result = merge;
    result.erase(result.find(' '), 1);
    vocabulary.merges.emplace_back(merge);
    vocabulary.tokens.push_back(result);
  }
  return make_tokenizer(std::move(vocabulary));
}

std::string mixed_text(std::uint64_t seed, int words) {
  static const char* const kParts[] = {"the ",
                                       "winner ",
                                       "in. ",
                                       "\n\n",
                                       "\n",
                                       "an\xC3\xA9 ",
                                       "\xE3\x81\x82\xE3\x80\x82",
                                       "3.14 ",
                                       "\"Yes.\" ",
                                       "   ",
                                       "\xF0\x9F\x98\x80",
                                       "ing",
                                       "!\n",
                                       "\xD1\x8F\xD1\x8F "};
  RandomStream random(seed);
  std::string text;
  for (int i = 0; i < words; ++i) text += kParts[random.below(std::size(kParts))];
  return text;
}

struct Whole {
  std::string text;
  std::vector<TokenId> tokens;
  std::vector<std::int64_t> sizes;
  std::uint64_t hash = 0;
};

Whole read_all(SectionReader& reader, std::int32_t section_tokens) {
  Whole whole;
  Section section;
  while (reader.next(section)) {
    EXPECT_EQ(section.index, static_cast<std::int64_t>(whole.sizes.size()));
    EXPECT_EQ(section.byte_begin, static_cast<std::int64_t>(whole.text.size()));
    EXPECT_EQ(section.token_begin, static_cast<std::int64_t>(whole.tokens.size()));
    EXPECT_LE(section.tokens.size(), static_cast<std::size_t>(section_tokens));
    EXPECT_GE(section.tokens.size(), 1U);
    whole.text += section.text;
    whole.tokens.insert(whole.tokens.end(), section.tokens.begin(), section.tokens.end());
    whole.sizes.push_back(static_cast<std::int64_t>(section.tokens.size()));
    EXPECT_EQ(section.byte_end, static_cast<std::int64_t>(whole.text.size()));
    whole.hash = section.prefix_hash;
  }
  EXPECT_FALSE(reader.next(section));
  return whole;
}

TEST(SectionReader, SectionsJoinedAreTheDocument) {
  for (const auto& tokenizer : {small_bpe(), estimating_tokenizer()}) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      const std::string text = mixed_text(seed, static_cast<int>(1 + (seed * 97) % 3000));
      const auto section_tokens = static_cast<std::int32_t>(1 + derive(seed, 1) % 300);
      for (const Cut cut : {Cut::kNatural, Cut::kExact}) {
        const SectionOptions options{section_tokens, cut};
        SectionReader plain(text_source(text), tokenizer, options);
        SectionReader ragged(std::make_unique<RaggedSource>(text, seed), tokenizer, options);
        const Whole a = read_all(plain, section_tokens);
        const Whole b = read_all(ragged, section_tokens);
        EXPECT_EQ(a.text, text);
        EXPECT_EQ(a.tokens, tokenizer->encode(text));
        EXPECT_EQ(b.text, a.text);
        EXPECT_EQ(b.tokens, a.tokens);
        EXPECT_EQ(b.sizes, a.sizes);
        EXPECT_EQ(b.hash, a.hash);
        EXPECT_EQ(ragged.bytes_read(), static_cast<std::int64_t>(text.size()));
        ragged.rewind();
        EXPECT_EQ(ragged.bytes_read(), 0);
        EXPECT_EQ(read_all(ragged, section_tokens).sizes, a.sizes);
        if (cut == Cut::kExact) {
          for (std::size_t i = 0; i + 1 < a.sizes.size(); ++i)
            EXPECT_EQ(a.sizes[i], section_tokens);
        } else {
          for (std::size_t i = 0; i + 1 < a.sizes.size(); ++i) {
            EXPECT_GE(a.sizes[i], section_tokens - std::max(section_tokens / 8,
                                                            std::min(section_tokens / 2, 96)));
          }
        }
      }
    }
  }
}

// Paragraphs of differing length, 20 tokens at most: a section of 400 always has a paragraph end in
// its last 50, so every section must begin a paragraph.
TEST(SectionReader, NaturalCutsEndAtParagraphs) {
  RandomStream random(7);
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += "the";
    for (std::uint64_t words = random.below(12); words > 0; --words) text += " the";
    text += ".\n\n";
  }
  SectionReader reader(text_source(text), small_bpe(), {400, Cut::kNatural});
  Section section;
  int sections = 0;
  while (reader.next(section)) {
    EXPECT_TRUE(section.text.starts_with("the"));
    EXPECT_TRUE(section.text.ends_with(".\n\n"));
    ++sections;
  }
  EXPECT_GT(sections, 10);
}

// Cuts one section of byte tokens; returns its text. 16 bytes: the last eighth is 2 bytes.
std::string first_section(const std::string& text, std::int32_t tokens) {
  Vocabulary vocabulary = *vocabulary_of(*small_bpe());
  vocabulary.merges.clear();
  SectionReader reader(text_source(text), make_tokenizer(std::move(vocabulary)),
                       {tokens, Cut::kNatural});
  Section section;
  EXPECT_TRUE(reader.next(section));
  return section.text;
}

// Of a section of 2,000 tokens the last eighth is searched for a sentence's end, of one of 400 its
// last 96 tokens.
TEST(SectionReader, SentencesAreWholeInSmallSections) {
  const std::string sentence = "A sentence.";
  for (const auto& [tokens, before_end, found] :
       {std::tuple(2000, 240, true), std::tuple(2000, 260, false), std::tuple(400, 60, true),
        std::tuple(400, 90, true), std::tuple(400, 100, false), std::tuple(100, 45, true),
        std::tuple(100, 55, false)}) {
    const std::size_t end = static_cast<std::size_t>(tokens - before_end);
    std::string text(end - sentence.size(), 'x');
    text += sentence + " " + std::string(2000, 'y');
    const std::string section = first_section(text, tokens);
    EXPECT_EQ(section.size(), found ? end + 1 : static_cast<std::size_t>(tokens)) << tokens;
  }
}

TEST(SectionReader, TheBetterPlaceWinsOverTheLater) {
  const std::string filler(40, 'x');
  // 48 tokens, of which the last 6 are searched.
  EXPECT_EQ(first_section(filler + "xxa\n\nb\ncde", 48), filler + "xxa\n\n");
  EXPECT_EQ(first_section(filler + "xxa.\nb. cde", 48), filler + "xxa.\n");
  EXPECT_EQ(first_section(filler + "xxa. b cdef", 48), filler + "xxa. ");
  EXPECT_EQ(first_section(filler + "xx3.1 bcdef", 48), filler + "xx3.1 ");
  EXPECT_EQ(first_section(filler + "xx\xE3\x80\x82ghijkl", 48), filler + "xx\xE3\x80\x82");
  // A full stop before the last eighth counts where there is none in it, back to half of a section.
  EXPECT_EQ(first_section(filler.substr(1) + ". abcdefghij", 48), filler.substr(1) + ". ");
  EXPECT_EQ(first_section(filler.substr(17) + ". a c" + filler, 48), filler.substr(17) + ". ");
  EXPECT_EQ(first_section(filler.substr(19) + ". abc" + filler, 48).size(), 48U);
  // Of a word nothing is searched so far back.
  EXPECT_EQ(first_section(filler.substr(19) + " abc" + filler, 48).size(), 48U);
  // Nothing but characters: not inside one.
  EXPECT_EQ(first_section(filler + "xxxxxxx\xF0\x9F\x98\x80xxx", 48), filler + "xxxxxxx");
  // An end of the document is no cut at all.
  EXPECT_EQ(first_section(filler + "a\n\nbcdef", 48), filler + "a\n\nbcdef");
}

// What stands under a heading is read together where it fits.
TEST(SectionReader, SectionsEndBeforeHeadings) {
  const std::string filler(30, 'x');
  // 48 tokens: a heading within the last 24 wins over whatever comes later.
  EXPECT_EQ(first_section(filler + "\n\n## a\n\nb. c d\n\nefghij", 48), filler + "\n\n");
  EXPECT_EQ(first_section("# a\n" + filler + "\n# b\n\nc. d\n\nefgh", 48), "# a\n" + filler + "\n");
  // Headings in a row belong together.
  EXPECT_EQ(first_section(filler + "\n# a\n# b\nc. de fghijklm", 48), filler + "\n");
  // The next section's own heading, of which no more is known here than the sign it begins with.
  const std::string upto = std::string(26, 'x') + "\n# a\n" + std::string(16, 'x') + "\n";
  EXPECT_EQ(first_section(upto + "# b\nc. de", 48), upto);
  EXPECT_EQ(first_section(upto + "b\nc. de", 48), std::string(26, 'x') + "\n");
  // Farther back than half of a section none is looked for.
  const std::string late = filler.substr(9) + "\n\n# a\n" + filler;
  EXPECT_EQ(first_section(late, 48).size(), 48U);
  // Never after a heading, and not within it, if there is another place.
  EXPECT_EQ(first_section(filler + filler + " b\n# A. c d", 69), filler + filler + " b\n");
  EXPECT_EQ(first_section("# " + filler + "\n\n" + filler, 36), "# " + filler + "\n\n");
  // No headings: signs without a space, too many of them, or not at a line's beginning.
  for (const std::string sign : {"#a", "####### a", "b # a"}) {
    EXPECT_EQ(first_section(filler + "\n" + sign + " cde. fghijklmnopqrstuv", 48),
              filler + "\n" + sign + " cde. ")
        << sign;
  }
}

TEST(SectionReader, RunsOfEmptyLinesStayWithWhatTheyEnd) {
  EXPECT_EQ(first_section(std::string(40, 'x') + "xa\n \n\nbcdef", 48),
            std::string(40, 'x') + "xa\n \n\n");
}

TEST(SectionReader, QuotesAfterTheStopBelongToTheSentence) {
  EXPECT_EQ(first_section(std::string(40, 'x') + "xxa.\") bcdef", 48),
            std::string(40, 'x') + "xxa.\") ");
}

// The example of the Unicode standard, chapter 3.9, table 3-8 (U+FFFD for non-shortest forms), 3-10
// and 3-11: bytes and the number of U+FFFD they become.
TEST(SectionReader, RepairsMaximalSubparts) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "FFFFFFFFA"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "FFFFFFFFA"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "FFFFFAFFB"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "FFFFA"},
      {"a\xE1\x80", "aF"},
  };
  for (const auto& [bytes, shown] : cases) {
    std::string expected;
    std::int64_t count = 0;
    for (const char c : shown) {
      if (c == 'F') {
        expected += "\xEF\xBF\xBD";
        ++count;
      } else {
        expected += c;
      }
    }
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      SectionReader reader(std::make_unique<RaggedSource>(bytes, seed), estimating_tokenizer(), {});
      EXPECT_EQ(read_all(reader, 5000).text, expected);
      EXPECT_EQ(reader.repaired_sequences(), count);
    }
  }
}

TEST(SectionReader, StripsAByteOrderMarkAndKeepsLaterOnes) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SectionReader reader(std::make_unique<RaggedSource>("\xEF\xBB\xBF"
                                                        "a\xEF\xBB\xBF"
                                                        "b",
                                                        seed),
                         estimating_tokenizer(), {});
    EXPECT_EQ(read_all(reader, 5000).text,
              "a\xEF\xBB\xBF"
              "b");
  }
}

TEST(SectionReader, EmptyDocumentsHaveNoSections) {
  for (const char* text : {"", "\xEF\xBB\xBF"}) {
    SectionReader reader(text_source(text), estimating_tokenizer(), {});
    Section section;
    EXPECT_FALSE(reader.next(section));
    EXPECT_FALSE(reader.next(section));
  }
}

TEST(SectionReader, HashTellsWhetherThePrefixIsTheSame) {
  SectionReader a(text_source("the one"), estimating_tokenizer(), {2, Cut::kExact});
  SectionReader b(text_source("the two"), estimating_tokenizer(), {2, Cut::kExact});
  Section from_a;
  Section from_b;
  ASSERT_TRUE(a.next(from_a) && b.next(from_b));
  while (from_a.text == from_b.text) {
    EXPECT_EQ(from_a.prefix_hash, from_b.prefix_hash);
    ASSERT_TRUE(a.next(from_a) && b.next(from_b));
  }
  EXPECT_NE(from_a.prefix_hash, from_b.prefix_hash);
}

TEST(SectionReader, RefusesWhatItCannotDo) {
  EXPECT_THROW(SectionReader(text_source("x"), estimating_tokenizer(), {0, Cut::kExact}), Error);
  SectionReader reader(std::make_unique<OnceSource>(), estimating_tokenizer(), {});
  try {
    reader.rewind();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("a pipe"));
  }
}

}  // namespace
}  // namespace memagent
