#include "session/sqlite.h"

#include <sqlite3.h>

#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {

Database::Database(std::string path, bool create, int busy_ms) : path_(std::move(path)) {
  const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    try {
      fail_with(code);
    } catch (...) {
      sqlite3_close(handle_);
      throw;
    }
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, busy_ms);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_with(code);
}

std::int64_t Database::last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::fail_with(int code) const {
  const auto storage = [&](const char* what, const char* todo) {
    fail(ErrorKind::kStorage, "session store: {}: {}: {}", path_, what, todo);
  };
  const int system_error = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      storage("the disk is full", "free some space, then run the same command again");
      break;
    case SQLITE_READONLY:
      storage("cannot be written", "check the permissions or choose another file with --store");
      break;
    case SQLITE_CORRUPT:
      storage("is corrupted", "restore it from a copy or choose another file with --store");
      break;
    case SQLITE_NOTADB:
      storage("is not a session store", "choose another file with --store");
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      storage("is locked by another process", "wait for it to finish, then run this again");
      break;
    case SQLITE_CANTOPEN:
      fail(ErrorKind::kStorage,
           "session store: {}: cannot be opened{}{}: choose another file with "
           "--store",
           path_, system_error != 0 ? ": " : "",
           system_error != 0 ? std::strerror(system_error) : "");
    case SQLITE_IOERR:
      fail(ErrorKind::kStorage,
           "session store: {}: cannot be read or written: {}: check the disk, "
           "then run the same command again",
           path_, system_error != 0 ? std::strerror(system_error) : sqlite3_errstr(code));
    default:
      break;
  }
  fail(ErrorKind::kStorage, "session store: {}: {}: choose another file with --store", path_,
       handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
}

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  const int code = sqlite3_prepare_v2(database.handle_, sql.data(), static_cast<int>(sql.size()),
                                      &handle_, nullptr);
  if (code != SQLITE_OK) database.fail_with(code);
}

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement& Statement::bind(int parameter, std::int64_t value) {
  const int code = sqlite3_bind_int64(handle_, parameter, value);
  MEMAGENT_CHECK(code == SQLITE_OK, "parameter {} code {}", parameter, code);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  const int code =
      sqlite3_bind_text64(handle_, parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.fail_with(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3_reset(handle_);
  database_.fail_with(code);
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Some errors (a full disk) have rolled back already.
  if (open_ && database_.in_transaction()) {
    try {
      database_.execute("ROLLBACK");
    } catch (const Error&) {  // the failure under way is the one to report
    }
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace memagent
