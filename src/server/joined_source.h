// Several sources read one after another, each under a heading with its title where there is more
// than one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memagent/document.h"

namespace memagent {

struct TitledSource {
  std::string title;
  std::unique_ptr<DocumentSource> source;
};

std::unique_ptr<DocumentSource> joined_source(std::vector<TitledSource> parts, std::string name);

}  // namespace memagent
