// One request to /v1/chat/completions or /v1/completions, from its parsed form to a reading or a
// generation under way: what is read, with which settings, or whether it fits the window as it is.
//
// Knows nothing of HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/chat_prompt.h"
#include "server/document_rule.h"
#include "server/file_store.h"
#include "server/key_limits.h"
#include "server/reading_service.h"
#include "server/request_parser.h"
#include "server/session_keeper.h"

namespace memagent {

// The settings one request is read with.
struct ReadingPlan {
  EpisodeConfig config;
  SectionOptions sections;
  std::string session_settings = "{}";  // what a session of it must have in common
};

// Whatever the model: for clients that are set up once.
inline constexpr const char* kAnyModelName = "memagent";

struct CompletionsOptions {
  // The model as replies name it; requests may, or say kAnyModelName, or leave it out.
  std::string model_name;
  ReadMode read = ReadMode::kAuto;  // where a request does not say
  // What `memagent` may set in requests, and what follows from a JSON object of that. Throws
  // Error(kUsage) for settings that cannot be carried out. Any thread may call.
  std::vector<std::string> setting_keys;
  std::function<ReadingPlan(const std::string& settings_json)> plan;
  const FileStore* files = nullptr;   // borrowed; null: there are none
  SessionKeeper* sessions = nullptr;  // the same
  KeyLimits* limits = nullptr;        // the same; null: everybody may ask for anything
};

struct Caller {
  std::string name;  // whose turn it is with the model
  std::string key;   // whose files it may read, and by whose limits
};

class Completions {
 public:
  // Borrows the model for its tokenizer and capabilities, and the service.
  Completions(const LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
              ChatPromptOptions chat, ReadingService& service, CompletionsOptions options);

  const CompletionsOptions& options() const { return options_; }
  bool names_the_model(const std::string& name) const;
  // The memory before the first section.
  const std::string& empty_memory() const { return renderer_->prompts().empty_memory; }
  // Lets a request of the key's begin; throws ApiError (429) if it may not. To be called before its
  // body is read: bodies that arrive are under way, too.
  std::shared_ptr<KeyUse> admit(const std::string& key) const;
  // Throws ApiError or Error for a request that cannot be carried out. Any thread.
  ReadingService::Handle start(const CompletionRequest& request, const Caller& caller,
                               std::shared_ptr<KeyUse> use) const;
  // Goes on with a session that nobody runs, without anybody to tell.
  void resume(const SessionInfo& info, const Caller& caller) const;

 private:
  // A conversation as a request to the model; nullopt if it does not fit the window.
  std::optional<GenerationRequest> as_it_is(const CompletionRequest& request,
                                            const ReadingPlan& plan) const;
  Prompt prompt_of(const CompletionRequest& request) const;
  ReadingService::Handle read(const CompletionRequest& request, ReadingPlan plan,
                              const Caller& caller, AnswerTerms terms) const;
  ReadingService::Handle read(const ReadingPlan& plan, const Caller& caller,
                              const std::vector<std::string>& questions,
                              SessionKeeper::Opened opened, AnswerTerms terms) const;
  std::unique_ptr<DocumentSource> open(std::vector<DocumentPart> parts, const Caller& caller) const;

  const LanguageModel& model_;
  std::shared_ptr<const PromptRenderer> renderer_;
  ChatPromptOptions chat_;
  ReadingService& service_;
  CompletionsOptions options_;
};

}  // namespace memagent
