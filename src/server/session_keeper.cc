#include "server/session_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "server/api_error.h"
#include "server/hidden_source.h"
#include "session/fingerprint.h"

namespace memagent {
namespace {

using nlohmann::json;

// Files that were made for a session, not uploaded.
constexpr const char* kPurpose = "session";

// Of one that came in a request.
std::string document_name(const std::string& session) { return "session " + session; }

json sources_of(const SessionInfo& info) { return json::parse(info.spec.sources_json); }

std::string owner_of(const SessionInfo& info) { return sources_of(info).value("owner", ""); }

// How it stands in a session's sources.
std::string owner_member(const std::string& owner) {
  const std::string object = json{{"owner", owner}}.dump();
  return object.substr(1, object.size() - 2);
}

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

SessionKeeper::Part SessionKeeper::list(const std::string& owner, const std::string& after,
                                        std::int64_t most) const {
  const std::unique_ptr<SessionStore> store = existing();
  if (!after.empty()) find(after, owner);
  Part part;
  if (store == nullptr) return part;
  SessionQuery query;
  query.begun_before = after;
  query.most = most + 1;
  if (!owner.empty()) query.sources_contain = owner_member(owner);
  // Once, but for those of the command line on a server without keys, where others' may be between.
  while (!part.has_more) {
    std::vector<SessionInfo> found = store->list(query);
    const bool all = static_cast<std::int64_t>(found.size()) < query.most;
    if (!found.empty()) query.begun_before = found.back().name;
    for (SessionInfo& info : found) {
      if (owner_of(info) != owner) continue;
      part.has_more = static_cast<std::int64_t>(part.sessions.size()) == most;
      if (part.has_more) break;
      part.sessions.push_back(std::move(info));
    }
    if (all) break;
  }
  return part;
}

SessionInfo SessionKeeper::find(const std::string& name, const std::string& owner) const {
  const std::unique_ptr<SessionStore> store = existing();
  if (store == nullptr) fail_unknown(name);
  std::optional<SessionInfo> info = store->find(name);
  if (!info || owner_of(*info) != owner) fail_unknown(name);
  return std::move(*info);
}

std::string SessionKeeper::trace(const std::string& name, const std::string& owner) const {
  find(name, owner);
  std::string lines;
  existing()->visit_conversations(name, [&](std::size_t, std::string_view line) {
    lines += line;
    lines += '\n';
  });
  return lines;
}

std::optional<StoredFile> SessionKeeper::file_of(const SessionInfo& info) const {
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

std::optional<SessionKeeper::Document> SessionKeeper::document_of(const SessionInfo& info) const {
  if (const std::optional<StoredFile> file = file_of(info))
    return Document{file->id, file->filename};
  if (!info.has_document) return std::nullopt;
  const json sources = sources_of(info);
  std::string name = sources.value("filename", "");  // of another server's upload
  if (name.empty()) name = info.spec.document.name;
  // Where it lay on another machine says nothing here.
  if (sources.value("files", std::vector<std::string>()).size() == 1) {
    name = std::filesystem::path(name).filename().string();
  }
  return Document{"", name};
}

std::unique_ptr<DocumentSource> SessionKeeper::open_document(const SessionInfo& info) const {
  if (const std::optional<StoredFile> file = file_of(info)) {
    return files_.open(file->id, owner_of(info));
  }
  return info.has_document ? existing()->open_document(info.name) : nullptr;
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
    return hold(name, spec, std::move(document));
  }
  if (store != nullptr && store->shared()) {  // which keeps the document itself
    std::vector<std::string> files;
    std::string filename = document_name(name);
    if (!file_id.empty()) {
      const StoredFile file = files_.find(file_id, owner);
      files.push_back(files_.path(file));
      filename = file.filename;
    }
    json sources = json::parse(options_.sources(files));
    sources["owner"] = owner;
    sources["filename"] = filename;  // for servers that do not have the file
    spec.sources_json = sources.dump();
    return hold(name, spec, std::move(document));
  }
  StoredFile file;
  if (file_id.empty()) {
    FileStore::Upload copy = files_.begin();
    std::vector<char> buffer(std::size_t{1} << 16);
    for (std::size_t count; (count = document->read(buffer)) > 0;) {
      copy.write({buffer.data(), count});
    }
    file = copy.commit(document_name(name), kPurpose, owner);
    document = files_.open(file.id, owner);
  } else {
    file = files_.find(file_id, owner);
  }
  json sources = json::parse(options_.sources({files_.path(file)}));
  sources["owner"] = owner;
  if (file_id.empty()) sources["document_file"] = file.id;
  spec.sources_json = sources.dump();
  return hold(name, spec, std::move(document));
}

SessionKeeper::Opened SessionKeeper::resume(const SessionInfo& info,
                                            const std::string& settings_json) {
  if (info.running) fail_running(info.name);
  SessionSpec spec = info.spec;
  spec.settings_json = settings_json;
  if (std::unique_ptr<DocumentSource> kept = existing()->open_document(info.name);
      kept != nullptr) {
    return hold(info.name, spec, std::move(kept));
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
  // Where the command line read it is nobody's business but the server's.
  std::unique_ptr<DocumentSource> document = hidden_file_source(
      files, fmt::format("the document of session '{}'", info.name), document_name(info.name));
  spec.document = fingerprint(*document);
  return hold(info.name, spec, std::move(document));
}

SessionKeeper::Opened SessionKeeper::hold(const std::string& name, const SessionSpec& spec,
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
