// One document read for many Episodes at once.
//
// The document is swept from front to back. An Episode joins the sweep at the section it wants and
// takes one section after another; a section is held until every Episode of the sweep that needs it
// has taken it, and no section is read before somebody waits for it. An Episode that wants what has
// already gone (a second pass, a late-comer) waits for the next sweep, which begins when nobody is
// left in this one. Which pass an Episode counts does not matter here.
//
// Knows Episodes by number only; knows nothing of models or memories. Each call costs O(1), joining
// and leaving O(sections held).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "memagent/document.h"

namespace memagent {

class SectionShare {
 public:
  // Holds at most `window` sections. Borrows the reader.
  SectionShare(SectionReader& reader, std::size_t window) : reader_(reader), window_(window) {}

  enum class Answer {
    kSection,  // here it is
    kEnd,      // the document has no such section; the Episode has left the sweep
    kWait,     // the Episode's number will be in woken() when it should ask again
  };
  // `resume_hash` is Section::prefix_hash of the section before, where the Episode has read it in
  // another run and joins now: throws Error(kUsage) if this document differs.
  Answer ask(std::size_t episode, std::int64_t section, std::optional<std::uint64_t> resume_hash,
             std::shared_ptr<const Section>& out);
  // The Episode wants no more of this sweep. May be called at any time.
  void leave(std::size_t episode);

  // Whether work() can do anything now.
  bool has_work() const;
  // Reads one section, or begins the next sweep. Throws what the reader throws.
  void work();
  // Episodes that should ask again, since the last call.
  std::vector<std::size_t> take_woken();
  // Everyone who is in this sweep or waits for the next.
  std::vector<std::size_t> episodes() const;

  const SectionReader& reader() const { return reader_; }
  std::size_t held() const { return held_.size(); }

 private:
  struct Held {
    std::shared_ptr<const Section> section;
    std::size_t to_give = 0;  // members that have yet to take it
  };
  struct Member {
    std::int64_t next = 0;  // the section it takes next
    bool counted = false;   // in readers_; else in joining_ until the sweep gets there
    bool waiting = false;
    std::optional<std::uint64_t> resume_hash;  // to be compared when the sweep gets to `next`
    bool differs = false;                      // it was another
  };

  std::int64_t first_held() const { return next_ - static_cast<std::int64_t>(held_.size()); }
  using Members = std::unordered_map<std::size_t, Member>;
  Members::iterator join(std::size_t episode, std::int64_t section,
                         std::optional<std::uint64_t> resume_hash);
  void drop_taken();

  SectionReader& reader_;
  std::size_t window_;
  std::int64_t next_ = 0;        // the section to be read next
  bool at_end_ = false;          // there is no section next_
  std::uint64_t last_hash_ = 0;  // prefix_hash of section next_ - 1
  std::deque<Held> held_;        // sections first_held() .. next_ - 1
  Members members_;
  std::size_t readers_ = 0;                      // members that need section next_
  std::map<std::int64_t, std::size_t> joining_;  // members by the later section they begin at
  std::map<std::int64_t, std::vector<std::size_t>> waiting_;  // by the section they wait for
  std::size_t num_waiting_ = 0;                               // of them still members
  std::set<std::size_t> next_sweep_;
  std::vector<std::size_t> woken_;
};

}  // namespace memagent
