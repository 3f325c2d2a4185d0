// Runs the built program as its users do: a process with arguments, environment, standard input and
// limits, watched until it ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace memagent {

struct RunOptions {
  std::string input = {};                       // what standard input delivers
  std::map<std::string, std::string> set = {};  // environment, besides what the tests have
  std::int64_t file_bytes_limit = -1;           // RLIMIT_FSIZE
  bool drop_privileges = false;                 // run as nobody if the tests run as root
};

struct RunResult {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string output;  // standard output
  std::string errors;  // standard error
};

// A process under way.
class RunningProgram {
 public:
  explicit RunningProgram(const std::vector<std::string>& arguments,
                          const RunOptions& options = {});
  ~RunningProgram();  // kills it if it is still there
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void send(int signal) const;
  pid_t pid() const { return process_; }
  // Reads standard error until it holds `text`; false if the program ended before.
  bool wait_for_error_text(const std::string& text);
  // Reads output until `holds()` does; false if the program ended before.
  bool wait_until(const std::function<bool()>& holds);
  RunResult wait();

 private:
  void read_some(int timeout_ms);
  pid_t process_ = -1;
  int output_ = -1;
  int errors_ = -1;
  RunResult result_;
};

RunResult run_memagent(const std::vector<std::string>& arguments, const RunOptions& options = {});

// A fresh folder, deleted with everything in it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& content);
std::string read_file(const std::string& path);

}  // namespace memagent
