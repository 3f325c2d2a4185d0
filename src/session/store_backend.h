// What a kind of store is to SessionStore and Session, which are all that others see of it: the
// same calls, with the same meaning (memagent/session_store.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/session_store.h"

namespace memagent {

// A held session. Lets go of it when destroyed.
class SessionBackend {
 public:
  virtual ~SessionBackend() = default;
  virtual void commit(std::size_t question, std::string_view state_json,
                      std::string_view conversation) = 0;
  virtual void finish() = 0;
  virtual void queue(std::string_view reader) = 0;
  virtual void failed(const Error& error) = 0;

  SessionInfo info;  // as it was when opened
  bool continued = false;
};

class StoreBackend {
 public:
  virtual ~StoreBackend() = default;
  virtual std::vector<SessionInfo> list() = 0;
  virtual std::vector<SessionInfo> list(const SessionQuery& query) = 0;
  virtual std::optional<SessionInfo> find(const std::string& name) = 0;
  virtual void visit_conversations(const std::string& name,
                                   const std::function<void(std::size_t, std::string_view)>& visit,
                                   const ConversationRange& range) = 0;
  virtual std::optional<std::string> conversation_before(const std::string& name,
                                                         std::size_t question,
                                                         std::int64_t number) = 0;
  virtual std::unique_ptr<SessionBackend> open(const std::string& name, const SessionSpec& spec,
                                               DocumentSource* document) = 0;
  virtual bool remove(const std::string& name) = 0;

  virtual std::unique_ptr<StoreBackend> for_another_thread() const = 0;
  virtual bool shared() const = 0;
  // The rest is asked of shared stores only.
  virtual std::unique_ptr<DocumentSource> open_document(const std::string& name) = 0;
  virtual std::unique_ptr<SessionBackend> take(std::string_view reader) = 0;  // null: none
  virtual std::int64_t count_queued(std::string_view reader) = 0;
  virtual bool withdraw(const std::string& name) = 0;
};

std::unique_ptr<StoreBackend> open_sqlite_store(const std::string& path, SessionStore::Mode mode);
// Throws Error(kUsage) where memagent was built without libpq.
std::unique_ptr<StoreBackend> open_postgres_store(const std::string& address,
                                                  const SessionStoreOptions& options);

}  // namespace memagent
