// The haystacks of RULER's tasks: text that says nothing the question asks for.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "task/unit_document.h"

namespace memagent {

// Five dull sentences over and over, a unit each (RULER's noise, in words of our own).
std::shared_ptr<const UnitText> noise_units();

// Makes the prose of a row from the row's key.
using MakeProse = std::function<std::shared_ptr<const UnitText>(std::uint64_t key)>;

// Sentences of a user's file, a unit each, from a place drawn from the key on and round again. They
// are read into memory and stand in the document as in the file (invalid UTF-8 repaired). Throws
// Error(kBadInput) naming the file if it cannot be read, has no text or more than 256 MiB.
MakeProse prose_of_file(const std::string& path);

}  // namespace memagent
