#include "cli/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace memagent {
namespace {

// Standard input from a file, so that neither side can wait for the other.
int input_file(const std::string& text) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) throw std::runtime_error("no temporary file");
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
  const int descriptor = dup(fileno(file));
  std::fclose(file);
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

// True until the end of the stream.
bool append_from(int descriptor, std::string& text) {
  char buffer[65536];
  const ssize_t count = read(descriptor, buffer, sizeof buffer);
  if (count <= 0) return count < 0 && errno == EINTR;
  text.append(buffer, static_cast<std::size_t>(count));
  return true;
}

}  // namespace

RunningProgram::RunningProgram(const std::vector<std::string>& arguments,
                               const RunOptions& options) {
  int output[2];
  int errors[2];
  if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipes");
  }
  const int input = input_file(options.input);
  const std::string program = MEMAGENT_BINARY_DIR "/memagent";
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  process_ = fork();
  if (process_ == 0) {
    dup2(input, STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    dup2(errors[1], STDERR_FILENO);
    for (const auto& [name, value] : options.set) setenv(name.c_str(), value.c_str(), 1);
    if (options.file_bytes_limit >= 0) {
      const rlimit limit{static_cast<rlim_t>(options.file_bytes_limit),
                         static_cast<rlim_t>(options.file_bytes_limit)};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (options.drop_privileges && getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
      _exit(99);
    }
    execv(argv[0], argv.data());
    _exit(98);
  }
  close(input);
  close(output[1]);
  close(errors[1]);
  output_ = output[0];
  errors_ = errors[0];
}

RunningProgram::~RunningProgram() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  if (errors_ >= 0) close(errors_);
}

void RunningProgram::send(int signal) const { kill(process_, signal); }

void RunningProgram::read_some(int timeout_ms) {
  pollfd polls[2] = {{output_, POLLIN, 0}, {errors_, POLLIN, 0}};  // poll skips negative ones
  poll(polls, 2, timeout_ms);
  for (const auto& [index, descriptor, text] :
       {std::tuple{0, &output_, &result_.output}, std::tuple{1, &errors_, &result_.errors}}) {
    if (polls[index].revents != 0 && !append_from(*descriptor, *text)) {
      close(*descriptor);
      *descriptor = -1;
    }
  }
}

bool RunningProgram::wait_for_error_text(const std::string& text) {
  while (result_.errors.find(text) == std::string::npos) {
    if (errors_ < 0) return false;
    read_some(-1);
  }
  return true;
}

bool RunningProgram::wait_until(const std::function<bool()>& holds) {
  while (!holds()) {
    if (output_ < 0 && errors_ < 0) return false;
    read_some(1);
  }
  return true;
}

RunResult RunningProgram::wait() {
  while (output_ >= 0 || errors_ >= 0) read_some(-1);
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return result_;
}

RunResult run_memagent(const std::vector<std::string>& arguments, const RunOptions& options) {
  return RunningProgram(arguments, options).wait();
}

ScratchFolder::ScratchFolder() : path_(testing::TempDir() + "memagent-cli-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

ScratchFolder::~ScratchFolder() { std::filesystem::remove_all(path_); }

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string read_file(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace memagent
