// The little of libpq that the store uses, with failures as one-line Errors.
//
// Knows nothing about sessions. Statements are sent unnamed and leave nothing behind on the
// connection, so that a pooler between transactions does no harm. A connection is used by one
// thread at a time.
//
// A server that stalls (a disk that hangs, a lock that nobody gives back) keeps its connections
// alive; so that it does not keep its callers, a statement that gets no answer for so long fails as
// if the server could not be reached.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

struct pg_conn;
struct pg_result;

namespace memagent {

// A parameter: a number, or bytes as they are. Borrows the bytes for the call.
class PgValue {
 public:
  PgValue(std::int64_t number) : text_(std::to_string(number)), is_number_(true) {}  // NOLINT
  PgValue(std::string_view bytes) : bytes_(bytes) {}                                 // NOLINT
  PgValue(const std::string& bytes) : bytes_(bytes) {}                               // NOLINT

  bool is_number() const { return is_number_; }
  std::string_view bytes() const { return is_number_ ? std::string_view(text_) : bytes_; }

 private:
  std::string text_;
  std::string_view bytes_;
  bool is_number_ = false;
};

// What a statement gave. Columns are numbered from 0; each must be int8, boolean or bytea.
class PgResult {
 public:
  explicit PgResult(pg_result* result);
  const pg_result* get() const { return result_.get(); }
  int rows() const;
  std::int64_t affected() const;
  bool is_null(int row, int column) const;
  std::int64_t integer(int row, int column) const;
  bool boolean(int row, int column) const;
  std::string_view bytes(int row, int column) const;  // as long as the result lives
  std::string text(int row, int column) const { return std::string(bytes(row, column)); }

 private:
  struct Free {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

class PgConnection {
 public:
  // Throws Error: kUnreachable, or kStorage if the server lets this user into no such database.
  // Every statement must be answered within `patience`.
  PgConnection(const std::string& address, std::chrono::milliseconds patience);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // One statement; $1 and so on are the parameters. Throws Error: kUnreachable if the server has
  // gone, which also makes it broken(); kStorage that says what the server's refusal means.
  PgResult run(const char* sql, std::initializer_list<PgValue> parameters = {});
  // Several statements without parameters.
  void run_script(const char* sql);
  bool broken() const { return broken_; }
  // It is broken because there was no answer: another try would take as long.
  bool stalled() const { return stalled_; }
  // The SQLSTATE of the last failure, "" if there was none.
  const std::string& last_state() const { return last_state_; }

 private:
  friend class PgPatience;
  void wait_for_answer();
  PgResult answer();
  [[noreturn]] void fail_with(const pg_result* result);

  std::string shown_;
  pg_conn* connection_ = nullptr;
  std::chrono::milliseconds patience_;  // 0: without end
  bool broken_ = false;
  bool stalled_ = false;
  std::string last_state_;
};

// Waits without end while it lives: for what takes its time or waits for others' transactions, on a
// thread that can wait.
class PgPatience {
 public:
  explicit PgPatience(PgConnection& connection)
      : connection_(connection), before_(connection.patience_) {
    connection_.patience_ = {};
  }
  ~PgPatience() { connection_.patience_ = before_; }
  PgPatience(const PgPatience&) = delete;
  PgPatience& operator=(const PgPatience&) = delete;

 private:
  PgConnection& connection_;
  std::chrono::milliseconds before_;
};

// Rolls back when destroyed unless committed.
class PgTransaction {
 public:
  explicit PgTransaction(PgConnection& connection);
  ~PgTransaction();
  PgTransaction(const PgTransaction&) = delete;
  PgTransaction& operator=(const PgTransaction&) = delete;
  void commit();

 private:
  PgConnection& connection_;
  bool open_ = true;
};

// Throws Error(kUsage) for an address that libpq does not understand.
void check_postgres_address(const std::string& address);

}  // namespace memagent
