#include "agent/section_share.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

[[noreturn]] void fail_changed(const SectionReader& reader, std::int64_t section) {
  fail(ErrorKind::kUsage,
       "{}: is not the document whose first {} sections were read before, or is cut into sections "
       "differently: go on with the same document and settings, or start anew",
       reader.source().name(), section);
}

}  // namespace

SectionShare::Members::iterator SectionShare::join(std::size_t episode, std::int64_t section,
                                                   std::optional<std::uint64_t> resume_hash) {
  const auto joined = members_.emplace(episode, Member{}).first;
  Member& member = joined->second;
  member.next = section;
  member.counted = section <= next_;
  if (member.counted) {
    ++readers_;
  } else {
    ++joining_[section];
  }
  for (std::int64_t i = std::max(section, first_held()); i < next_; ++i) {
    ++held_[static_cast<std::size_t>(i - first_held())].to_give;
  }
  if (!resume_hash || section == 0) return joined;
  if (section > next_) {
    member.resume_hash = resume_hash;
  } else {
    const std::uint64_t hash =
        section == next_
            ? last_hash_
            : held_[static_cast<std::size_t>(section - 1 - first_held())].section->prefix_hash;
    member.differs = hash != *resume_hash;
  }
  return joined;
}

SectionShare::Answer SectionShare::ask(std::size_t episode, std::int64_t section,
                                       std::optional<std::uint64_t> resume_hash,
                                       std::shared_ptr<const Section>& out) {
  auto found = members_.find(episode);
  if (found != members_.end() && found->second.next != section) {
    leave(episode);
    found = members_.end();
  }
  if (found == members_.end()) {
    // Where there is a hash to compare, the section before is needed, too.
    const std::int64_t first_needed = resume_hash && section > 0 ? section - 1 : section;
    if (section != next_ && first_needed < first_held()) {
      next_sweep_.insert(episode);
      return Answer::kWait;
    }
    found = join(episode, section, resume_hash);
  }
  Member& member = found->second;
  if (member.differs || (section > next_ && at_end_)) fail_changed(reader_, section);
  if (section < next_) {
    Held& held = held_[static_cast<std::size_t>(section - first_held())];
    out = held.section;
    --held.to_give;
    ++member.next;
    drop_taken();
    return Answer::kSection;
  }
  if (section == next_ && at_end_) {
    leave(episode);
    return Answer::kEnd;
  }
  if (!member.waiting) {
    member.waiting = true;
    ++num_waiting_;
    waiting_[section].push_back(episode);
  }
  return Answer::kWait;
}

void SectionShare::leave(std::size_t episode) {
  next_sweep_.erase(episode);
  const auto found = members_.find(episode);
  if (found == members_.end()) return;
  const Member member = found->second;
  members_.erase(found);
  if (member.waiting) --num_waiting_;
  if (member.counted) {
    --readers_;
  } else if (--joining_[member.next] == 0) {
    joining_.erase(member.next);
  }
  for (std::int64_t i = std::max(member.next, first_held()); i < next_; ++i) {
    --held_[static_cast<std::size_t>(i - first_held())].to_give;
  }
  drop_taken();
}

void SectionShare::drop_taken() {
  while (!held_.empty() && held_.front().to_give == 0) held_.pop_front();
}

bool SectionShare::has_work() const {
  if (members_.empty()) return !next_sweep_.empty();
  return num_waiting_ > 0 && !at_end_ && held_.size() < window_;
}

void SectionShare::work() {
  MEMAGENT_CHECK(has_work(), "nobody waits");
  if (members_.empty()) {
    if (next_ > 0 || at_end_) reader_.rewind();
    next_ = 0;
    at_end_ = false;
    last_hash_ = 0;
    woken_.insert(woken_.end(), next_sweep_.begin(), next_sweep_.end());
    next_sweep_.clear();
    return;
  }
  auto section = std::make_shared<Section>();
  if (!reader_.next(*section)) {
    at_end_ = true;
  } else {
    MEMAGENT_CHECK(section->index == next_, "section {} read, {} expected", section->index, next_);
    last_hash_ = section->prefix_hash;
    if (readers_ > 0) held_.push_back({std::move(section), readers_});
    ++next_;
    // Those who begin at the section to be read next.
    if (const auto joining = joining_.find(next_); joining != joining_.end()) {
      readers_ += joining->second;
      joining_.erase(joining);
    }
  }
  // Who waits for the section just read, who begins with the one after and has yet to compare
  // hashes, and at the end everyone: all ask again.
  while (!waiting_.empty() && (at_end_ || waiting_.begin()->first <= next_)) {
    for (const std::size_t episode : waiting_.begin()->second) {
      const auto member = members_.find(episode);
      if (member == members_.end() || !member->second.waiting) continue;
      Member& m = member->second;
      m.waiting = false;
      --num_waiting_;
      if (!m.counted && m.next == next_ && !at_end_) {
        m.counted = true;
        m.differs = m.resume_hash && *m.resume_hash != last_hash_;
      }
      woken_.push_back(episode);
    }
    waiting_.erase(waiting_.begin());
  }
}

std::vector<std::size_t> SectionShare::take_woken() { return std::exchange(woken_, {}); }

std::vector<std::size_t> SectionShare::episodes() const {
  std::vector<std::size_t> all(next_sweep_.begin(), next_sweep_.end());
  for (const auto& [episode, member] : members_) all.push_back(episode);
  return all;
}

}  // namespace memagent
