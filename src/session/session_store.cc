// The stores as others see them: which kind a location means, and calls handed on to it.
#include "memagent/session_store.h"

#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "session/session_check.h"
#include "session/store_backend.h"

namespace memagent {

const char* to_string(SessionStatus status) {
  switch (status) {
    case SessionStatus::kReading:
      return "reading";
    case SessionStatus::kFinished:
      return "finished";
  }
  return "unknown";
}

Session::Session(std::unique_ptr<SessionBackend> backend) : backend_(std::move(backend)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const SessionInfo& Session::info() const { return backend_->info; }

bool Session::continued() const { return backend_->continued; }

void Session::commit(std::size_t question, std::string_view state_json,
                     std::string_view conversation) {
  const std::size_t questions = info().spec.questions.size();
  MEMAGENT_CHECK(question < questions, "question {} of {}", question, questions);
  backend_->commit(question, state_json, conversation);
}

void Session::finish() { backend_->finish(); }

SessionStore::SessionStore(const std::string& path, Mode mode)
    : backend_(open_sqlite_store(path, mode)) {}

SessionStore::~SessionStore() = default;

std::vector<SessionInfo> SessionStore::list() const { return backend_->list(); }

std::optional<SessionInfo> SessionStore::find(const std::string& name) const {
  return backend_->find(name);
}

void SessionStore::visit_conversations(
    const std::string& name,
    const std::function<void(std::size_t, std::string_view)>& visit) const {
  backend_->visit_conversations(name, visit);
}

Session SessionStore::open(const std::string& name, const SessionSpec& spec) {
  check_name(name);
  MEMAGENT_CHECK(!spec.questions.empty(), "a session without questions: {}", name);
  return Session(backend_->open(name, spec));
}

bool SessionStore::remove(const std::string& name) { return backend_->remove(name); }

std::string default_store_path() {
  const auto set = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string store = set("MEMAGENT_STORE"); !store.empty()) return store;
  if (const std::string state = set("XDG_STATE_HOME"); !state.empty()) {
    return state + "/memagent/sessions.sqlite";
  }
  if (const std::string home = set("HOME"); !home.empty()) {
    return home + "/.local/state/memagent/sessions.sqlite";
  }
  return "memagent-sessions.sqlite";
}

}  // namespace memagent
