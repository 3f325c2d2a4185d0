#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/shrunk_file.h"

int main(int argc, char** argv) {
  memagent::report_shrunk_files();
  return memagent::run_program(std::vector<std::string>(argv + 1, argv + argc));
}
