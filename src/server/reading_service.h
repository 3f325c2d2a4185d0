// All readings of a server over its one model: a thread that owns the model runs them together,
// other threads hand them in and are told of them through event queues.
//
// Clients take turns with the model, whatever number of readings each has under way; a client's
// readings take turns among themselves. A reading whose handle is gone is cancelled, unless it is a
// session.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "memagent/runner.h"
#include "server/event_queue.h"
#include "server/key_limits.h"
#include "server/session_keeper.h"

namespace memagent {

struct ReadingServiceOptions {
  std::size_t max_concurrent = 256;  // readings and chats together; more are refused
  std::int32_t max_in_flight = 0;    // requests to the model; 0: what suits it
};

// What comes with one reading or generation.
struct AnswerTerms {
  // Told of the tokens, and held until the answer has come; null: nobody asks.
  std::shared_ptr<KeyUse> use = nullptr;
  // Once one of these is in an answer, nothing more of it is generated. The text has it yet. A
  // session, which keeps its answer, is not ended.
  std::vector<std::string> stop = {};
};

// Sums since the start, for metrics. Tokens and sections are in it as soon as they are spent.
struct ReadingTotals {
  std::size_t active = 0;  // now
  std::int64_t finished = 0;
  std::int64_t failed = 0;
  std::int64_t cancelled = 0;
  std::int64_t sections = 0;
  std::int64_t document_tokens = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
};

class ReadingService : private RunObserver {
 private:
  struct Job;

 public:
  // The client's side of one reading. Cancels it when destroyed. Must not outlive the service.
  class Handle {
   public:
    Handle(Handle&&) noexcept = default;
    Handle& operator=(Handle&&) = delete;
    ~Handle();
    EventQueue& events() const;
    // Ends the reading, a session's too, which can then be resumed. Its outcome comes as an event.
    void cancel() const;

   private:
    friend class ReadingService;
    Handle(ReadingService& service, std::shared_ptr<Job> job)
        : service_(&service), job_(std::move(job)) {}
    ReadingService* service_;
    std::shared_ptr<Job> job_;  // null if moved from
  };

  // Borrows the model, which nobody else may use until the service is gone. The renderer is that of
  // all Episodes.
  ReadingService(LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
                 ReadingServiceOptions options);
  ~ReadingService() override;

  // Questions over one document, which share its reading; at least one, in a session's order.
  // `client` tells whose turn it uses. Every step of a session is kept before what depends on it is
  // asked for, and its reading goes on when its handle is gone. Fails as a whole.
  // Throws ApiError: 429 if too many are under way, 503 if the service is being stopped.
  Handle read(const std::string& client, std::vector<Episode> episodes, SectionReader document,
              std::unique_ptr<HeldSession> session = nullptr, AnswerTerms terms = {});
  // One generation.
  Handle generate(const std::string& client, GenerationRequest request, AnswerTerms terms = {});

  // Ends a session's reading, which can be resumed, and waits until nobody holds it.
  void cancel_session(const std::string& name);

  // No new ones; sessions without a client are ended at once, to be resumed later; waits until
  // those under way have ended, for `grace` at most, then ends them.
  void stop(std::chrono::milliseconds grace);

  ReadingTotals totals() const;

 private:
  Handle submit(std::shared_ptr<Job> job);
  void release(const std::shared_ptr<Job>& job);
  void cancel(const std::shared_ptr<Job>& job);
  void count(Job& job, const ReadingTotals& so_far);
  void keep_step(Job& job, std::size_t question, const Conversation& conversation);
  void work();
  void take_submissions();
  void start(const std::shared_ptr<Job>& job);
  void let_go(Job& job);
  void drop(Job& job, std::size_t number);
  void end_stopped();
  void free_ended();
  void end(const std::shared_ptr<Job>& job, ReadingOutcome outcome);
  static void note_failure(Job& job, const Error& error);
  void fail_all(const Error& error);
  ReadingOutcome outcome_of(const Job& job) const;

  void on_conversation(std::size_t number, const Episode& state,
                       const Conversation& conversation) override;
  void on_finished(std::size_t number, const Episode& state) override;
  void on_text(std::size_t number, const Episode* episode, std::string_view so_far) override;
  void on_result(std::size_t number, GenerationResult result) override;
  AfterFailure on_failed(std::size_t number, const Episode& state, const Error& error) override;
  void on_tick() override;

  LanguageModel& model_;
  std::shared_ptr<const PromptRenderer> renderer_;
  ReadingServiceOptions options_;
  std::atomic<bool> stop_now_{false};

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Job>> submitted_;
  std::vector<std::shared_ptr<Job>> cancelled_;
  std::map<std::string, std::shared_ptr<Job>> sessions_;  // that are running, by name
  bool stopping_ = false;
  ReadingTotals totals_;

  // Of the model's thread alone.
  std::unique_ptr<Runner> runner_;
  struct Running {
    std::shared_ptr<Job> job;
    std::size_t question;  // which of its Episodes
  };
  std::map<std::size_t, Running> running_;  // by the Runner's number
  // Answers that one of their stops is in, by the Runner's number.
  std::vector<std::pair<std::size_t, std::shared_ptr<Job>>> stopped_;
  std::vector<std::shared_ptr<Job>> ended_;  // with a document to be freed

  std::thread thread_;
};

}  // namespace memagent
