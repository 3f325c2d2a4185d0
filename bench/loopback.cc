#include "loopback.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace memagent::bench {
namespace {

double seconds_of(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string beside_this_program(const std::string& name) {
  std::string path(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) throw std::runtime_error("cannot find this program's folder");
  path.resize(static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/') + 1) + name;
}

}  // namespace

EchoProcess::EchoProcess(const std::vector<std::string>& arguments) {
  std::string program = beside_this_program("echo_server");
  std::vector<std::string> words = arguments;
  std::vector<char*> argv = {program.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
    throw std::runtime_error("cannot make a pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  const int problem =
      ::posix_spawn(&process_, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_ = out[0];
  std::string line;
  char byte = 0;
  while (problem == 0 && ::read(output_, &byte, 1) == 1 && byte != '\n') line += byte;
  if (line.empty()) throw std::runtime_error("cannot start " + program);
  port_ = std::stoi(line);
}

double EchoProcess::finish() {
  if (process_ < 0) return 0;
  ::close(input_);
  rusage usage{};
  ::wait4(process_, nullptr, 0, &usage);
  ::close(output_);
  process_ = -1;
  return seconds_of(usage);
}

EchoProcess::~EchoProcess() { finish(); }

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage);
}

std::string machine_name() {
  std::ifstream info("/proc/cpuinfo");
  std::string name = "unknown processor";
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      name = line.substr(line.find(':') + 2);
      break;
    }
  }
  return name + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

std::string source_commit() {
  const std::string command =
      std::string("git -C '") + MEMAGENT_SOURCE_DIR + "' rev-parse --short HEAD 2>/dev/null";
  std::string commit;
  if (FILE* pipe = ::popen(command.c_str(), "r")) {
    char bytes[64] = {};
    if (std::fgets(bytes, sizeof bytes, pipe) != nullptr) commit = bytes;
    ::pclose(pipe);
  }
  while (!commit.empty() && commit.back() == '\n') commit.pop_back();
  return commit.empty() ? "unknown" : commit;
}

}  // namespace memagent::bench
