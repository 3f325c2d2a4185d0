// Sessions in one SQLite file. Schema version 1:
//
//   session(id, name, settings, sources, document_name, document_bytes, document_hash, status,
//           runner_pid, created_ms, updated_ms)
//   episode(session_id, question_index, question, state)          one row per question
//   conversation(session_id, sequence, question_index, line)      in order of acceptance
//
// hashes are signed 64-bit integers as SQLite has them; times are milliseconds since 1970 UTC.
// The write-ahead log with full synchronisation makes a commit one append and one fsync.
#include "memagent/session_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/shortened.h"
#include "session/session_lock.h"
#include "session/sqlite.h"

namespace memagent {
namespace {

using nlohmann::json;

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

// Throws if the session of that name is about something else.
void check_same(const SessionInfo& stored, const SessionSpec& asked) {
  constexpr const char* kTodo =
      "continue it as it was started, or choose another name with --session";
  const json before = json::parse(stored.spec.settings_json);
  const json now = json::parse(asked.settings_json);
  for (const auto& [key, value] : now.items()) {
    if (before.contains(key) && before[key] != value) {
      fail(ErrorKind::kUsage, "session '{}': {} was {}, now {}: {}", stored.name, key,
           shortened(before[key].dump()), shortened(value.dump()), kTodo);
    }
  }
  const std::vector<std::string>& old_questions = stored.spec.questions;
  if (old_questions.size() != asked.questions.size()) {
    fail(ErrorKind::kUsage, "session '{}': has {} question{}, now {}: {}", stored.name,
         old_questions.size(), old_questions.size() == 1 ? "" : "s", asked.questions.size(), kTodo);
  }
  for (std::size_t i = 0; i < old_questions.size(); ++i) {
    if (old_questions[i] != asked.questions[i]) {
      fail(ErrorKind::kUsage, "session '{}': question {} was {}, now {}: {}", stored.name, i + 1,
           json(shortened(old_questions[i])).dump(-1, ' ', false, json::error_handler_t::replace),
           json(shortened(asked.questions[i])).dump(-1, ' ', false, json::error_handler_t::replace),
           kTodo);
    }
  }
  const DocumentFingerprint& old_document = stored.spec.document;
  if (old_document.bytes != asked.document.bytes) {
    fail(ErrorKind::kBadInput,
         "session '{}': the document {} has changed: {} bytes, was {} bytes: {}", stored.name,
         asked.document.name, asked.document.bytes, old_document.bytes, kTodo);
  }
  if (old_document.hash != asked.document.hash) {
    fail(ErrorKind::kBadInput,
         "session '{}': the document {} has changed: same length, other content: {}", stored.name,
         asked.document.name, kTodo);
  }
}

void check_name(const std::string& name) {
  if (name.empty() || name.size() > 200) {
    fail(ErrorKind::kUsage, "--session: a name has 1 to 200 bytes, not {}: choose another name",
         name.size());
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fail(ErrorKind::kUsage, "--session: a name has no control characters: choose another name");
    }
  }
}

constexpr std::string_view kSelectSession =
    "SELECT id, name, settings, document_name, document_bytes, document_hash, status, created_ms, "
    "updated_ms, sources FROM session";

}  // namespace

const char* to_string(SessionStatus status) {
  switch (status) {
    case SessionStatus::kReading:
      return "reading";
    case SessionStatus::kFinished:
      return "finished";
  }
  return "unknown";
}

struct SessionStore::State {
  State(const std::string& path, bool create)
      : database(path, create, kBusyMs), locks((prepare_schema(database), path + "-lock")) {}

  Database database;
  LockFile locks;

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
    info.running = locks.held_elsewhere(id);
    Statement episodes(
        database,
        "SELECT question, state FROM episode WHERE session_id = ? ORDER BY question_index");
    episodes.bind(1, id);
    while (episodes.step()) {
      info.spec.questions.emplace_back(episodes.text(0));
      info.states_json.emplace_back(episodes.text(1));
    }
    Statement count(database, "SELECT count(*) FROM conversation WHERE session_id = ?");
    count.bind(1, id);
    if (count.step()) info.conversations = count.integer(0);
    return info;
  }

  std::int64_t id_of(const std::string& name) const {  // 0: none
    Statement find(database, "SELECT id FROM session WHERE name = ?");
    find.bind(1, name);
    return find.step() ? find.integer(0) : 0;
  }

  [[noreturn]] void fail_running(const std::string& name) const {
    Statement find(database, "SELECT runner_pid FROM session WHERE name = ?");
    find.bind(1, name);
    fail(ErrorKind::kStorage,
         "session '{}': is being run by process {}: wait for it or stop it first", name,
         find.step() ? find.integer(0) : 0);
  }
};

struct Session::State {
  State(Database& database_in, LockFile& locks_in, std::int64_t id_in)
      : database(database_in),
        locks(locks_in),
        id(id_in),
        save_state(database,
                   "UPDATE episode SET state = ? WHERE session_id = ? AND question_index = ?"),
        add_conversation(database,
                         "INSERT INTO conversation(session_id, sequence, question_index, line) "
                         "VALUES(?, ?, ?, ?)"),
        touch(database, "UPDATE session SET updated_ms = ?, status = ? WHERE id = ?") {}
  ~State() { locks.unlock(id); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Database& database;
  LockFile& locks;
  std::int64_t id;
  Statement save_state;
  Statement add_conversation;
  Statement touch;
  SessionInfo info;
  bool continued = false;
  std::int64_t next_sequence = 0;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const SessionInfo& Session::info() const { return state_->info; }

bool Session::continued() const { return state_->continued; }

void Session::commit(std::size_t question, std::string_view state_json,
                     std::string_view conversation) {
  State& s = *state_;
  MEMAGENT_CHECK(question < s.info.spec.questions.size(), "question {} of {}", question,
                 s.info.spec.questions.size());
  Transaction transaction(s.database);
  s.save_state.bind(1, state_json).bind(2, s.id).bind(3, static_cast<std::int64_t>(question)).run();
  s.add_conversation.bind(1, s.id)
      .bind(2, s.next_sequence)
      .bind(3, static_cast<std::int64_t>(question))
      .bind(4, conversation)
      .run();
  s.touch.bind(1, now_ms()).bind(2, std::int64_t{0}).bind(3, s.id).run();
  transaction.commit();
  ++s.next_sequence;
}

void Session::finish() {
  state_->touch.bind(1, now_ms()).bind(2, std::int64_t{1}).bind(3, state_->id).run();
}

SessionStore::SessionStore(const std::string& path, Mode mode) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ErrorKind::kStorage, "session store: {}: is a directory: name a file with --store", path);
  }
  if (mode == Mode::kCreate) {
    create_private_file(path);
  } else if (!std::filesystem::exists(path, error)) {
    fail(ErrorKind::kStorage,
         "session store: {}: does not exist: start a session first, or name "
         "another file with --store",
         path);
  }
  state_ = std::make_unique<State>(path, mode == Mode::kCreate);
}

SessionStore::~SessionStore() = default;

std::vector<SessionInfo> SessionStore::list() const {
  std::vector<SessionInfo> sessions;
  Statement rows(state_->database,
                 std::string(kSelectSession) + " ORDER BY updated_ms DESC, id DESC");
  while (rows.step()) sessions.push_back(state_->read_info(rows));
  return sessions;
}

std::optional<SessionInfo> SessionStore::find(const std::string& name) const {
  Statement row(state_->database, std::string(kSelectSession) + " WHERE name = ?");
  row.bind(1, name);
  if (!row.step()) return std::nullopt;
  return state_->read_info(row);
}

void SessionStore::visit_conversations(
    const std::string& name,
    const std::function<void(std::size_t, std::string_view)>& visit) const {
  Statement rows(state_->database,
                 "SELECT question_index, line FROM conversation WHERE session_id = ? "
                 "ORDER BY sequence");
  rows.bind(1, state_->id_of(name));
  while (rows.step()) visit(static_cast<std::size_t>(rows.integer(0)), rows.text(1));
}

Session SessionStore::open(const std::string& name, const SessionSpec& spec) {
  check_name(name);
  MEMAGENT_CHECK(!spec.questions.empty(), "a session without questions: {}", name);
  Database& database = state_->database;
  Transaction transaction(database);
  std::int64_t id = state_->id_of(name);
  const bool continued = id != 0;
  if (!continued) {
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
    id = database.last_insert_rowid();
    Statement add(database,
                  "INSERT INTO episode(session_id, question_index, question, state) "
                  "VALUES(?, ?, ?, '')");
    for (std::size_t i = 0; i < spec.questions.size(); ++i) {
      add.bind(1, id).bind(2, static_cast<std::int64_t>(i)).bind(3, spec.questions[i]).run();
    }
  }
  if (!state_->locks.try_lock(id)) state_->fail_running(name);
  auto session = std::make_unique<Session::State>(database, state_->locks, id);
  session->continued = continued;
  session->info = *find(name);
  session->info.running = true;
  if (continued) check_same(session->info, spec);
  session->next_sequence = session->info.conversations;
  Statement(database, "UPDATE session SET runner_pid = ? WHERE id = ?")
      .bind(1, static_cast<std::int64_t>(::getpid()))
      .bind(2, id)
      .run();
  transaction.commit();
  return Session(std::move(session));
}

bool SessionStore::remove(const std::string& name) {
  Transaction transaction(state_->database);
  const std::int64_t id = state_->id_of(name);
  if (id == 0) return false;
  if (!state_->locks.try_lock(id)) state_->fail_running(name);
  const Session held(std::make_unique<Session::State>(state_->database, state_->locks, id));
  Statement(state_->database, "DELETE FROM session WHERE id = ?").bind(1, id).run();
  transaction.commit();
  return true;
}

std::string default_store_path() {
  const auto set = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string store = set("MEMAGENT_STORE"); !store.empty()) return store;
  if (const std::string state = set("XDG_STATE_HOME"); !state.empty()) {
    return state + "/memagent/sessions.sqlite";
  }
  if (const std::string home = set("HOME"); !home.empty()) {
    return home + "/.local/state/memagent/sessions.sqlite";
  }
  return "memagent-sessions.sqlite";
}

}  // namespace memagent
