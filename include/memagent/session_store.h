// Where the progress of a reading is kept, so that it outlives the process.
//
// A store is one SQLite file, or a PostgreSQL database (postgres://...) that machines share. A
// session is one reading: its settings, questions and document, the state of each question's
// Episode, and the conversations accepted so far. Every accepted step is one transaction, on disk
// before commit() returns; a process killed at any instant leaves the steps before it intact.
// States and conversations are JSON texts here: the store does not look into them.
//
// A session that is being run belongs to its Session object. In a file the kernel locks it for as
// long as the process lives: a killed one leaves no lock behind. In a database it is a lease that
// is renewed while the Session lives and runs out if its process does not come back; from then on
// commit() fails for the old holder, whatever it believes.
//
// A shared store keeps documents, too, and sessions may wait in it for workers on other machines.
//
// Throws Error(kStorage) naming the store for a disk that is full or read-only, a file that is no
// store, is corrupted or was written by a newer version, and for a session that another process
// holds; Error(kUnreachable) for a database that does not answer. A SessionStore and its Sessions
// are used by one thread at a time; any number of processes may use one store.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/document.h"
#include "memagent/error.h"

namespace memagent {

// Tells whether a document is the same one, without keeping it.
struct DocumentFingerprint {
  std::string name;        // for messages only: a moved file is the same document
  std::int64_t bytes = 0;  // of the raw source
  std::uint64_t hash = 0;  // 64-bit FNV-1a of the raw source
};

// What a session is about; must be the same to continue it.
struct SessionSpec {
  // One flat JSON object: every setting that the outcome depends on. Keys present in both old and
  // new must have equal values; `settings_json` may leave out keys that it does not want compared.
  std::string settings_json = "{}";
  // One JSON object: where document and model were found. Kept as they were when the session
  // started, never compared: files move.
  std::string sources_json = "{}";
  std::vector<std::string> questions;
  DocumentFingerprint document;
};

enum class SessionStatus { kReading, kFinished };
const char* to_string(SessionStatus status);  // "reading", "finished"

struct SessionInfo {
  std::string name;
  SessionStatus status = SessionStatus::kReading;
  bool running = false;  // some process holds it now
  std::string holder;    // of a shared store: that process, for messages
  // Of a shared store: workers may take it, now or when its holder vanishes.
  bool queued = false;
  bool has_document = false;  // the store keeps it: see SessionStore::open_document
  std::string error;  // why its last run ended before the end; empty: it did not, or is not known
  SessionSpec spec;
  std::chrono::system_clock::time_point created;
  std::chrono::system_clock::time_point updated;
  std::int64_t conversations = 0;        // accepted so far, over all questions
  std::vector<std::string> states_json;  // one per question; empty: nothing accepted yet
};

// "finished", "running", "queued", "failed" (a worker gave it up) or "stopped".
const char* state_of(const SessionInfo& info);

class SessionBackend;
class StoreBackend;

// A session held by this process. Move-only; releases the session when destroyed.
class Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const SessionInfo& info() const;  // as it was when opened
  // True if the session existed before.
  bool continued() const;
  // One transaction: the new state of one question's Episode, and the conversation that led to it.
  void commit(std::size_t question, std::string_view state_json, std::string_view conversation);
  // The last commit: every question is answered.
  void finish();
  // In a shared store only: from when this Session is gone, workers that are `reader` may go on
  // with it (see SessionStore::take).
  void queue(std::string_view reader);
  // This run ends before the end. Workers leave a session alone that cannot be read (kUsage,
  // kBadInput), and wait a while before they try any other again. Kept by shared stores only.
  void failed(const Error& error);

 private:
  friend class SessionStore;
  explicit Session(std::unique_ptr<SessionBackend> backend);
  std::unique_ptr<SessionBackend> backend_;
};

// Which sessions of a store.
struct SessionQuery {
  std::string begun_before = {};     // only those begun before the session of this name; "": all
  std::int64_t most = INT64_MAX;     // so many of them at most
  std::string sources_contain = {};  // only those whose sources_json has these bytes in it
};

// Which conversations of a session, by their number in order of acceptance.
struct ConversationRange {
  std::int64_t from = 0;
  std::int64_t most = INT64_MAX;
};

struct SessionStoreOptions {
  // How long a session of a shared store stays its holder's without a sign of life.
  std::chrono::milliseconds lease{30'000};
};

class SessionStore {
 public:
  enum class Mode { kCreate, kExisting };
  // kCreate makes the file (readable by its owner only) and its folder where missing; kExisting
  // throws Error(kStorage) where missing. The tables of a database are made where missing.
  // Throws Error(kUsage) for a location that cannot be one.
  explicit SessionStore(const std::string& location, Mode mode = Mode::kCreate,
                        const SessionStoreOptions& options = {});
  ~SessionStore();
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // False if there is no such file; true for every database, without asking it.
  static bool exists(const std::string& location);
  // The same store for another thread. Of a database they share connections.
  std::unique_ptr<SessionStore> for_another_thread() const;
  // Machines share it: it keeps documents, and workers take sessions from it.
  bool shared() const;

  // All sessions, oldest change last.
  std::vector<SessionInfo> list() const;
  // Those that are asked for, the last begun first: an order in which sessions that are being read
  // keep their places, so that who asks for one part after another meets each session once. Takes
  // as long as the part is, however many there are.
  std::vector<SessionInfo> list(const SessionQuery& query) const;
  std::optional<SessionInfo> find(const std::string& name) const;
  // Calls `visit(question, conversation)` for accepted conversations in order of acceptance. Does
  // not read those outside the range.
  void visit_conversations(const std::string& name,
                           const std::function<void(std::size_t, std::string_view)>& visit,
                           const ConversationRange& range = {}) const;
  // The last conversation of a question before the one with this number, if there is any.
  std::optional<std::string> conversation_before(const std::string& name, std::size_t question,
                                                 std::int64_t number) const;

  // Starts a session, or continues the one of that name. Throws Error(kUsage) naming what differs
  // in questions or settings, Error(kBadInput) for another document, Error(kStorage) if another
  // process runs it. A shared store keeps the `document` of a session that starts, if there is one,
  // and rewinds it. The Session must not outlive the store.
  Session open(const std::string& name, const SessionSpec& spec,
               DocumentSource* document = nullptr);
  // False if there is none. Throws Error(kStorage) if a process runs it.
  bool remove(const std::string& name);

  // Of shared stores. The document that is kept with the session; null if none is.
  std::unique_ptr<DocumentSource> open_document(const std::string& name) const;
  // The session that has waited longest for this kind of reader and that nobody holds, whether it
  // was queued, failed a while ago, or its holder vanished. `reader` is any text; it stands for
  // everything a worker must have to read it, such as the model.
  std::optional<Session> take(std::string_view reader);
  // Sessions that wait for this kind of reader or are being read, finished ones not counted.
  std::int64_t count_queued(std::string_view reader) const;
  // Takes it from the queue and from whoever holds it. False if there is no such session. Of a
  // file: Error(kUsage).
  bool withdraw(const std::string& name);

 private:
  explicit SessionStore(std::unique_ptr<StoreBackend> backend);
  std::unique_ptr<StoreBackend> backend_;
};

// True for postgres:// and postgresql:// addresses.
bool is_shared_store(const std::string& location);
// For messages: an address without its password, a path as it is.
std::string shown_store(const std::string& location);
// $XDG_STATE_HOME/memagent/sessions.sqlite, else under ~/.local/state.
std::string default_store_file();
// $MEMAGENT_STORE, else that file.
std::string default_store_path();

}  // namespace memagent
