// The data sets that `memagent data fetch` knows: where their authors publish them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace memagent {

struct CatalogueEntry {
  std::string_view name;     // "hotpotqa-dev"
  std::string_view meaning;  // one line
  std::string_view file;     // what it is called here
  std::string_view url;
  std::string_view sha256;   // as several projects publish it; empty: nobody we know does
  std::string_view by_hand;  // what is left to do by hand: unpack an archive. Empty: nothing
};

std::span<const CatalogueEntry> catalogue();
// Null for an unknown name.
const CatalogueEntry* find_entry(std::string_view name);

// $XDG_DATA_HOME/memagent/data, else under ~/.local/share.
std::string default_data_folder();

}  // namespace memagent
