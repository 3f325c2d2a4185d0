// The little of SQLite that the store uses, with failures as one-line Errors.
//
// Knows nothing about sessions. A Database and its Statements are used by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace memagent {

class Database {
 public:
  // Opens an existing file, or creates one. Waits up to `busy_ms` for other processes' locks.
  Database(std::string path, bool create, int busy_ms);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  std::int64_t last_insert_rowid() const;
  bool in_transaction() const;
  const std::string& path() const { return path_; }
  // Throws Error(kStorage) that tells what SQLite's result code means to the user.
  [[noreturn]] void fail_with(int code) const;

 private:
  friend class Statement;
  std::string path_;
  sqlite3* handle_ = nullptr;
};

// One prepared statement; columns and parameters are numbered from 0 and 1 as in SQLite.
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int parameter, std::int64_t value);
  // Keeps no copy: the text must live until reset().
  Statement& bind(int parameter, std::string_view text);
  // True while there is a row.
  bool step();
  // Runs a statement that gives no rows, and resets it.
  void run();
  void reset();
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;  // valid until the next step()

 private:
  const Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

// Rolls back when destroyed unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace memagent
