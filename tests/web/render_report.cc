// The HTML report of a JSON report, both as files, for tests of the page:
//
//   render_report REPORT.json REPORT.html
#include <cstdio>
#include <fstream>
#include <sstream>

#include "eval/report_html.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream in(argv[1], std::ios::binary);
  std::stringstream json;
  json << in.rdbuf();
  std::ofstream out(argv[2], std::ios::binary);
  out << memagent::report_html(json.str());
  return in && out.flush() ? 0 : 1;
}
