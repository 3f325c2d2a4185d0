#include "server/session_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "server/api_error.h"
#include "session/fingerprint.h"

namespace memagent {
namespace {

using nlohmann::json;

// Files that were made for a session, not uploaded.
constexpr const char* kPurpose = "session";

json sources_of(const SessionInfo& info) { return json::parse(info.spec.sources_json); }

std::string owner_of(const SessionInfo& info) { return sources_of(info).value("owner", ""); }

[[noreturn]] void fail_unknown(const std::string& name) {
  throw ApiError(404, fmt::format("there is no session '{}'", name), "session",
                 "session_not_found");
}

[[noreturn]] void fail_running(const std::string& name) {
  throw ApiError(409, fmt::format("session '{}' is running: cancel it or wait for it", name),
                 "session", "session_running");
}

}  // namespace

std::unique_ptr<SessionStore> SessionKeeper::existing() const {
  if (!SessionStore::exists(options_.store)) return nullptr;
  return store(SessionStore::Mode::kExisting);
}

std::unique_ptr<SessionStore> SessionKeeper::store(SessionStore::Mode mode) const {
  if (!is_shared_store(options_.store)) return std::make_unique<SessionStore>(options_.store, mode);
  const std::lock_guard lock(mutex_);
  if (shared_ == nullptr) shared_ = std::make_unique<SessionStore>(options_.store, mode);
  return shared_->for_another_thread();
}

std::vector<SessionInfo> SessionKeeper::list(const std::string& owner) const {
  const std::unique_ptr<SessionStore> store = existing();
  if (store == nullptr) return {};
  std::vector<SessionInfo> sessions = store->list();
  std::erase_if(sessions, [&](const SessionInfo& info) { return owner_of(info) != owner; });
  std::stable_sort(sessions.begin(), sessions.end(),
                   [](const auto& a, const auto& b) { return a.updated > b.updated; });
  return sessions;
}

SessionInfo SessionKeeper::find(const std::string& name, const std::string& owner) const {
  const std::unique_ptr<SessionStore> store = existing();
  if (store == nullptr) fail_unknown(name);
  std::optional<SessionInfo> info = store->find(name);
  if (!info || owner_of(*info) != owner) fail_unknown(name);
  return std::move(*info);
}

void SessionKeeper::visit(const std::string& name, const std::string& owner,
                          const std::function<void(std::size_t, std::string_view)>& visit) const {
  find(name, owner);
  existing()->visit_conversations(name, visit);
}

std::string SessionKeeper::trace(const std::string& name, const std::string& owner) const {
  std::string lines;
  visit(name, owner, [&](std::size_t, std::string_view line) {
    lines += line;
    lines += '\n';
  });
  return lines;
}

std::optional<StoredFile> SessionKeeper::document_of(const SessionInfo& info) const {
  const std::vector<std::string> files =
      sources_of(info).value("files", std::vector<std::string>());
  if (files.size() != 1) return std::nullopt;
  try {
    StoredFile file =
        files_.find(std::filesystem::path(files[0]).filename().string(), owner_of(info));
    if (files_.path(file) == files[0]) return file;
  } catch (const ApiError&) {  // it is none of ours, or was deleted
  }
  return std::nullopt;
}

void SessionKeeper::remove(const std::string& name, const std::string& owner) {
  const SessionInfo info = find(name, owner);
  if (info.running) fail_running(name);
  existing()->remove(name);
  if (const std::string id = sources_of(info).value("document_file", ""); !id.empty()) {
    try {
      files_.remove(id, owner);
    } catch (const ApiError&) {  // it is gone already
    }
  }
}

void SessionKeeper::withdraw(const std::string& name, const std::string& owner) {
  if (!is_shared_store(options_.store)) return;
  find(name, owner);
  existing()->withdraw(name);
}

SessionKeeper::Opened SessionKeeper::open(const std::string& name, const std::string& owner,
                                          const std::string& settings_json,
                                          const std::vector<std::string>& questions,
                                          std::unique_ptr<DocumentSource> document,
                                          const std::string& file_id) {
  const std::unique_ptr<SessionStore> store = existing();
  const std::optional<SessionInfo> stored = store ? store->find(name) : std::nullopt;
  if (stored && owner_of(*stored) != owner) {
    throw ApiError(409, fmt::format("session '{}': the name is taken: choose another", name),
                   "memagent.session", "session_exists");
  }
  if (stored && stored->running) fail_running(name);

  SessionSpec spec;
  spec.settings_json = settings_json;
  spec.questions = questions;
  spec.document = fingerprint(*document);
  if (stored) {
    // The document that was kept goes on; what was sent is only compared with it.
    spec.sources_json = stored->spec.sources_json;
    return hold(name, std::move(spec), std::move(document));
  }
  if (store != nullptr && store->shared()) {  // which keeps the document itself
    std::vector<std::string> files;
    if (!file_id.empty()) files.push_back(files_.path(files_.find(file_id, owner)));
    json sources = json::parse(options_.sources(files));
    sources["owner"] = owner;
    spec.sources_json = sources.dump();
    return hold(name, std::move(spec), std::move(document));
  }
  StoredFile file;
  if (file_id.empty()) {
    FileStore::Upload copy = files_.begin();
    std::vector<char> buffer(std::size_t{1} << 16);
    for (std::size_t count; (count = document->read(buffer)) > 0;) {
      copy.write({buffer.data(), count});
    }
    file = copy.commit("session " + name, kPurpose, owner);
    document = files_.open(file.id, owner);
  } else {
    file = files_.find(file_id, owner);
  }
  json sources = json::parse(options_.sources({files_.path(file)}));
  sources["owner"] = owner;
  if (file_id.empty()) sources["document_file"] = file.id;
  spec.sources_json = sources.dump();
  return hold(name, std::move(spec), std::move(document));
}

SessionKeeper::Opened SessionKeeper::resume(const SessionInfo& info,
                                            const std::string& settings_json) {
  if (info.running) fail_running(info.name);
  SessionSpec spec = info.spec;
  spec.settings_json = settings_json;
  if (std::unique_ptr<DocumentSource> kept = existing()->open_document(info.name);
      kept != nullptr) {
    return hold(info.name, std::move(spec), std::move(kept));
  }
  const json sources = sources_of(info);
  const std::vector<std::string> files = sources.value("files", std::vector<std::string>());
  const bool readable = std::find(files.begin(), files.end(), "-") == files.end();
  if (files.empty() || !readable ||
      !sources.value("documents", std::vector<std::string>()).empty()) {
    fail(ErrorKind::kUsage,
         "session '{}': has a document that is no file: continue it with memagent ask --session",
         info.name);
  }
  std::unique_ptr<DocumentSource> document = file_source(files);
  spec.document = fingerprint(*document);
  return hold(info.name, std::move(spec), std::move(document));
}

SessionKeeper::Opened SessionKeeper::hold(const std::string& name, SessionSpec spec,
                                          std::unique_ptr<DocumentSource> document) {
  auto held = std::make_unique<HeldSession>();
  held->name = name;
  held->store = store(SessionStore::Mode::kCreate);
  held->session.emplace(held->store->open(name, spec, document.get()));
  if (held->store->shared()) {
    const Session& session = *held->session;
    if (session.info().status != SessionStatus::kFinished) held->session->queue(options_.reader);
    if (auto kept = held->store->open_document(name)) document = std::move(kept);
  }
  return {std::move(held), std::move(document)};
}

}  // namespace memagent
