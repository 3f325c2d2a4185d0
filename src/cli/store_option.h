// --store, which every command has that keeps sessions or reads them, and where it says they are.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace memagent {

// `group`: of the help; "" is that of the command's other options.
void add_store_option(CLI::App& app, std::string& store, const std::string& group = "");

// The location: what the option says, else MEMAGENT_STORE, else the file of the user's own.
// Throws Error(kUsage) for an address of another kind than those that there are.
std::string store_location(const std::string& store);

}  // namespace memagent
