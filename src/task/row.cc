#include "task/row.h"

#include "base/check.h"
#include "task/task.h"

namespace memagent {

const char* to_string(Match match) {
  switch (match) {
    case Match::kAny:
      return "any";
    case Match::kAll:
      return "all";
  }
  MEMAGENT_CHECK(false, "match {}", static_cast<int>(match));
}

std::optional<Match> match_named(std::string_view name) {
  for (const Match match : {Match::kAny, Match::kAll}) {
    if (name == to_string(match)) return match;
  }
  return std::nullopt;
}

const char* to_string(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kTest:
      return "test";
  }
  MEMAGENT_CHECK(false, "split {}", static_cast<int>(split));
}

}  // namespace memagent
