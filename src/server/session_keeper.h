// The server's sessions: readings that outlive their clients and the server, in the store that
// `memagent ask --session` uses, each with its document as a file.
//
// A session belongs to the key that began it, as files do; those of the command line belong to "",
// which is who everybody is where no keys are asked for. Any thread may call: every call has the
// store to itself, as another process would.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "memagent/session_store.h"
#include "server/file_store.h"

namespace memagent {

struct SessionKeeperOptions {
  std::string store;  // a file or a postgres:// address
  // SessionSpec::sources_json for a document in these files.
  std::function<std::string(const std::vector<std::string>& files)> sources;
  // In a shared store: what a worker must be to go on with a session when this server is gone.
  std::string reader = {};
};

// A session that is held by this server. May be handed from thread to thread.
struct HeldSession {
  std::string name;
  std::unique_ptr<SessionStore> store;
  std::optional<Session> session;  // goes before its store
  ~HeldSession() { session.reset(); }
};

class SessionKeeper {
 public:
  // Borrows the files.
  SessionKeeper(SessionKeeperOptions options, FileStore& files)
      : options_(std::move(options)), files_(files) {}

  // The store as it is now; null where there is none yet.
  std::unique_ptr<SessionStore> existing() const;

  // Of `owner` alone, the last begun first: `most` of them that were begun before the session
  // `after` ("": all). Throws ApiError(404) if the owner has no such session.
  struct Part {
    std::vector<SessionInfo> sessions = {};
    bool has_more = false;
  };
  Part list(const std::string& owner, const std::string& after, std::int64_t most) const;
  // The rest throw ApiError: 404 for a session that the owner does not have, 409 for one that is
  // running.
  SessionInfo find(const std::string& name, const std::string& owner) const;
  // Every conversation so far, a JSON line each.
  std::string trace(const std::string& name, const std::string& owner) const;

  // Its document, as far as it can be told and opened here: a file of the server's (`file_id`), or
  // what a shared store keeps. nullopt and null where it lies elsewhere, as the command line's do.
  struct Document {
    std::string file_id = {};
    std::string filename = {};
  };
  std::optional<Document> document_of(const SessionInfo& info) const;
  std::unique_ptr<DocumentSource> open_document(const SessionInfo& info) const;
  void remove(const std::string& name, const std::string& owner);
  // Of a shared store: nobody goes on with it, nor waits to. Of a file: nothing.
  void withdraw(const std::string& name, const std::string& owner);

  // The store is a database, which may have sessions of others, too.
  bool shared() const { return is_shared_store(options_.store); }
  // For another thread. Throws Error(kUnreachable).
  std::unique_ptr<SessionStore> any_store() const { return store(SessionStore::Mode::kCreate); }

  // Begins a session or goes on with it, over a document that is kept as a file of the store's if
  // it is not one already (`file_id`). Throws Error(kUsage) for other questions or settings,
  // Error(kBadInput) for another document.
  struct Opened {
    std::unique_ptr<HeldSession> held;
    std::unique_ptr<DocumentSource> document;
  };
  Opened open(const std::string& name, const std::string& owner, const std::string& settings_json,
              const std::vector<std::string>& questions, std::unique_ptr<DocumentSource> document,
              const std::string& file_id);
  // Goes on with one as it was begun. Throws Error(kUsage) where the server cannot: other settings,
  // lists of documents.
  Opened resume(const SessionInfo& info, const std::string& settings_json);

 private:
  std::optional<StoredFile> file_of(const SessionInfo& info) const;
  std::unique_ptr<SessionStore> store(SessionStore::Mode mode) const;
  Opened hold(const std::string& name, const SessionSpec& spec,
              std::unique_ptr<DocumentSource> document);

  SessionKeeperOptions options_;
  FileStore& files_;
  mutable std::mutex mutex_;                      // of what follows
  mutable std::unique_ptr<SessionStore> shared_;  // has the connections to a database
};

}  // namespace memagent
