// For programs that measure clients: an echo_server in a process of its own, and what a report says
// about the machine it was made on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace memagent::bench {

// Starts the echo_server beside the running program; ends it when destroyed.
class EchoProcess {
 public:
  explicit EchoProcess(const std::vector<std::string>& arguments);
  ~EchoProcess();
  EchoProcess(const EchoProcess&) = delete;
  EchoProcess& operator=(const EchoProcess&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  // Ends the server: the processor seconds it took.
  double finish();

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  int port_ = 0;
};

double processor_seconds();  // of this process so far
std::string machine_name();  // processor and cores
std::string source_commit();

}  // namespace memagent::bench
