// Generated English prose: bland paragraphs about towns, crafts, offices and landscapes that do not
// exist, as an encyclopedia of a quiet country might have them. For haystacks: it holds no digits,
// no hyphens and no capitals but those of names and sentences, so that nothing in it looks like a
// needle.
#pragma once

#include <cstdint>
#include <memory>

#include "task/unit_document.h"

namespace memagent {

// A sentence a unit, white space after it included; four to nine make a paragraph, which keeps to
// one subject.
std::shared_ptr<const UnitText> generated_prose(std::uint64_t key);

}  // namespace memagent
