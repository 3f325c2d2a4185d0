// A finished suite as tables for a terminal. Pure functions of their arguments.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "eval/cells.h"

namespace memagent {

// 8K, 3.5M where that is exact, else the number with separators.
std::string length_text(std::int64_t tokens);

// For each method a table of tasks and lengths: scores in percent with their 95% intervals,
// averages over tasks under them; then why rows failed and what all of it cost; then the methods
// side by side. At most `width` columns wide, in several blocks of lengths where it takes them.
std::string eval_table(const Plan& plan, std::span<const Cell> cells,
                       std::span<const Difference> differences, int width);

}  // namespace memagent
