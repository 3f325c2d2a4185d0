// A PostgreSQL server of the tests' own: Debian's package, in a temporary folder, reached through a
// socket there and by nobody else.
#pragma once

#include <sys/types.h>

#include <string>

namespace memagent {

class PostgresServer {
 public:
  // Where Debian installs its programs; empty: it is not installed (tools/setup.sh test).
  static std::string programs();
  // One for all tests of a program, started when first asked for; call it only if programs() has
  // it. PostgreSQL refuses to run as root: then it runs as "nobody".
  static PostgresServer& shared();

  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start();
  // As if it crashed: connections break at once.
  void stop();
  // The address of a new, empty database.
  std::string new_database();
  // Runs SQL in it.
  static void execute(const std::string& address, const std::string& sql);

 private:
  PostgresServer();
  std::string address(const std::string& database) const;

  std::string folder_;
  pid_t process_ = -1;
  int databases_ = 0;
};

}  // namespace memagent
