// A tiny random-weight model and a short document: what the tests of `ask` read and read with.
#pragma once

#include <string>
#include <vector>

#include "cli/run_program.h"

namespace memagent {

// Shared by the tests of one program; made by `memagent model init` when first asked for.
const std::string& tiny_model();

// English-like text of about so many bytes, the same for the same arguments.
std::string english(std::size_t bytes, std::uint64_t seed = 1);

// `ask` with the tiny model and budgets that make a document of a few kilobytes many sections.
std::vector<std::string> tiny_ask(const std::vector<std::string>& more);

}  // namespace memagent
