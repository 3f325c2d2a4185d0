// What a run writes after a step: a checkpoint every so many minutes and at its end, and between
// checkpoints the page, which somebody may be watching.
#pragma once

#include <chrono>
#include <cstdint>

namespace memagent {

enum class ToWrite { kNothing, kPage, kCheckpoint };  // a checkpoint comes with the page

class AfterStep {
 public:
  explicit AfterStep(std::int64_t checkpoint_minutes) : checkpoints_(checkpoint_minutes) {}

  ToWrite operator()(bool ends) {
    constexpr std::chrono::seconds kPages{60};  // the page reloads itself as often
    const auto now = std::chrono::steady_clock::now();
    const bool checkpoint = ends || now - saved_ > checkpoints_;
    if (!checkpoint && now - shown_ <= kPages) return ToWrite::kNothing;
    shown_ = now;
    if (!checkpoint) return ToWrite::kPage;
    saved_ = now;
    return ToWrite::kCheckpoint;
  }

 private:
  std::chrono::minutes checkpoints_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = saved_;
};

}  // namespace memagent
