#include "cli/session_plan.h"

#include <utility>

#include "cli/session_spec.h"

namespace memagent {

std::function<ReadingPlan(const std::string& settings_json)> reading_plans(
    const ReadingOptions& reading, const Capabilities& can,
    std::shared_ptr<const PromptRenderer> renderer, const std::string& identity) {
  return
      [reading, can, renderer = std::move(renderer), identity](const std::string& settings_json) {
        ReadingOptions mine = reading;
        set_from(mine.settings, settings_json, "memagent.");
        ReadingPlan result;
        result.config = resolve(mine, can, *renderer);
        result.sections = {*mine.settings.section_tokens, *mine.settings.cut};
        result.session_settings = session_settings(mine.settings, identity);
        return result;
      };
}

}  // namespace memagent
