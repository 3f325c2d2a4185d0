#include "session/pg.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "memagent/session_store.h"

namespace memagent {
namespace {

// Of the server's catalogue, where they never change.
constexpr Oid kByteaOid = 17;
constexpr Oid kInt8Oid = 20;

// libpq's messages have several lines, ours have one. What libpq indents asks whether the server
// runs.
std::string one_line(const char* text) {
  std::string all;
  std::istringstream lines(text == nullptr ? "" : text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('\t')) continue;
    std::ranges::replace_if(
        line, [](char c) { return c == '\r' || c == '\t'; }, ' ');
    while (line.ends_with(' ')) line.pop_back();
    if (!line.empty()) all += (all.empty() ? "" : "; ") + line;
  }
  return all;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

// States that pass by themselves: the server is starting, stopping, or has too many clients. None
// at all is libpq's own: there is no server to have one.
bool is_passing(const std::string& state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57P") || state == "53300";
}

// Why a server that was reached let nobody in: its SQLSTATE, which libpq tells only of a connection
// that is made again; "" if there is none.
std::string refusal_state(pg_conn* connection) {
  PQsetErrorVerbosity(connection, PQERRORS_SQLSTATE);
  PQreset(connection);
  // "FATAL:  28P01" at the end, after where the server is.
  const std::string message = one_line(PQerrorMessage(connection));
  const std::size_t space = message.rfind(' ');
  if (PQstatus(connection) == CONNECTION_OK || space == std::string::npos) return "";
  const std::string state = message.substr(space + 1);
  const bool is_state = state.size() == 5 && std::ranges::all_of(state, [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                        });
  return is_state ? state : "";
}

// Waiting does not help: the user, its password or its rights are wrong, or there is no such
// database.
bool is_refusal(const std::string& state) {
  return state.starts_with("28") || state == "3D000" || state == "42501";
}

}  // namespace

PgResult::PgResult(pg_result* result) : result_(result) {}

void PgResult::Free::operator()(pg_result* result) const { PQclear(result); }

int PgResult::rows() const { return PQntuples(result_.get()); }

std::int64_t PgResult::affected() const {
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

bool PgResult::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view PgResult::bytes(int row, int column) const {
  MEMAGENT_CHECK(row < rows() && column < PQnfields(result_.get()), "row {} column {}", row,
                 column);
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t PgResult::integer(int row, int column) const {
  const std::string_view value = bytes(row, column);
  MEMAGENT_CHECK(value.size() == 8 || is_null(row, column), "column {} has {} bytes, not 8", column,
                 value.size());
  return static_cast<std::int64_t>(big_endian(value));
}

bool PgResult::boolean(int row, int column) const {
  const std::string_view value = bytes(row, column);
  MEMAGENT_CHECK(value.size() <= 1, "column {} has {} bytes, not 1", column, value.size());
  return !value.empty() && value[0] != 0;
}

PgConnection::PgConnection(const std::string& address, std::chrono::milliseconds patience)
    : shown_(shown_store(address)), patience_(patience) {
  // A server that has vanished is noticed within half a minute or so, not after hours. What the
  // address says comes later and counts.
  const char* const keys[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", "application_name",
                              "dbname",           "client_encoding",  nullptr};
  const char* const values[] = {"10",   "10",   "5", "3", "20000", "memagent", address.c_str(),
                                "UTF8", nullptr};
  const auto began = std::chrono::steady_clock::now();
  connection_ = PQconnectdbParams(keys, values, 1);
  if (connection_ == nullptr) throw std::bad_alloc();
  if (PQstatus(connection_) != CONNECTION_OK) {
    const std::string why = one_line(PQerrorMessage(connection_));
    const bool answers_soon = std::chrono::steady_clock::now() - began < std::chrono::seconds(2);
    const std::string state = answers_soon ? refusal_state(connection_) : "";
    PQfinish(connection_);
    if (is_refusal(state)) {
      fail(ErrorKind::kStorage,
           "session store: {}: {}: check user, password and database (docs/workers.md)", shown_,
           why);
    }
    fail(ErrorKind::kUnreachable,
         "session store: {}: cannot be reached: {}: check the address and that the server runs",
         shown_, why);
  }
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
  PQsetnonblocking(connection_, 1);  // sending is waited for as answers are
}

PgConnection::~PgConnection() { PQfinish(connection_); }

PgResult PgConnection::run(const char* sql, std::initializer_list<PgValue> parameters) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const PgValue& parameter : parameters) {
    types.push_back(parameter.is_number() ? kInt8Oid : kByteaOid);
    // A null pointer would be NULL, not an empty text.
    values.push_back(parameter.bytes().data() == nullptr ? "" : parameter.bytes().data());
    lengths.push_back(static_cast<int>(parameter.bytes().size()));
    formats.push_back(parameter.is_number() ? 0 : 1);
  }
  if (PQsendQueryParams(connection_, sql, static_cast<int>(types.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), 1) == 0) {
    fail_with(nullptr);
  }
  return answer();
}

void PgConnection::run_script(const char* sql) {
  if (PQsendQuery(connection_, sql) == 0) fail_with(nullptr);
  answer();
}

// Until PQgetResult() need not wait.
void PgConnection::wait_for_answer() {
  const auto began = std::chrono::steady_clock::now();
  while (true) {
    const int unsent = PQflush(connection_);
    if (unsent < 0 || (unsent == 0 && PQisBusy(connection_) == 0)) return;
    int timeout = -1;
    if (patience_.count() > 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          began + patience_ - std::chrono::steady_clock::now());
      if (left.count() <= 0) {
        broken_ = stalled_ = true;
        fail(ErrorKind::kUnreachable,
             "session store: {}: cannot be reached: no answer within {} s: look into the server's "
             "log",
             shown_, std::chrono::duration_cast<std::chrono::seconds>(patience_).count());
      }
      timeout = static_cast<int>(left.count());
    }
    pollfd ready{PQsocket(connection_), static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)), 0};
    if (::poll(&ready, 1, timeout) <= 0) continue;  // or a signal came
    if (PQconsumeInput(connection_) == 0) return;   // the connection is gone: the result says so
  }
}

// The last result of what was sent. Throws as run() does.
PgResult PgConnection::answer() {
  PgResult last(nullptr);
  while (true) {
    wait_for_answer();
    pg_result* next = PQgetResult(connection_);
    if (next == nullptr) break;
    last = PgResult(next);
  }
  const ExecStatusType status = PQresultStatus(last.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_with(last.get());
  return last;
}

void PgConnection::fail_with(const pg_result* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  last_state_ = state == nullptr ? "" : state;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string why = one_line(primary != nullptr ? primary : PQerrorMessage(connection_));
  if (PQstatus(connection_) == CONNECTION_BAD || is_passing(last_state_)) {
    broken_ = true;
    fail(ErrorKind::kUnreachable,
         "session store: {}: cannot be reached: {}: check that the server runs", shown_, why);
  }
  const auto storage = [&](const char* todo) {
    fail(ErrorKind::kStorage, "session store: {}: {}: {}", shown_, why, todo);
  };
  if (last_state_.starts_with("53")) storage("give the server room, then run this again");
  if (last_state_ == "25006") storage("this is a copy that cannot be written: name the primary");
  if (last_state_ == "42501" || last_state_ == "3D000") {
    storage("give the user rights on the database (docs/workers.md), or name another");
  }
  if (last_state_ == "42P01" || last_state_ == "42703" || last_state_ == "3F000") {
    storage("its tables are not memagent's: name another database");
  }
  if (last_state_.starts_with("XX")) storage("restore the database from a copy");
  storage("look into the server's log");
  std::abort();  // not reached
}

PgTransaction::PgTransaction(PgConnection& connection) : connection_(connection) {
  connection_.run("BEGIN");
}

PgTransaction::~PgTransaction() {
  if (!open_ || connection_.broken()) return;
  try {
    connection_.run("ROLLBACK");
  } catch (const Error&) {  // the failure under way is the one to report
  }
}

void PgTransaction::commit() {
  connection_.run("COMMIT");
  open_ = false;
}

void check_postgres_address(const std::string& address) {
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(address.c_str(), &message);
  if (options != nullptr) {
    PQconninfoFree(options);
    return;
  }
  std::string why = one_line(message);
  PQfreemem(message);
  // Some of libpq's messages repeat the address, password and all.
  if (const std::size_t at = why.find(address); at != std::string::npos) {
    why.replace(at, address.size(), shown_store(address));
  }
  fail(ErrorKind::kUsage, "--store: {}: {}: write it as postgres://USER@HOST:PORT/DATABASE",
       shown_store(address), why);
}

}  // namespace memagent
