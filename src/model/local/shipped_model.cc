// The assembler puts the file into the program as it is: a compiler would take minutes and
// gigabytes over the same bytes as an array.
#include "model/local/shipped_model.h"

// MEMAGENT_SHIPPED_MODEL is the file's path.
__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".global memagent_shipped_model_begin\n"
    "memagent_shipped_model_begin:\n"
    ".incbin \"" MEMAGENT_SHIPPED_MODEL
    "\"\n"
    ".global memagent_shipped_model_end\n"
    "memagent_shipped_model_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const std::byte memagent_shipped_model_begin[];
extern const std::byte memagent_shipped_model_end[];
}

namespace memagent {

std::span<const std::byte> shipped_model() {
  return {memagent_shipped_model_begin, memagent_shipped_model_end};
}

ModelBytes::ModelBytes(const std::string& path) {
  if (!is_shipped_model(path)) file_.emplace(path);
}

}  // namespace memagent
