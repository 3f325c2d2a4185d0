#include "session/pg_document.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "base/hash.h"
#include "base/sha256.h"

namespace memagent {
namespace {

constexpr std::size_t kPartBytes = std::size_t{1} << 20;

// As much as fits, less only at the end.
std::string_view read_part(DocumentSource& source, std::vector<char>& buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t count = source.read(std::span(buffer).subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return {buffer.data(), filled};
}

class StoredDocument : public DocumentSource {
 public:
  StoredDocument(std::shared_ptr<PgHub> hub, std::int64_t id, DocumentFingerprint fingerprint)
      : hub_(std::move(hub)), id_(id), fingerprint_(std::move(fingerprint)) {}

  std::size_t read(std::span<char> buffer) override {
    if (taken_ == part_.size() && !fetch()) return 0;
    const std::size_t count = std::min(buffer.size(), part_.size() - taken_);
    std::memcpy(buffer.data(), part_.data() + taken_, count);
    taken_ += count;
    read_ += static_cast<std::int64_t>(count);
    return count;
  }

  bool rewindable() const override { return true; }

  void rewind() override {
    next_ = read_ = 0;
    taken_ = 0;
    part_.clear();
  }

  std::int64_t total_bytes() const override { return fingerprint_.bytes; }
  std::string name() const override { return fingerprint_.name; }

 private:
  bool fetch() {
    if (read_ >= fingerprint_.bytes) return false;
    part_ = hub_->with([&](PgConnection& connection) {
      const PgResult rows = connection.run(
          "SELECT data FROM memagent.document_part WHERE document_id = $1 AND part = $2",
          {id_, next_});
      return rows.rows() == 0 ? std::string() : rows.text(0, 0);
    });
    if (part_.empty()) {
      fail(ErrorKind::kBadInput,
           "{}: the document ends after {} of {} bytes: the session was deleted, or the database "
           "is damaged",
           fingerprint_.name, read_, fingerprint_.bytes);
    }
    taken_ = 0;
    ++next_;
    return true;
  }

  std::shared_ptr<PgHub> hub_;
  std::int64_t id_;
  DocumentFingerprint fingerprint_;
  std::string part_;
  std::size_t taken_ = 0;  // of the part
  std::int64_t next_ = 0;  // part
  std::int64_t read_ = 0;  // bytes of the document
};

}  // namespace

std::int64_t put_document(PgConnection& connection, DocumentSource& source,
                          const DocumentFingerprint& expected) {
  std::vector<char> buffer(kPartBytes);
  source.rewind();  // an earlier try may have broken off
  Sha256 sha;
  for (std::string_view part; !(part = read_part(source, buffer)).empty();) sha.update(part);
  source.rewind();
  const Sha256::Value value = sha.value();
  const std::string sum(value.begin(), value.end());

  // Waits for another process that is just storing the same text, and for one that deletes it.
  std::int64_t id = 0;
  while (true) {
    const PgResult added = connection.run(
        "INSERT INTO memagent.document(sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING "
        "RETURNING id",
        {sum, expected.bytes});
    if (added.rows() == 1) {
      id = added.integer(0, 0);
      break;
    }
    const PgResult found =
        connection.run("SELECT id FROM memagent.document WHERE sha256 = $1 FOR KEY SHARE", {sum});
    if (found.rows() == 1) return found.integer(0, 0);
  }
  Hash64 hash;
  std::int64_t bytes = 0;
  std::int64_t number = 0;
  for (std::string_view part; !(part = read_part(source, buffer)).empty();) {
    hash.update(part);
    bytes += static_cast<std::int64_t>(part.size());
    connection.run(
        "INSERT INTO memagent.document_part(document_id, part, data) VALUES ($1, $2, $3)",
        {id, number++, part});
  }
  source.rewind();
  if (bytes != expected.bytes || hash.value() != expected.hash) {
    fail(ErrorKind::kBadInput, "{}: the document changed while it was being stored: ask again",
         expected.name);
  }
  return id;
}

void forget_document(PgConnection& connection, std::int64_t id) {
  try {
    connection.run(
        "DELETE FROM memagent.document AS d WHERE id = $1 AND NOT EXISTS "
        "(SELECT FROM memagent.session WHERE document_id = d.id)",
        {id});
  } catch (const Error&) {
    // A session that just began has it (the foreign key says so), or the server has gone: then it
    // goes with the next session over it.
    if (connection.broken() || connection.last_state() != "23503") throw;
  }
}

std::unique_ptr<DocumentSource> stored_document(std::shared_ptr<PgHub> hub, std::int64_t id,
                                                const DocumentFingerprint& fingerprint) {
  return std::make_unique<StoredDocument>(std::move(hub), id, fingerprint);
}

}  // namespace memagent
