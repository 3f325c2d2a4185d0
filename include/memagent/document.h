// Documents as streams of text, and the sections cut from them.
//
// A source delivers bytes and knows nothing about tokens. A SectionReader turns it into sections of
// at most a given number of tokens, in constant memory however long the document is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent {

// A byte stream that can be read again from its start where rewindable() says so.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // Fills `buffer` from the front and returns the number of bytes, 0 at the end. Bytes are raw:
  // UTF-8 is repaired by the SectionReader. Throws Error(kBadInput) with the file's name.
  virtual std::size_t read(std::span<char> buffer) = 0;
  virtual bool rewindable() const = 0;
  virtual void rewind() = 0;
  // Total bytes if known before reading, else -1; for progress and time left.
  virtual std::int64_t total_bytes() const = 0;
  // For messages: a file name, "standard input", "3 files".
  virtual std::string name() const = 0;
  // Invalid UTF-8 that it replaced itself since the start, because it had to understand the bytes.
  virtual std::int64_t repaired_sequences() const { return 0; }
};

// One titled document of a list.
struct TitledText {
  std::string title;
  std::string text;
};

std::unique_ptr<DocumentSource> text_source(std::string text, std::string name = "text");
// Files read one after another; "-" is standard input. Opens each when its turn comes, but checks
// at once that all exist, are readable and are not directories. Refuses binary files. When there is
// more than one file, each is preceded by a heading line with its name.
std::unique_ptr<DocumentSource> file_source(std::vector<std::string> paths);
// Documents one after another, each under a heading line with its title.
std::unique_ptr<DocumentSource> list_source(std::vector<TitledText> documents);
// Copies a source that cannot be rewound to an unnamed temporary file as it is read, so that it
// can.
std::unique_ptr<DocumentSource> spooled_source(std::unique_ptr<DocumentSource> source);

enum class Cut {
  kNatural,  // back to the last Markdown heading, or else paragraph, line or sentence end within
             // the last eighth of the section; of a small one a sentence end within its last 96
             // tokens and a heading within its last 256, but not of its first half
  kExact,    // exactly section_tokens tokens (the paper's behaviour)
};

struct SectionOptions {
  std::int32_t section_tokens = 5000;  // at most this many tokens a section; at least 1
  Cut cut = Cut::kNatural;
};

struct Section {
  std::int64_t index = 0;       // 0-based
  std::int64_t byte_begin = 0;  // in the repaired text of the whole document
  std::int64_t byte_end = 0;
  std::int64_t token_begin = 0;  // tokens of the document before this section
  std::vector<TokenId> tokens;
  // The bytes of `tokens`. A cut of Cut::kExact, or of a section of a few tokens, may fall inside a
  // character.
  std::string text;
  // 64-bit hash of all repaired text up to byte_end; tells on resuming whether it is the same
  // document.
  std::uint64_t prefix_hash = 0;
};

// Cuts one source into sections. Used by one thread. Borrows nothing: owns the source.
class SectionReader {
 public:
  SectionReader(std::unique_ptr<DocumentSource> source, std::shared_ptr<const Tokenizer> tokenizer,
                SectionOptions options);
  ~SectionReader();
  SectionReader(SectionReader&&) noexcept;
  SectionReader& operator=(SectionReader&&) noexcept;

  // The next section; false at the end of the document (an empty document has no sections).
  bool next(Section& section);
  // Starts again at the first section. Throws Error(kUsage) if the source cannot be read twice.
  void rewind();

  // So far in this pass.
  std::int64_t bytes_read() const;          // of the source, for progress
  std::int64_t repaired_sequences() const;  // invalid UTF-8 sequences replaced by U+FFFD
  const DocumentSource& source() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
