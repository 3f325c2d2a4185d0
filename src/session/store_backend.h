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

  SessionInfo info;  // as it was when opened
  bool continued = false;
};

class StoreBackend {
 public:
  virtual ~StoreBackend() = default;
  virtual std::vector<SessionInfo> list() = 0;
  virtual std::optional<SessionInfo> find(const std::string& name) = 0;
  virtual void visit_conversations(
      const std::string& name, const std::function<void(std::size_t, std::string_view)>& visit) = 0;
  virtual std::unique_ptr<SessionBackend> open(const std::string& name,
                                               const SessionSpec& spec) = 0;
  virtual bool remove(const std::string& name) = 0;
};

std::unique_ptr<StoreBackend> open_sqlite_store(const std::string& path, SessionStore::Mode mode);

}  // namespace memagent
