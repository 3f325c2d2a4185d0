// How sessions and requests are read by a command that has one model open for all of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/reading_options.h"
#include "server/completions.h"

namespace memagent {

// From a JSON object of settings, which go before those of `reading`. `identity`: see
// session_identity().
std::function<ReadingPlan(const std::string& settings_json)> reading_plans(
    const ReadingOptions& reading, const Capabilities& can,
    std::shared_ptr<const PromptRenderer> renderer, const std::string& identity);

}  // namespace memagent
