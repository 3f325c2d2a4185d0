#include "cli/store_option.h"

#include <CLI/CLI.hpp>

#include "memagent/session_store.h"

namespace memagent {

void add_store_option(CLI::App& app, std::string& store, const std::string& group) {
  CLI::Option* option =
      app.add_option("--store", store,
                     "Where sessions are kept: a file, or a database that machines share, "
                     "postgres://USER@HOST:PORT/NAME (default: MEMAGENT_STORE, else a file under "
                     "~/.local/state)")
          ->type_name("STORE");
  if (!group.empty()) option->group(group);
}

std::string store_location(const std::string& store) {
  return store.empty() ? default_store_path() : store;
}

}  // namespace memagent
