// A document made for measuring: exactly so many sections of plain sentences, evidence in the form
// of echo_server.h in some of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "memagent/tokenizer.h"

namespace memagent::bench {

struct MadeDocument {
  std::int32_t sections = 400;
  std::int32_t section_tokens = 1000;
  std::int32_t facts = 5;  // one in each of so many sections, evenly spread
};

// The text; cut by a SectionReader with the same tokenizer and section_tokens (natural cuts) it has
// exactly `sections` sections. Throws std::runtime_error if it has not.
std::string make_document(const MadeDocument& made, std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace memagent::bench
