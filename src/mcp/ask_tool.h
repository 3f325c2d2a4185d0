// The tool `ask_documents`: one call from its arguments to its result. Settles what is asked (a
// session that is continued brings what is left out), opens document and session, hands the reading
// to the ReadingService, waits and tells how far it is.
//
// Knows nothing of the protocol. The model is opened by the first call that needs it, so that an
// assistant that never asks pays nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "mcp/allowed_files.h"
#include "mcp/protocol.h"
#include "server/completions.h"
#include "server/reading_service.h"

namespace memagent {

// A model, and what reads with it.
struct OpenedModel {
  std::unique_ptr<LanguageModel> model;
  std::shared_ptr<const PromptRenderer> renderer;
  ReadingPlan plan;
  // SessionSpec::sources_json for a document in these files.
  std::function<std::string(const std::vector<std::string>& files)> sources;
  std::unique_ptr<ReadingService> service;  // goes before the model
};

class AskTool {
 public:
  using OpenModel = std::function<OpenedModel()>;
  using OnProgress = std::function<void(const ToolProgress&)>;

  // `store`: where sessions are kept. One that machines share keeps their documents, too.
  AskTool(OpenModel open_model, AllowedFiles files, std::string store);

  // The result as a JSON object. Throws Error or ApiError; kInterrupted if it was told to stop.
  // Any number of threads may call.
  std::string ask(AskArguments arguments, const OnProgress& on_progress,
                  const std::stop_token& stop);

 private:
  // Waits for another call that is opening it, and fails with that one, or when told to stop.
  const OpenedModel& opened(const std::stop_token& stop);
  // `keeping`: the session that the document is kept with; null where it was given.
  std::unique_ptr<HeldSession> hold(const AskArguments& arguments, DocumentSource& document,
                                    const std::vector<std::string>& files, const OpenedModel& model,
                                    const SessionInfo* keeping) const;

  OpenModel open_model_;
  AllowedFiles files_;
  std::string store_;
  std::atomic<std::uint64_t> num_calls_{0};

  std::mutex mutex_;  // of what follows
  std::condition_variable_any changed_;
  std::optional<OpenedModel> opened_;
  bool opening_ = false;           // a call is at it
  std::int64_t num_attempts_ = 0;  // that have ended
  std::exception_ptr failure_;     // of the last
};

}  // namespace memagent
