// What is said to and heard from an OpenAI-compatible server: request bodies, replies, streams of
// deltas, lists of models, token counts.
//
// Pure functions of bytes: no network, no clock. Replies are hostile until checked: depth and types
// are bounded here, sizes by whoever reads them from the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/language_model.h"
#include "memagent/remote_model.h"
#include "model/remote/sse.h"

namespace memagent {

// How one server wants requests written.
struct WireDialect {
  EndpointApi api = EndpointApi::kChat;
  bool max_completion_tokens = false;  // instead of max_tokens
  std::string_view extra_fields = {};  // RemoteModelOptions::extra_fields, checked
};

// The JSON body of one request. Text that is not valid UTF-8 is repaired. The seed is sent modulo
// 2^31 (llama.cpp and some others take no more) and only where something is drawn; top_k and min_p,
// which are extensions, only when set.
std::string request_body(const GenerationRequest& request, const std::string& model,
                         const WireDialect& dialect, bool stream);

// The prompt of /completions: the contents of all messages, each followed by an empty line. A
// conversation that has an assistant's message in it gets "User: " and "Assistant: " before the
// contents, and "Assistant:" at the end.
std::string plain_prompt(const std::vector<Message>& messages);

struct WireReply {
  std::string text;
  StopReason stop = StopReason::kEnd;
  std::int64_t prompt_tokens = -1;  // -1: the server did not say
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = -1;
};

// A reply or what is wrong with it: `problem` is empty, or says in one clause what came instead.
struct ReplyCheck {
  WireReply reply;
  std::string problem;
  bool final = false;  // asking again would give the same
};

// A whole reply of a server that said 200.
ReplyCheck read_reply(std::string_view body, EndpointApi api);

// A streamed reply. Feed what arrives; then check().
class StreamReader {
 public:
  StreamReader(EndpointApi api, std::vector<std::string> complete_responses,
               std::size_t max_event_bytes);
  // False when nothing more is wanted: the response goes on behind one of complete_responses, or
  // the stream is broken.
  bool feed(std::string_view bytes);
  // The response so far.
  const std::string& text() const { return result_.reply.text; }
  // After the last feed: the reply, or what is wrong.
  ReplyCheck check() const;

 private:
  bool take_event(std::string_view data);

  SseParser sse_;
  EndpointApi api_;
  std::vector<std::string> complete_responses_;
  ReplyCheck result_;
  std::int64_t text_events_ = 0;
  bool complete_ = false;  // the text so far is one of complete_responses_
  bool finished_ = false;  // a finish_reason came
  bool any_event_ = false;
};

// The message in the body of an error reply, on one line; of unknown forms the beginning.
std::string error_message(std::string_view body);

// One model of GET /models. context_tokens 0: not said.
struct ServedModel {
  std::string id;
  std::int32_t context_tokens = 0;
  std::int32_t vocab_size = 0;
};
// nullopt: not a list of models.
std::optional<std::vector<ServedModel>> read_models(std::string_view body);
// The context of llama.cpp's GET /props, 0 if it does not say.
std::int32_t read_props_context(std::string_view body);

// POST /tokenize in the two forms there are.
enum class TokenizeForm { kLlamaCpp, kVllm };
std::string tokenize_body(TokenizeForm form, const std::string& model, std::string_view text);
struct Piece {
  TokenId id = 0;
  std::string bytes;
};
// The tokens of `text` with their bytes, which joined are `text`; nullopt if the reply is of
// another form, or does not say the bytes of its tokens.
std::optional<std::vector<Piece>> read_tokens(TokenizeForm form, std::string_view body,
                                              std::string_view text);

}  // namespace memagent
