#include "task/world/filler.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/random.h"
#include "task/permutation.h"

namespace memagent::world {
namespace {

using enum Kind;

// Kinds of paragraphs in succession; people are most of an encyclopedia.
constexpr std::array kPattern = {kPerson, kTown, kFilm,    kBook, kTeam,       kPerson, kCompany,
                                 kPerson, kFilm, kRiver,   kBook, kPerson,     kTown,   kTeam,
                                 kPerson, kFilm, kCompany, kBook, kUniversity, kPerson};

class Encyclopedia final : public Filler {
 public:
  Encyclopedia(std::shared_ptr<const World> world, std::uint64_t key, std::vector<Kind> pattern)
      : world_(std::move(world)), key_(key), pattern_(std::move(pattern)) {
    std::uint64_t rounds = ~std::uint64_t{0};
    for (const Kind kind : pattern_) {
      auto& seen = a_round_[static_cast<std::size_t>(kind)];
      rank_.push_back(seen++);
    }
    for (int kind = 0; kind < kNumSubjectKinds; ++kind) {
      const auto k = static_cast<std::size_t>(kind);
      const std::uint64_t count = world_->count(static_cast<Kind>(kind));
      if (a_round_[k] > 0) rounds = std::min(rounds, count / a_round_[k]);
      // Neighbours by index are alike (of one profession, a year apart): scatter them.
      order_.emplace_back(count, derive(key_, k));
    }
    size_ = static_cast<std::int64_t>(rounds * pattern_.size());
  }

  std::int64_t size() const override { return size_; }

  void append(std::int64_t index, std::string& out) const override {
    append_paragraph(*world_, plan(index), out);
  }

  ParagraphPlan plan(std::int64_t index) const override {
    const std::uint64_t round = static_cast<std::uint64_t>(index) / pattern_.size();
    // Each round begins elsewhere in the pattern.
    const std::uint64_t slot =
        (static_cast<std::uint64_t>(index) + derive(key_, round) % pattern_.size()) %
        pattern_.size();
    const Kind kind = pattern_[slot];
    const auto k = static_cast<std::size_t>(kind);
    ParagraphPlan plan;
    plan.subject = {kind, Circle::kFiller, order_[k].forward(round * a_round_[k] + rank_[slot])};
    plan.key = derive(derive(key_, 0x756E6974), static_cast<std::uint64_t>(index));
    return plan;
  }

 private:
  std::shared_ptr<const World> world_;
  std::uint64_t key_;
  std::vector<Kind> pattern_;
  std::array<std::uint64_t, kNumSubjectKinds> a_round_{};  // paragraphs of a kind in the pattern
  std::vector<std::uint64_t> rank_;                        // of a slot among those of its kind
  std::vector<Permutation> order_;                         // of the entities of a kind
  std::int64_t size_ = 0;
};

}  // namespace

std::shared_ptr<const Filler> filler(std::shared_ptr<const World> world, std::uint64_t key,
                                     std::vector<Kind> kinds) {
  if (kinds.empty()) kinds.assign(kPattern.begin(), kPattern.end());
  return std::make_shared<Encyclopedia>(std::move(world), key, std::move(kinds));
}

}  // namespace memagent::world
