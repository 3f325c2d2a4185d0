// The arithmetic of the window. Knows the sizes of things, not what they say.
#pragma once

#include <cstdint>

#include "memagent/episode.h"

namespace memagent {

// Response tokens an update may take: a gate line where the policy has one, and the memory.
std::int32_t update_output_tokens(const EpisodeConfig& config, const PromptRenderer& renderer);

}  // namespace memagent
