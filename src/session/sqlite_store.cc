// Sessions in one SQLite file. Schema version 1:
//
//   session(id, name, settings, sources, document_name, document_bytes, document_hash, status,
//           runner_pid, created_ms, updated_ms)
//   episode(session_id, question_index, question, state)          one row per question
//   conversation(session_id, sequence, question_index, line)      in order of acceptance
//
// hashes are signed 64-bit integers as SQLite has them; times are milliseconds since 1970 UTC.
// The write-ahead log with full synchronisation makes a commit one append and one fsync.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/fail.h"
#include "session/session_check.h"
#include "session/session_lock.h"
#include "session/sqlite.h"
#include "session/store_backend.h"

namespace memagent {
namespace {

// "mema" in the database header: tells a store from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x6D656D61;
constexpr std::int64_t kSchemaVersion = 1;
constexpr int kBusyMs = 10'000;

constexpr const char* kSchema = R"sql(
  CREATE TABLE session(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    sources TEXT NOT NULL,
    document_name TEXT NOT NULL,
    document_bytes INTEGER NOT NULL,
    document_hash INTEGER NOT NULL,
    status INTEGER NOT NULL,
    runner_pid INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL);
  CREATE TABLE episode(
    session_id INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    question_index INTEGER NOT NULL,
    question TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY(session_id, question_index)) WITHOUT ROWID;
  CREATE TABLE conversation(
    session_id INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    question_index INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY(session_id, sequence));
  PRAGMA application_id = 1835363681;
  PRAGMA user_version = 1;
)sql";
static_assert(kApplicationId == 1835363681);

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::chrono::system_clock::time_point from_ms(std::int64_t ms) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

std::int64_t single_integer(const Database& database, const char* sql) {
  Statement statement(database, sql);
  return statement.step() ? statement.integer(0) : 0;
}

// The parent folder and an empty file that only its owner can read: documents are private.
void create_private_file(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    fail(ErrorKind::kStorage,
         "session store: {}: cannot be created: {}: choose another file with --store", path,
         std::strerror(errno));
  }
  ::close(descriptor);
}

void prepare_schema(Database& database) {
  if (single_integer(database, "PRAGMA user_version") == 0) {
    const Statement begin(database, "SELECT 1");  // fails here, not later, if this is no database
    if (single_integer(database, "SELECT count(*) FROM sqlite_schema") == 0) {
      database.execute("PRAGMA journal_mode = WAL");
      Transaction transaction(database);
      // Another process may have been faster.
      if (single_integer(database, "PRAGMA user_version") == 0) database.execute(kSchema);
      transaction.commit();
    }
  }
  if (single_integer(database, "PRAGMA application_id") != kApplicationId) {
    fail(ErrorKind::kStorage,
         "session store: {}: is a database of another program: choose another file with --store",
         database.path());
  }
  const std::int64_t version = single_integer(database, "PRAGMA user_version");
  if (version != kSchemaVersion) {
    fail(ErrorKind::kStorage,
         "session store: {}: has schema version {}, this program knows {}: use the program that "
         "wrote it or choose another file with --store",
         database.path(), version, kSchemaVersion);
  }
  database.execute("PRAGMA synchronous = FULL");
  database.execute("PRAGMA foreign_keys = ON");
}

constexpr std::string_view kSelectSession =
    "SELECT id, name, settings, document_name, document_bytes, document_hash, status, created_ms, "
    "updated_ms, sources FROM session";

[[noreturn]] void fail_no_workers(const std::string& path) {
  fail(ErrorKind::kUsage,
       "session store: {}: is a file, from which workers take no sessions: name a database, "
       "--store postgres://HOST/NAME",
       path);
}

// The store's database and its locks, which its sessions use, too.
struct OpenStore {
  OpenStore(const std::string& path, bool create)
      : database(path, create, kBusyMs), locks((prepare_schema(database), path + "-lock")) {}

  Database database;
  LockFile locks;
};

class SqliteSession : public SessionBackend {
 public:
  SqliteSession(OpenStore& store, std::int64_t id)
      : database_(store.database),
        locks_(store.locks),
        id_(id),
        save_state_(database_,
                    "UPDATE episode SET state = ? WHERE session_id = ? AND question_index = ?"),
        add_conversation_(database_,
                          "INSERT INTO conversation(session_id, sequence, question_index, line) "
                          "VALUES(?, ?, ?, ?)"),
        touch_(database_, "UPDATE session SET updated_ms = ?, status = ? WHERE id = ?") {}
  ~SqliteSession() override { locks_.unlock(id_); }

  void set_info(SessionInfo session_info, bool existed) {
    info = std::move(session_info);
    info.running = true;
    continued = existed;
    next_sequence_ = info.conversations;
  }

  void commit(std::size_t question, std::string_view state_json,
              std::string_view conversation) override {
    Transaction transaction(database_);
    save_state_.bind(1, state_json).bind(2, id_).bind(3, static_cast<std::int64_t>(question)).run();
    add_conversation_.bind(1, id_)
        .bind(2, next_sequence_)
        .bind(3, static_cast<std::int64_t>(question))
        .bind(4, conversation)
        .run();
    touch_.bind(1, now_ms()).bind(2, std::int64_t{0}).bind(3, id_).run();
    transaction.commit();
    ++next_sequence_;
  }

  void finish() override { touch_.bind(1, now_ms()).bind(2, std::int64_t{1}).bind(3, id_).run(); }

  void queue(std::string_view) override { fail_no_workers(database_.path()); }
  void failed(const Error&) override {}

 private:
  Database& database_;
  LockFile& locks_;
  std::int64_t id_;
  Statement save_state_;
  Statement add_conversation_;
  Statement touch_;
  std::int64_t next_sequence_ = 0;
};

class SqliteStore : public StoreBackend {
 public:
  SqliteStore(const std::string& path, bool create) : store_(path, create) {}

  std::vector<SessionInfo> list() override {
    std::vector<SessionInfo> sessions;
    Statement rows(store_.database,
                   std::string(kSelectSession) + " ORDER BY updated_ms DESC, id DESC");
    while (rows.step()) sessions.push_back(read_info(rows));
    return sessions;
  }

  std::vector<SessionInfo> list(const SessionQuery& query) override {
    std::vector<SessionInfo> sessions;
    // Ids are given in the order of beginning. None is smaller than that of a name nobody has.
    Statement rows(store_.database,
                   std::string(kSelectSession) +
                       " WHERE id < CASE WHEN ?1 = '' THEN 9223372036854775807 "
                       "ELSE (SELECT id FROM session WHERE name = ?1) END "
                       "AND (?2 = '' OR instr(sources, ?2) > 0) ORDER BY id DESC LIMIT ?3");
    rows.bind(1, query.begun_before).bind(2, query.sources_contain).bind(3, query.most);
    while (rows.step()) sessions.push_back(read_info(rows));
    return sessions;
  }

  std::optional<SessionInfo> find(const std::string& name) override {
    Statement row(store_.database, std::string(kSelectSession) + " WHERE name = ?");
    row.bind(1, name);
    if (!row.step()) return std::nullopt;
    return read_info(row);
  }

  void visit_conversations(const std::string& name,
                           const std::function<void(std::size_t, std::string_view)>& visit,
                           const ConversationRange& range) override {
    Statement rows(store_.database,
                   "SELECT question_index, line FROM conversation WHERE session_id = ? "
                   "AND sequence >= ? ORDER BY sequence LIMIT ?");
    rows.bind(1, id_of(name)).bind(2, range.from).bind(3, range.most);
    while (rows.step()) visit(static_cast<std::size_t>(rows.integer(0)), rows.text(1));
  }

  std::optional<std::string> conversation_before(const std::string& name, std::size_t question,
                                                 std::int64_t number) override {
    Statement row(store_.database,
                  "SELECT line FROM conversation WHERE session_id = ? AND sequence < ? "
                  "AND question_index = ? ORDER BY sequence DESC LIMIT 1");
    row.bind(1, id_of(name)).bind(2, number).bind(3, static_cast<std::int64_t>(question));
    if (!row.step()) return std::nullopt;
    return std::string(row.text(0));
  }

  std::unique_ptr<SessionBackend> open(const std::string& name, const SessionSpec& spec,
                                       DocumentSource*) override {
    Database& database = store_.database;
    Transaction transaction(database);
    std::int64_t id = id_of(name);
    const bool continued = id != 0;
    if (!continued) id = add(name, spec);
    if (!store_.locks.try_lock(id)) fail_running(name);
    auto session = std::make_unique<SqliteSession>(store_, id);
    session->set_info(*find(name), continued);
    if (continued) check_same(session->info, spec);
    Statement(database, "UPDATE session SET runner_pid = ? WHERE id = ?")
        .bind(1, static_cast<std::int64_t>(::getpid()))
        .bind(2, id)
        .run();
    transaction.commit();
    return session;
  }

  bool remove(const std::string& name) override {
    Transaction transaction(store_.database);
    const std::int64_t id = id_of(name);
    if (id == 0) return false;
    if (!store_.locks.try_lock(id)) fail_running(name);
    const SqliteSession held(store_, id);
    Statement(store_.database, "DELETE FROM session WHERE id = ?").bind(1, id).run();
    transaction.commit();
    return true;
  }

  std::unique_ptr<StoreBackend> for_another_thread() const override {
    return open_sqlite_store(store_.database.path(), SessionStore::Mode::kExisting);
  }
  bool shared() const override { return false; }
  std::unique_ptr<DocumentSource> open_document(const std::string&) override { return nullptr; }
  std::unique_ptr<SessionBackend> take(std::string_view) override { no_workers(); }
  std::int64_t count_queued(std::string_view) override { no_workers(); }
  bool withdraw(const std::string&) override { no_workers(); }

 private:
  [[noreturn]] void no_workers() const { fail_no_workers(store_.database.path()); }

  std::int64_t add(const std::string& name, const SessionSpec& spec) {
    Database& database = store_.database;
    const std::int64_t now = now_ms();
    Statement(database,
              "INSERT INTO session(name, settings, sources, document_name, document_bytes, "
              "document_hash, status, runner_pid, created_ms, updated_ms) "
              "VALUES(?, ?, ?, ?, ?, ?, 0, 0, ?, ?)")
        .bind(1, name)
        .bind(2, spec.settings_json)
        .bind(3, spec.sources_json)
        .bind(4, spec.document.name)
        .bind(5, spec.document.bytes)
        .bind(6, static_cast<std::int64_t>(spec.document.hash))
        .bind(7, now)
        .bind(8, now)
        .run();
    const std::int64_t id = database.last_insert_rowid();
    Statement question(database,
                       "INSERT INTO episode(session_id, question_index, question, state) "
                       "VALUES(?, ?, ?, '')");
    for (std::size_t i = 0; i < spec.questions.size(); ++i) {
      question.bind(1, id).bind(2, static_cast<std::int64_t>(i)).bind(3, spec.questions[i]).run();
    }
    return id;
  }

  // A row of kSelectSession and what hangs on it.
  SessionInfo read_info(const Statement& row) const {
    SessionInfo info;
    const std::int64_t id = row.integer(0);
    info.name = row.text(1);
    info.spec.settings_json = row.text(2);
    info.spec.document.name = row.text(3);
    info.spec.document.bytes = row.integer(4);
    info.spec.document.hash = static_cast<std::uint64_t>(row.integer(5));
    info.status = row.integer(6) == 0 ? SessionStatus::kReading : SessionStatus::kFinished;
    info.created = from_ms(row.integer(7));
    info.updated = from_ms(row.integer(8));
    info.spec.sources_json = row.text(9);
    info.running = store_.locks.is_held(id);
    Statement episodes(
        store_.database,
        "SELECT question, state FROM episode WHERE session_id = ? ORDER BY question_index");
    episodes.bind(1, id);
    while (episodes.step()) {
      info.spec.questions.emplace_back(episodes.text(0));
      info.states_json.emplace_back(episodes.text(1));
    }
    // They are numbered without gaps: the last tells how many, however many there are.
    Statement last(store_.database,
                   "SELECT max(sequence) + 1 FROM conversation WHERE session_id = ?");
    last.bind(1, id);
    if (last.step()) info.conversations = last.integer(0);
    return info;
  }

  std::int64_t id_of(const std::string& name) const {  // 0: none
    Statement find(store_.database, "SELECT id FROM session WHERE name = ?");
    find.bind(1, name);
    return find.step() ? find.integer(0) : 0;
  }

  [[noreturn]] void fail_running(const std::string& name) const {
    Statement find(store_.database, "SELECT runner_pid FROM session WHERE name = ?");
    find.bind(1, name);
    fail(ErrorKind::kStorage,
         "session '{}': is being run by process {}: wait for it or stop it first", name,
         find.step() ? find.integer(0) : 0);
  }

  OpenStore store_;
};

}  // namespace

std::unique_ptr<StoreBackend> open_sqlite_store(const std::string& path, SessionStore::Mode mode) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ErrorKind::kStorage, "session store: {}: is a directory: name a file with --store", path);
  }
  if (mode == SessionStore::Mode::kCreate) {
    create_private_file(path);
  } else if (!std::filesystem::exists(path, error)) {
    fail(ErrorKind::kStorage,
         "session store: {}: does not exist: start a session first, or name "
         "another file with --store",
         path);
  }
  return std::make_unique<SqliteStore>(path, mode == SessionStore::Mode::kCreate);
}

}  // namespace memagent
