// echo_server [--port N] [--delay-ms N] [--keep WORD] [--update WORD]: serves until its standard
// input ends, so that it never outlives the program that started it. Prints its port, then at the
// end how many generations it answered.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "echo_server.h"

int main(int argc, char** argv) {
  memagent::bench::EchoServerOptions options;
  int delay_ms = 0;
  CLI::App app("A loopback endpoint that answers at once");
  app.add_option("--port", options.port);
  app.add_option("--delay-ms", delay_ms);
  app.add_option("--keep", options.keep_word);
  app.add_option("--update", options.update_word);
  CLI11_PARSE(app, argc, argv);
  options.delay = std::chrono::milliseconds(delay_ms);
  memagent::bench::allow_many_connections();
  memagent::bench::EchoServer server(options);
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  std::thread input([&] {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    server.stop();
  });
  server.run();
  input.join();
  std::printf("%lld\n", static_cast<long long>(server.answered()));
  return 0;
}
