// Questions that no task asks and no document of the task library answers: of people, works, places
// and reasons, yes or no, requests and chatter. What a reader learns from that it is to say that
// nothing was found, rather than to answer the question that is most like.
#pragma once

#include <string>

#include "base/random.h"

namespace memagent {

// Its names are coined anew (made_words.h, of the training split).
std::string stray_question(RandomStream& draw);

}  // namespace memagent
