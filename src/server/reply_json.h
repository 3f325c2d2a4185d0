// What is said to clients, as JSON texts in OpenAI's shapes. What is ours beyond them is in objects
// named `memagent`, which other clients pass over.
#pragma once

#include <cstdint>
#include <string>

#include "server/event_queue.h"
#include "server/request_parser.h"

namespace memagent {

// What every reply to one request, and every event of it, begins with.
struct ReplyHead {
  CompletionApi api = CompletionApi::kChat;
  std::string id;
  std::string model;
  std::int64_t created = 0;  // seconds since 1970
};

// The whole reply.
std::string reply_json(const ReplyHead& head, const ReadingOutcome& outcome);

// The events of a stream, in the order in which they come. The first of a chat says whose message
// it is; progress carries no text; then text; the last says how it ended.
std::string first_event(const ReplyHead& head);
std::string progress_event(const ReplyHead& head, const ReadingProgress& progress);
// `question`: which of several it is about; the first is choice 0.
std::string text_event(const ReplyHead& head, const std::string& text, std::size_t question = 0);
std::string last_event(const ReplyHead& head, const ReadingOutcome& outcome,
                       std::size_t question = 0);
// After the last one, for clients that ask for it.
std::string usage_event(const ReplyHead& head, const ReadingOutcome& outcome);

// GET /v1/models.
struct AboutModel {
  std::string name;
  std::int64_t created = 0;         // seconds since 1970
  std::int32_t window_tokens = 0;   // what the model itself sees at once; 0: not known
  std::int64_t max_file_bytes = 0;  // of a document that is uploaded; 0: none can be
};
std::string models_json(const AboutModel& model);
std::string model_json(const AboutModel& model);

// `text` up to the first of `stops`, if any is in it.
std::string cut_at_stop(std::string text, const std::vector<std::string>& stops);

}  // namespace memagent
