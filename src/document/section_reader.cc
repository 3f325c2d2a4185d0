// Cutting a source into sections on token boundaries.
//
// Bytes are repaired, encoded as one stream and cut where `tokens` have gathered: a section's
// tokens are a slice of the tokens of the whole document, however it is cut. Held at any time: the
// tokens of one section and of one block of the source.
#include <algorithm>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "document/natural_cut.h"
#include "memagent/document.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

struct SectionReader::State {
  std::unique_ptr<DocumentSource> source;
  std::shared_ptr<const Tokenizer> tokenizer;
  SectionOptions options;

  std::vector<char> block = std::vector<char>(kBlockBytes);
  // Of this pass.
  std::unique_ptr<TokenStream> stream;
  Utf8Repair repair;
  std::string repaired;         // of the block at hand
  std::vector<TokenId> tokens;  // encoded and not yet handed out from `taken` on
  std::size_t taken = 0;
  bool started = false;
  bool ended = false;
  std::int64_t bytes_read = 0;
  std::int64_t next_index = 0;
  std::int64_t next_byte = 0;
  std::int64_t next_token = 0;
  Hash64 hash;
  std::vector<std::size_t> ends;

  void start_pass() {
    stream = tokenizer->stream();
    repair = {};
    tokens.clear();
    taken = 0;
    started = ended = false;
    bytes_read = next_index = next_byte = next_token = 0;
    hash = {};
  }

  // Reads until more than `count` tokens are at hand, or the document ends.
  void gather(std::size_t count) {
    if (taken > 0) {
      tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(taken));
      taken = 0;
    }
    while (!ended && tokens.size() <= count) {
      const std::size_t bytes = source->read(block);
      bytes_read += static_cast<std::int64_t>(bytes);
      repaired.clear();
      if (bytes == 0) {
        repair.finish(repaired);
      } else {
        repair.feed({block.data(), bytes}, repaired);
      }
      std::string_view text = repaired;
      if (!started && !text.empty()) {
        started = true;
        if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
      }
      stream->feed(text, tokens);
      if (bytes == 0) {
        stream->finish(tokens);
        ended = true;
      }
    }
  }
};

SectionReader::SectionReader(std::unique_ptr<DocumentSource> source,
                             std::shared_ptr<const Tokenizer> tokenizer, SectionOptions options)
    : state_(std::make_unique<State>()) {
  MEMAGENT_CHECK(source && tokenizer, "a section reader needs a source and a tokenizer");
  if (options.section_tokens < 1) {
    fail(ErrorKind::kUsage, "sections of {} tokens; at least 1 is needed", options.section_tokens);
  }
  state_->source = std::move(source);
  state_->tokenizer = std::move(tokenizer);
  state_->options = options;
  state_->start_pass();
}

SectionReader::~SectionReader() = default;
SectionReader::SectionReader(SectionReader&&) noexcept = default;
SectionReader& SectionReader::operator=(SectionReader&&) noexcept = default;

bool SectionReader::next(Section& section) {
  State& state = *state_;
  const auto wanted = static_cast<std::size_t>(state.options.section_tokens);
  // One token more, to see whether the document goes on and whether a space follows.
  state.gather(wanted);
  if (state.tokens.empty()) return false;

  std::size_t count = std::min(wanted, state.tokens.size());
  section.text.clear();
  state.ends.clear();
  for (std::size_t i = 0; i < count; ++i) {
    section.text += state.tokenizer->token_bytes(state.tokens[i]);
    state.ends.push_back(section.text.size());
  }
  if (state.tokens.size() > count && state.options.cut == Cut::kNatural) {
    section.text += state.tokenizer->token_bytes(state.tokens[count]);
    count = natural_cut(section.text, state.ends, count);
  }
  section.text.resize(state.ends[count - 1]);

  section.index = state.next_index++;
  section.byte_begin = state.next_byte;
  section.token_begin = state.next_token;
  section.tokens.assign(state.tokens.begin(),
                        state.tokens.begin() + static_cast<std::ptrdiff_t>(count));
  state.taken = count;
  state.next_byte += static_cast<std::int64_t>(section.text.size());
  state.next_token += static_cast<std::int64_t>(count);
  section.byte_end = state.next_byte;
  state.hash.update(section.text);
  section.prefix_hash = state.hash.value();
  return true;
}

void SectionReader::rewind() {
  if (!state_->source->rewindable()) {
    fail(ErrorKind::kUsage, "{} can be read only once", state_->source->name());
  }
  state_->source->rewind();
  state_->start_pass();
}

std::int64_t SectionReader::bytes_read() const { return state_->bytes_read; }
std::int64_t SectionReader::repaired_sequences() const {
  return state_->repair.repaired() + state_->source->repaired_sequences();
}
const DocumentSource& SectionReader::source() const { return *state_->source; }

}  // namespace memagent
