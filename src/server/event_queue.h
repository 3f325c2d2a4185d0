// What a reading tells the client's thread, from the model's: how far it is, and how it ended.
//
// A client that does not keep up sees fewer states, not old ones: a state that was not taken is
// replaced by the next, so a queue never grows with the reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/episode.h"
#include "memagent/error.h"

namespace memagent {

// Where a reading is after an accepted section. Of several questions: as far as the first of them
// came, and their mean fraction.
struct ReadingProgress {
  std::int64_t sections = 0;  // read so far, over all passes
  std::int64_t document_tokens = 0;
  double fraction = -1;         // of the document; -1: not known
  bool memory_changed = false;  // since the last progress that was taken
  std::string memory = {};      // if it changed
  std::size_t question = 0;     // the one whose memory changed last
  std::int64_t section = 0;     // the one that changed it last, 0-based
  std::int64_t byte_begin = 0;  // of that section in the document
  std::int64_t byte_end = 0;
};

struct ReadingOutcome {
  std::optional<Error> error = {};
  // The answer to the first question, or the response of a chat that was not read.
  std::string text = {};
  StopReason stop = StopReason::kEnd;
  struct Answer {
    std::string text;
    StopReason stop;
  };
  std::vector<Answer> more = {};   // to the other questions
  std::int64_t prompt_tokens = 0;  // these three: of all questions
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  // Of a reading, one for each question, as far as they came. Empty: nothing was read.
  std::vector<EpisodeState> states = {};
  std::int64_t repaired_sequences = 0;  // of the document's UTF-8
};

class EventQueue {
 public:
  EventQueue();
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  void put_progress(ReadingProgress progress);
  // All of the answer to a question that there is so far; of a chat that was not read, question 0.
  void put_text(std::size_t question, std::string_view so_far);
  void put_outcome(ReadingOutcome outcome);

  struct Events {
    std::optional<ReadingProgress> progress;
    std::map<std::size_t, std::string> texts;  // by question: all so far, where it has grown
    std::optional<ReadingOutcome> outcome;     // nothing comes after it
  };
  Events take();
  // The outcome was taken.
  bool ended() const;
  // Readable while there is something to take.
  int ready_fd() const { return ready_fd_; }

 private:
  void announce();

  int ready_fd_;
  mutable std::mutex mutex_;
  Events events_;
  bool ended_ = false;
};

}  // namespace memagent
