#include "support/postgres_server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace memagent {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kNobody = 65534;

// A child process that is not root and ends with us.
pid_t start_program(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  if (getuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(99);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after the change of user, which clears it
  setenv("LC_ALL", "C", 1);
  if (chdir("/") != 0) _exit(97);
  execv(argv[0], argv.data());
  _exit(98);
}

void run_sql(const std::string& address, const std::string& sql) {
  PGconn* connection = PQconnectdb(address.c_str());
  PGresult* result = PQexec(connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  const std::string error = PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(sql + ": " + error);
  }
}

}  // namespace

std::string PostgresServer::programs() {
  std::string newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string folder = entry.path() / "bin";
    if (fs::exists(folder + "/initdb", error) && folder > newest) newest = folder;
  }
  return newest;
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

PostgresServer::PostgresServer() {
  std::string pattern = "/tmp/memagent-postgres-XXXXXX";  // a socket's path must be short
  folder_ = mkdtemp(pattern.data());
  if (getuid() == 0 && chown(folder_.c_str(), kNobody, kNobody) != 0) {
    throw std::runtime_error("cannot give away " + folder_);
  }
  const pid_t initdb = start_program({programs() + "/initdb", "-D", folder_ + "/data", "-U",
                                      "memagent", "-A", "trust", "-E", "UTF8", "--no-sync"},
                                     folder_ + "-log");
  int status = 0;
  waitpid(initdb, &status, 0);
  if (status != 0) throw std::runtime_error("initdb failed: see " + folder_ + "-log");
  // The first line that fits a connection counts. Whoever is called "guarded" needs a password.
  const std::string rules = folder_ + "/data/pg_hba.conf";
  std::stringstream trusting;
  trusting << std::ifstream(rules).rdbuf();
  std::ofstream(rules) << "local all guarded scram-sha-256\n" << trusting.str();
  start();
}

PostgresServer::~PostgresServer() {
  stop();
  std::error_code error;
  fs::remove_all(folder_, error);
  fs::remove(folder_ + "-log", error);
}

void PostgresServer::start() {
  process_ = start_program({programs() + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-c",
                            "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"},
                           folder_ + "-log");
  for (int tries = 0; tries < 3000; ++tries) {
    if (PQping(address("postgres").c_str()) == PQPING_OK) return;
    if (waitpid(process_, nullptr, WNOHANG) == process_) break;
    poll(nullptr, 0, 20);
  }
  throw std::runtime_error("PostgreSQL does not start: see " + folder_ + "-log");
}

void PostgresServer::stop() {
  if (process_ <= 0) return;
  kill(process_, SIGQUIT);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

std::string PostgresServer::address(const std::string& database) const {
  return "postgres://memagent@/" + database + "?host=" + folder_;
}

std::string PostgresServer::new_database() {
  const std::string name = "test" + std::to_string(++databases_);
  run_sql(address("postgres"), "CREATE DATABASE " + name);
  return address(name);
}

void PostgresServer::execute(const std::string& address, const std::string& sql) {
  run_sql(address, sql);
}

}  // namespace memagent
