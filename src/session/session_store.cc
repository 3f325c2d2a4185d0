// The stores as others see them: which kind a location means, and calls handed on to it.
#include "memagent/session_store.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
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

const char* state_of(const SessionInfo& info) {
  if (info.status == SessionStatus::kFinished) return "finished";
  if (info.running) return "running";
  if (info.queued) return "queued";
  return info.error.empty() ? "stopped" : "failed";
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

void Session::queue(std::string_view reader) { backend_->queue(reader); }

void Session::failed(const Error& error) { backend_->failed(error); }

SessionStore::SessionStore(const std::string& location, Mode mode,
                           const SessionStoreOptions& options)
    : backend_(is_shared_store(location) ? open_postgres_store(location, options)
                                         : open_sqlite_store(location, mode)) {}

SessionStore::SessionStore(std::unique_ptr<StoreBackend> backend) : backend_(std::move(backend)) {}

SessionStore::~SessionStore() = default;

bool SessionStore::exists(const std::string& location) {
  std::error_code error;
  return is_shared_store(location) || std::filesystem::exists(location, error);
}

std::unique_ptr<SessionStore> SessionStore::for_another_thread() const {
  return std::unique_ptr<SessionStore>(new SessionStore(backend_->for_another_thread()));
}

bool SessionStore::shared() const { return backend_->shared(); }

std::vector<SessionInfo> SessionStore::list() const { return backend_->list(); }

std::vector<SessionInfo> SessionStore::list(const SessionQuery& query) const {
  return backend_->list(query);
}

std::optional<SessionInfo> SessionStore::find(const std::string& name) const {
  return backend_->find(name);
}

void SessionStore::visit_conversations(
    const std::string& name, const std::function<void(std::size_t, std::string_view)>& visit,
    const ConversationRange& range) const {
  backend_->visit_conversations(name, visit, range);
}

std::optional<std::string> SessionStore::conversation_before(const std::string& name,
                                                             std::size_t question,
                                                             std::int64_t number) const {
  return backend_->conversation_before(name, question, number);
}

Session SessionStore::open(const std::string& name, const SessionSpec& spec,
                           DocumentSource* document) {
  check_name(name);
  MEMAGENT_CHECK(!spec.questions.empty(), "a session without questions: {}", name);
  return Session(backend_->open(name, spec, document));
}

bool SessionStore::remove(const std::string& name) { return backend_->remove(name); }

std::unique_ptr<DocumentSource> SessionStore::open_document(const std::string& name) const {
  return shared() ? backend_->open_document(name) : nullptr;
}

std::optional<Session> SessionStore::take(std::string_view reader) {
  std::unique_ptr<SessionBackend> taken = backend_->take(reader);
  if (taken == nullptr) return std::nullopt;
  return Session(std::move(taken));
}

std::int64_t SessionStore::count_queued(std::string_view reader) const {
  return backend_->count_queued(reader);
}

bool SessionStore::withdraw(const std::string& name) { return backend_->withdraw(name); }

bool is_shared_store(const std::string& location) {
  return location.starts_with("postgres://") || location.starts_with("postgresql://");
}

namespace {

// Where an address's parameters begin. Passwords may have a '?' that was not escaped; libpq finds
// them by their '@'.
std::size_t end_of_name(const std::string& location, std::size_t begin) {
  const std::size_t query = location.find('?', begin);
  const std::size_t at = location.find('@', begin);
  const std::size_t colon = location.find(':', begin);
  if (at == std::string::npos || query > at || colon > query || location[begin] == '[') {
    return query;
  }
  const std::size_t slash = location.find('/', begin);
  const std::size_t other = location.find_first_not_of("0123456789", colon + 1);
  const bool is_port = std::string_view("/,?").find(location[other]) != std::string_view::npos;
  return is_port && slash < at ? query : location.find('?', at);
}

}  // namespace

std::string shown_store(const std::string& location) {
  if (!is_shared_store(location)) return location;
  // scheme://user:password@host/name?parameters, of which parameters may hold a password, too.
  const std::size_t begin = location.find("://") + 3;
  std::string shown = location.substr(0, end_of_name(location, begin));
  const std::size_t at = shown.rfind('@');
  if (at != std::string::npos && at > begin) {
    const std::size_t colon = shown.find(':', begin);
    if (colon < at) shown.erase(colon, at - colon);
  }
  return shown;
}

namespace {

std::string set(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string default_store_path() {
  const std::string store = set("MEMAGENT_STORE");
  return store.empty() ? default_store_file() : store;
}

std::string default_store_file() {
  if (const std::string state = set("XDG_STATE_HOME"); !state.empty()) {
    return state + "/memagent/sessions.sqlite";
  }
  if (const std::string home = set("HOME"); !home.empty()) {
    return home + "/.local/state/memagent/sessions.sqlite";
  }
  return "memagent-sessions.sqlite";
}

}  // namespace memagent
