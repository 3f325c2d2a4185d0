// Takes queued sessions from a store that machines share and has them read: what `memagent worker`
// does all day, and a server beside its requests.
//
// A thread of its own asks the store, some sessions at a time go to the ReadingService, and each is
// committed there step by step. A store that does not answer is asked again, less and less often;
// readings that could not commit are dropped and taken up again at their last step.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "memagent/session_store.h"
#include "server/completions.h"
#include "server/reading_service.h"

namespace memagent {

// How long to wait between tries to reach a store that does not answer: 0.5, 1, 2 ... 30 seconds.
class StoreWaits {
 public:
  std::chrono::milliseconds next();
  void reset() { next_ = kFirst; }

 private:
  static constexpr std::chrono::milliseconds kFirst{500};
  std::chrono::milliseconds next_ = kFirst;
};
// What is said of one such try.
std::string trying_again(const Error& error, std::chrono::milliseconds wait);
// And of the first that succeeds.
inline constexpr const char* kStoreAnswersAgain = "the session store answers again";

// What has become of a session that was taken, or of the store.
struct TakerNews {
  // One of begun, taken_up, finished, given_back, failed, unreachable, reachable.
  std::string_view what;
  std::string_view error = "";  // a word, of failed and unreachable
  std::int64_t sections = 0;    // of finished
  // The same in a line with the session's name and what a failure says: for whoever operates the
  // taker, not for logs that others see.
  std::string line;
};

struct SessionTakerOptions {
  // What its sessions need of a reader, and it has: see SessionStore::take.
  std::string reader;
  // What follows from a session's settings. Throws Error(kUsage) if they cannot be carried out.
  std::function<ReadingPlan(const std::string& settings_json)> plan;
  std::size_t at_once = 8;               // most sessions under way
  bool until_empty = false;              // end when none is queued, here or with others
  std::chrono::milliseconds poll{1000};  // how often the store is asked when it has nothing
  // From the taker's thread.
  std::function<void(const TakerNews& news)> say;
};

class SessionTaker {
 public:
  // A store for one session; throws Error(kUnreachable) while it does not answer.
  using OpenStore = std::function<std::unique_ptr<SessionStore>()>;

  // Borrows the model for its tokenizer, and the service. `done` is
  // called once, from the taker's thread, if it ends by itself (until_empty).
  SessionTaker(const LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
               ReadingService& service, OpenStore open_store, SessionTakerOptions options,
               std::function<void()> done = {});
  // Takes no more; those under way are the service's to end.
  ~SessionTaker();
  SessionTaker(const SessionTaker&) = delete;
  SessionTaker& operator=(const SessionTaker&) = delete;

  void stop();

 private:
  struct Taken {
    std::string name;
    ReadingService::Handle handle;
  };

  void work();
  // What to do next: at once, after a pause, or nothing any more.
  enum class Next { kAgain, kPause, kEnd };
  Next take_one();
  void read(std::unique_ptr<HeldSession> held);
  void note_ended();
  void pause(std::chrono::milliseconds time);
  void say(const TakerNews& news) const;
  void say_failed(const std::string& name, const Error& error) const;

  const LanguageModel& model_;
  std::shared_ptr<const PromptRenderer> renderer_;
  ReadingService& service_;
  OpenStore open_store_;
  SessionTakerOptions options_;
  std::function<void()> done_;
  std::list<Taken> taken_;  // of the taker's thread alone

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace memagent
