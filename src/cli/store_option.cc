#include "cli/store_option.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "base/fail.h"
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
  std::string location = store.empty() ? default_store_path() : store;
  const std::size_t scheme = location.find("://");
  const bool has_scheme =
      scheme != std::string::npos && scheme > 0 &&
      std::all_of(location.begin(), location.begin() + scheme, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '-' || c == '.';
      });
  if (has_scheme && !is_shared_store(location)) {
    // No more of it than the scheme: there may be a password.
    fail(ErrorKind::kUsage,
         "{}: {}:// is no kind of store: name a file, or a database by postgres:// or "
         "postgresql://",
         store.empty() ? "MEMAGENT_STORE" : "--store", location.substr(0, scheme));
  }
  return location;
}

}  // namespace memagent
