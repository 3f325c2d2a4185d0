// An Episode's state as one JSON text, to be kept by a session and restored by any later version.
//
//   {"version":1,"pass":0,"next_section":3,"prefix_hash":"00c0ffee00c0ffee","reading_done":false,
//    "finished":false,"memory":{"text":"...","tokens":[1,2]},"answer":"","sections_read":3,...}
//
// Texts that are not valid UTF-8 (a memory cut inside a character) are {"hex":"..."} instead of a
// string: what is restored is what was saved, byte for byte. Counters that a text lacks are 0, keys
// it has besides are ignored, so that old and new versions read each other's sessions.
#pragma once

#include <string>
#include <string_view>

#include "memagent/episode.h"

namespace memagent {

std::string to_json(const EpisodeState& state);
// Throws Error(kBadInput) naming the key for a text that is not such a state.
EpisodeState episode_state_from_json(std::string_view text);

}  // namespace memagent
