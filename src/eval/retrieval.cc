#include "eval/retrieval.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

#include "session/sqlite.h"

namespace memagent {
namespace {

constexpr const char* kBetween = "\n\n";

// A database without a name is a temporary file that SQLite deletes; it spills to the disk once its
// cache of 8 MB is full.
constexpr const char* kSetUp = R"(
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA temp_store = FILE;
  PRAGMA cache_size = -8192;
  CREATE VIRTUAL TABLE chunk USING fts5(text, tokens UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2');
)";

// The question's words, any of which may match: "who" OR "wrote" OR "it". Within quotes nothing is
// an operator. Bytes outside ASCII belong to words; FTS5 takes them apart as it does the text.
std::string match_any(std::string_view question) {
  std::string expression;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (!expression.empty()) expression += " OR ";
    expression += '"' + word + '"';
    word.clear();
  };
  for (const char c : question) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) {
      word += c;
    } else {
      end_word();
    }
  }
  end_word();
  return expression;
}

void index_chunks(Database& database, std::unique_ptr<DocumentSource> document,
                  const std::shared_ptr<const Tokenizer>& tokenizer, std::int32_t chunk_tokens) {
  SectionReader reader(std::move(document), tokenizer,
                       {.section_tokens = chunk_tokens, .cut = Cut::kNatural});
  Transaction transaction(database);
  Statement insert(database, "INSERT INTO chunk(text, tokens) VALUES (?1, ?2)");
  for (Section section; reader.next(section);) {
    insert.bind(1, section.text).bind(2, static_cast<std::int64_t>(section.tokens.size())).run();
  }
  transaction.commit();
}

// Takes chunks while they fit.
class Selection {
 public:
  Selection(std::int64_t tokens, std::int64_t between) : left_(tokens), between_(between) {}

  // False once one does not fit.
  bool take(std::int64_t chunk, std::int64_t tokens) {
    if (taken_.contains(chunk)) return true;
    const std::int64_t needed = tokens + between_;
    if (needed > left_) return false;
    left_ -= needed;
    taken_.insert(chunk);
    return true;
  }
  const std::set<std::int64_t>& taken() const { return taken_; }

 private:
  std::int64_t left_;
  std::int64_t between_;
  std::set<std::int64_t> taken_;
};

}  // namespace

std::string retrieve(std::unique_ptr<DocumentSource> document,
                     const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view question,
                     const RetrievalOptions& options) {
  Database database("", true, 0);
  database.execute(kSetUp);
  index_chunks(database, std::move(document), tokenizer, options.chunk_tokens);

  const auto between = static_cast<std::int64_t>(tokenizer->encode(kBetween).size());
  Selection selection(options.tokens, between);
  bool room = true;
  if (const std::string expression = match_any(question); !expression.empty()) {
    Statement best(database,
                   "SELECT rowid, tokens FROM chunk WHERE chunk MATCH ?1 ORDER BY rank, rowid");
    best.bind(1, expression);
    while (room && best.step()) room = selection.take(best.integer(0), best.integer(1));
  }
  Statement rest(database, "SELECT rowid, tokens FROM chunk ORDER BY rowid");
  while (room && rest.step()) room = selection.take(rest.integer(0), rest.integer(1));

  std::string text;
  std::int64_t last = 0;
  Statement read(database, "SELECT text FROM chunk WHERE rowid = ?1");
  for (const std::int64_t chunk : selection.taken()) {
    read.bind(1, chunk);
    read.step();
    // A sentence may run on from one chunk into the next.
    if (!text.empty() && chunk != last + 1) text += kBetween;
    text += read.text(0);
    last = chunk;
    read.reset();
  }
  return text;
}

}  // namespace memagent
