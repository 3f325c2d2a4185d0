// Documents that are one whole, such as a shuffled list, cannot be filled up unit by unit: each
// size is another document. This finds the largest that fits. Knows nothing about what is in them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "task/unit_document.h"

namespace memagent {

using MakeDocument = std::function<std::shared_ptr<const UnitDocument>(std::int64_t size)>;

// A size from `least` on whose document has at most `limit` tokens, and so many that about one
// step of size is left over, or less. Tokens must grow with size, roughly in proportion; then two
// to four documents of about the limit are made. Null if even the least does not fit.
std::shared_ptr<const UnitDocument> fit_document(std::int64_t least, std::int64_t limit,
                                                 const MakeDocument& make);

}  // namespace memagent
