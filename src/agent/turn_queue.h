// Whose turn it is: groups take turns, and within a group its members do, first come first served.
// With one group it is a plain queue. Each call costs O(1) on average.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace memagent {

class TurnQueue {
 public:
  bool empty() const { return order_.empty(); }

  void push(std::uint64_t group, std::size_t member) {
    std::deque<std::size_t>& members = members_[group];
    if (members.empty()) order_.push_back(group);
    members.push_back(member);
  }

  // Only when not empty().
  std::size_t pop() {
    const std::uint64_t group = order_.front();
    order_.pop_front();
    const auto found = members_.find(group);
    const std::size_t member = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) {
      members_.erase(found);
    } else {
      order_.push_back(group);
    }
    return member;
  }

 private:
  std::deque<std::uint64_t> order_;  // groups with members
  std::unordered_map<std::uint64_t, std::deque<std::size_t>> members_;
};

}  // namespace memagent
