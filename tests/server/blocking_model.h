// A LanguageModel for tests with threads: it answers by a script, at once or when the test lets it,
// and its wait() sleeps as real ones do. Tokens are bytes.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "memagent/language_model.h"
#include "support/byte_tokenizer.h"

namespace memagent::test {

class BlockingModel : public LanguageModel {
 public:
  // From the prompt's text to the response; "!" fails.
  using Script = std::function<std::string(const std::string& prompt)>;
  explicit BlockingModel(Script script, std::int32_t context_tokens = 0)
      : script_(std::move(script)) {
    capabilities_.tokens = true;
    capabilities_.context_tokens = context_tokens;
    capabilities_.parallel = 4;
    capabilities_.name = "blocking";
  }

  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  const std::string& chat_template() const override { return chat_template_; }

  RequestId submit(GenerationRequest request) override {
    const std::lock_guard lock(mutex_);
    running_.emplace(++last_id_, std::move(request));
    changed_.notify_all();
    return last_id_;
  }
  void cancel(RequestId id) override {
    const std::lock_guard lock(mutex_);
    if (running_.contains(id)) cancelled_.insert(id);
    num_cancelled_ += running_.contains(id) ? 1 : 0;
    changed_.notify_all();
  }
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [this] {
      return woken_ || !cancelled_.empty() || ((!held_ || num_let_ > 0) && !running_.empty());
    });
    woken_ = false;
    std::vector<std::pair<RequestId, GenerationRequest>> due;
    std::set<RequestId> cancelled;
    cancelled.swap(cancelled_);
    for (auto it = running_.begin(); it != running_.end();) {
      if (held_ && !cancelled.contains(it->first)) {
        if (num_let_ == 0) {
          ++it;
          continue;
        }
        --num_let_;
      }
      due.emplace_back(it->first, std::move(it->second));
      it = running_.erase(it);
    }
    lock.unlock();  // a script may wait for the test
    for (const auto& [id, request] : due) {
      results.push_back(answer(id, request, cancelled.contains(id)));
    }
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // Called after each byte of a response that is watched, with how many there are.
  std::function<void(std::size_t)> after_text;

  // Of any thread: answers nothing until released.
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  // While held: answers one request, the oldest.
  void release_one() {
    const std::lock_guard lock(mutex_);
    ++num_let_;
    changed_.notify_all();
  }
  // Blocks until so many requests wait for an answer. One that was cancelled does not, even before
  // its result has been taken.
  void wait_for_running(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return running_.size() - cancelled_.size() >= count; });
  }
  // Blocks until so many requests have come, whatever became of them.
  void wait_for_submitted(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return last_id_ >= count; });
  }
  void wait_for_cancelled(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return num_cancelled_ >= count; });
  }

 private:
  GenerationResult answer(RequestId id, const GenerationRequest& request, bool cancelled) {
    GenerationResult result;
    result.id = id;
    result.prompt_tokens = static_cast<std::int64_t>(request.prompt.tokens.size());
    if (cancelled) {
      result.stop = StopReason::kCancelled;
      return result;
    }
    std::string text = script_(tokenizer_->decode_all(request.prompt.tokens));
    if (text == "!") {
      result.stop = StopReason::kFailed;
      result.error = "told to fail";
      return result;
    }
    const auto most = static_cast<std::size_t>(request.max_tokens);
    result.stop = text.size() < most ? StopReason::kEnd : StopReason::kLength;
    text.resize(std::min(text.size(), most));
    for (std::size_t i = 1; request.on_text && i <= text.size(); ++i) {
      request.on_text(std::string_view(text).substr(0, i));
      if (after_text) after_text(i);
    }
    result.tokens = tokenizer_->encode(text);
    result.text = std::move(text);
    result.generated_tokens =
        static_cast<std::int64_t>(result.tokens.size()) + (result.stop == StopReason::kEnd ? 1 : 0);
    return result;
  }

  Script script_;
  Capabilities capabilities_;
  std::shared_ptr<const ByteTokenizer> tokenizer_ = byte_tokenizer();
  std::string chat_template_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<RequestId, GenerationRequest> running_;
  std::set<RequestId> cancelled_;
  std::size_t num_cancelled_ = 0;
  RequestId last_id_ = 0;
  bool held_ = false;
  std::size_t num_let_ = 0;  // of those that are held
  bool woken_ = false;
};

}  // namespace memagent::test
