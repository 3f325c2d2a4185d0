// The page of a training run made of files, for tests of the page:
//
//   render_run KIND RECIPE.json LOG.jsonl SAMPLES.json running|stopped|done RUN.html
#include <fstream>
#include <sstream>
#include <string>

#include "train/run_page.h"

namespace {

std::string text_of(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  memagent::RunPage page;
  page.kind = argv[1];
  page.name = "memagent";
  page.recipe_json = text_of(argv[2]);
  page.log = text_of(argv[3]);
  page.samples_json = text_of(argv[4]);
  for (const auto state : {memagent::RunState::kStopped, memagent::RunState::kDone}) {
    if (argv[5] == std::string(memagent::state_name(state))) page.state = state;
  }
  std::ofstream out(argv[6], std::ios::binary);
  out << memagent::run_page_html(page);
  return out.flush() ? 0 : 1;
}
