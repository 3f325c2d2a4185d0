// Where the progress of a reading is kept, so that it outlives the process.
//
// A store is one SQLite file. A session is one reading: its settings, questions and document, the
// state of each question's Episode, and the conversations accepted so far. Every accepted step is
// one transaction, on disk before commit() returns; a process killed at any instant leaves the
// steps before it intact. States and conversations are JSON texts here: the store does not look
// into them.
//
// A session that is being run is locked by the kernel for as long as its Session object lives, and
// no longer: a killed process leaves no lock behind.
//
// Throws Error(kStorage) naming the file for a disk that is full or read-only, a file that is no
// store, is corrupted or was written by a newer version. A SessionStore and its Sessions are used
// by one thread; any number of processes may use one store.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  SessionSpec spec;
  std::chrono::system_clock::time_point created;
  std::chrono::system_clock::time_point updated;
  std::int64_t conversations = 0;        // accepted so far, over all questions
  std::vector<std::string> states_json;  // one per question; empty: nothing accepted yet
};

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

 private:
  friend class SessionStore;
  explicit Session(std::unique_ptr<SessionBackend> backend);
  std::unique_ptr<SessionBackend> backend_;
};

class SessionStore {
 public:
  enum class Mode { kCreate, kExisting };
  // kCreate makes the file (readable by its owner only) and its folder where missing; kExisting
  // throws Error(kStorage) where missing. The path is kept for messages.
  explicit SessionStore(const std::string& path, Mode mode = Mode::kCreate);
  ~SessionStore();
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // Sessions by name, oldest change last.
  std::vector<SessionInfo> list() const;
  std::optional<SessionInfo> find(const std::string& name) const;
  // Calls `visit(question, conversation)` for every accepted conversation in order of acceptance.
  void visit_conversations(const std::string& name,
                           const std::function<void(std::size_t, std::string_view)>& visit) const;

  // Starts a session, or continues the one of that name. Throws Error(kUsage) naming what differs
  // in questions or settings, Error(kBadInput) for another document, Error(kStorage) if another
  // process runs it. The Session must not outlive the store.
  Session open(const std::string& name, const SessionSpec& spec);
  // False if there is none. Throws Error(kStorage) if a process runs it.
  bool remove(const std::string& name);

 private:
  std::unique_ptr<StoreBackend> backend_;
};

// $MEMAGENT_STORE, else $XDG_STATE_HOME/memagent/sessions.sqlite, else under ~/.local/state.
std::string default_store_path();

}  // namespace memagent
