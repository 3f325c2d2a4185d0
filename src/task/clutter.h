// Text of any kind but prose: tables, lists, program text, logs, records, headings, runs of blanks,
// sentences of words of no language, strange signs. For training alone: a reader that has only met
// one kind of prose around its facts is lost in any other.
#pragma once

#include <cstdint>
#include <memory>

#include "task/unit_document.h"

namespace memagent {

// A line or sentence a unit, of 80 bytes or so. A row keeps to one to five kinds, some lines of
// each in turn, and to a vocabulary of its own.
std::shared_ptr<const UnitText> clutter(std::uint64_t key);

}  // namespace memagent
