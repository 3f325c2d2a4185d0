// A good GGUF file with something changed, for tests of what is refused.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "format/gguf_writer.h"

namespace memagent {

struct GgufEdit {
  std::set<std::string> without_keys = {};  // replace one by leaving it out and adding
  std::function<void(GgufWriter&)> add = {};
  std::set<std::string> without_tensors = {};
  std::map<std::string, std::vector<std::int64_t>> shapes = {};       // as zeros of this shape
  std::map<std::string, std::vector<std::int64_t>> new_tensors = {};  // F32 zeros
};

void write_edited_gguf(const std::string& from, const std::string& to, const GgufEdit& edit);

}  // namespace memagent
