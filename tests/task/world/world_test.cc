// The world agrees with itself: names are unique and of one split, lives and works follow each
// other in time, relations hold in both directions where they should. What is checked here is
// worked out from values alone, never from how they were drawn.
#include "task/world/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>

#include "task/world/vocabulary.h"

namespace memagent::world {
namespace {

constexpr std::uint64_t kMany = 6000;  // entities of a kind that a test looks at

std::vector<Entity> sample_of(const World& world, Kind kind) {
  std::vector<Entity> entities;
  const std::uint64_t step = world.count(kind) / kMany;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    const auto circle = static_cast<Circle>(is_subject(kind) ? i % kNumCircles : 2);
    entities.push_back({kind, circle, i * step});
  }
  return entities;
}

std::int64_t year_of(const Value& value) {
  return value.type == ValueType::kDate ? value.number / 10000 : value.number;
}

std::int64_t year(const World& world, const Entity& entity, Fact fact) {
  return year_of(world.value(entity, fact));
}

Entity linked(const World& world, const Entity& entity, Fact fact) {
  return world.value(entity, fact).entity;
}

std::size_t longest_common_part(const std::string& a, const std::string& b) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    while (b.find(a.substr(i, longest + 1)) != std::string::npos && i + longest < a.size()) {
      ++longest;
    }
  }
  return longest;
}

TEST(Names, AreUniqueWithinASplitAndNeverSharedBetweenSplits) {
  const World test(3, Split::kTest);
  const World train(3, Split::kTrain);
  const World train_of_other_seed(4, Split::kTrain);
  for (int k = 0; k < kNumSubjectKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    std::unordered_set<std::string> names;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      const Entity entity{kind, static_cast<Circle>(i % 3), i / 3};
      EXPECT_TRUE(names.insert(test.name(entity)).second) << test.name(entity);
    }
    for (std::uint64_t i = 0; i < 20000; ++i) {
      const Entity entity{kind, static_cast<Circle>(i % 3), i / 3};
      EXPECT_FALSE(names.contains(train.name(entity))) << train.name(entity);
      EXPECT_FALSE(names.contains(train_of_other_seed.name(entity)));
    }
  }
}

// The proof behind the sample above, on a whole space of names: of both splits together, no name
// comes twice. There are 48 * 8 * 36 * 12 countries.
TEST(Names, CoverTheirSpaceExactlyOnce) {
  std::unordered_set<std::string> names;
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const NameSpace space(NameForm::kCountry, 11, split);
    for (std::uint64_t i = 0; i < space.count(); ++i) {
      std::string name;
      space.append(i, 0, name);
      names.insert(name);
    }
  }
  EXPECT_EQ(names.size(), 48U * 8 * 36 * 12);
}

TEST(Names, OfNearDuplicatesShareAWordOrABeginning) {
  const World world(5, Split::kTest);
  for (int k = 0; k < kNumSubjectKinds; ++k) {
    for (std::uint64_t i = 0; i < 500; ++i) {
      const Entity entity{static_cast<Kind>(k), Circle::kQuestion, i * 17};
      const Entity near = world.near(entity, Circle::kNearDuplicate, i);
      EXPECT_EQ(near.kind, entity.kind);
      EXPECT_EQ(near.circle, Circle::kNearDuplicate);
      const std::string a = world.name(entity);
      const std::string b = world.name(near);
      EXPECT_NE(a, b);
      EXPECT_GE(longest_common_part(a, b), 3U) << a << " / " << b;
    }
  }
}

TEST(Vocabulary, HasNoWordTwice) {
  for (const Words words :
       {women(), men(), film_adjectives(), film_nouns(), film_tails(), book_patterns(),
        book_adjectives(), book_people(), book_nouns(), onsets(), vowels(), codas(), links(),
        town_endings(), surname_endings(), company_endings(), river_endings(), team_types()}) {
    EXPECT_EQ(std::set<std::string_view>(words.begin(), words.end()).size(), words.size());
  }
  for (const std::string_view name : women()) {
    EXPECT_EQ(std::ranges::count(men(), name), 0) << name;
  }
}

TEST(World, IsAFunctionOfSeedAndSplit) {
  const World a(9, Split::kTest);
  const World b(9, Split::kTest);
  const World c(10, Split::kTest);
  int same = 0;
  for (const Entity& film : sample_of(a, Kind::kFilm)) {
    EXPECT_EQ(a.name(film), b.name(film));
    EXPECT_EQ(a.value(film, Fact::kDirector), b.value(film, Fact::kDirector));
    same += a.name(film) == c.name(film) ? 1 : 0;
  }
  EXPECT_LT(same, 10);
}

TEST(World, RelationsStayInTheirCircle) {
  const World world(1, Split::kTest);
  for (int k = 0; k < kNumSubjectKinds; ++k) {
    for (const Entity& entity : sample_of(world, static_cast<Kind>(k))) {
      for (const FactInfo& fact : facts_of(entity.kind)) {
        if (fact.type != ValueType::kEntity || !world.has(entity, fact.fact)) continue;
        const Entity other = linked(world, entity, fact.fact);
        EXPECT_EQ(other.kind, fact.target);
        EXPECT_LT(other.index, world.count(other.kind)) << fact.key;
        if (is_subject(other.kind)) {
          EXPECT_EQ(other.circle, entity.circle);
        }
      }
    }
  }
}

TEST(People, LiveOneLife) {
  const World world(2, Split::kTest);
  int dead = 0;
  for (const Entity& person : sample_of(world, Kind::kPerson)) {
    const std::int64_t born = year(world, person, Fact::kBorn);
    EXPECT_GE(born, 1890);
    EXPECT_LE(born, 1985);
    if (world.has(person, Fact::kDied)) {
      ++dead;
      const std::int64_t died = year(world, person, Fact::kDied);
      EXPECT_GE(died - born, 62);
      EXPECT_LE(died - born, 96);
      EXPECT_LE(died, 2018);
    } else {
      EXPECT_GE(born, 2019 - 96);
    }
    if (world.has(person, Fact::kSpouse)) {
      const Entity spouse = linked(world, person, Fact::kSpouse);
      ASSERT_TRUE(world.has(spouse, Fact::kSpouse));
      EXPECT_EQ(linked(world, spouse, Fact::kSpouse), person);
      EXPECT_NE(world.is_woman(person), world.is_woman(spouse));
      EXPECT_LE(std::abs(year(world, spouse, Fact::kBorn) - born), 3);
    }
    if (world.has(person, Fact::kTeacher)) {
      const Entity teacher = linked(world, person, Fact::kTeacher);
      EXPECT_GE(born - year(world, teacher, Fact::kBorn), 20);
      EXPECT_EQ(world.value(teacher, Fact::kOccupation), world.value(person, Fact::kOccupation));
    }
    if (world.has(person, Fact::kEducation)) {
      EXPECT_LT(year(world, linked(world, person, Fact::kEducation), Fact::kUniversityFounded),
                born);
    }
    if (world.has(person, Fact::kEmployer)) {
      EXPECT_LE(year(world, linked(world, person, Fact::kEmployer), Fact::kCompanyFounded),
                born + 28);
    }
  }
  EXPECT_GT(dead, 1000);
}

// Who made a work was of the trade, grown up and alive, and what it rests on was there before it.
TEST(Works, FollowTheirMakersInTime) {
  const World world(2, Split::kTest);
  const auto check = [&](const Entity& work, Fact made_by, std::int64_t when,
                         std::string_view occupation) {
    const Entity person = linked(world, work, made_by);
    const std::int64_t age = when - year(world, person, Fact::kBorn);
    EXPECT_GE(age, 18) << info(made_by).key;
    EXPECT_LE(age, 61) << info(made_by).key;  // nobody dies before 62
    if (!occupation.empty()) {
      EXPECT_EQ(world.value(person, Fact::kOccupation).word, occupation);
    }
  };
  for (const Entity& film : sample_of(world, Kind::kFilm)) {
    const std::int64_t released = year(world, film, Fact::kReleased);
    EXPECT_LE(released, 2018);
    check(film, Fact::kDirector, released, "film director");
    check(film, Fact::kStar, released, "actor");
    check(film, Fact::kComposer, released, "composer");
    const Entity studio = linked(world, film, Fact::kStudio);
    EXPECT_LT(year(world, studio, Fact::kCompanyFounded), released);
    EXPECT_EQ(world.value(studio, Fact::kIndustry).word, "film production");
    EXPECT_LT(year(world, linked(world, film, Fact::kBasis), Fact::kPublished), released);
  }
  for (const Entity& book : sample_of(world, Kind::kBook)) {
    const std::int64_t published = year(world, book, Fact::kPublished);
    check(book, Fact::kAuthor, published, "novelist");
    const Entity publisher = linked(world, book, Fact::kPublisher);
    EXPECT_LT(year(world, publisher, Fact::kCompanyFounded), published);
    EXPECT_EQ(world.value(publisher, Fact::kIndustry).word, "publishing");
  }
  for (const Entity& company : sample_of(world, Kind::kCompany)) {
    check(company, Fact::kFounder, year(world, company, Fact::kCompanyFounded), "");
  }
}

TEST(Offices, AreHeldByTheLiving) {
  const World world(6, Split::kTrain);
  const auto check = [&](Kind kind, Fact office) {
    for (const Entity& entity : sample_of(world, kind)) {
      EXPECT_FALSE(world.has(linked(world, entity, office), Fact::kDied)) << info(office).key;
    }
  };
  check(Kind::kTown, Fact::kMayor);
  check(Kind::kUniversity, Fact::kRector);
  check(Kind::kTeam, Fact::kCoach);
}

TEST(Rivers, FlowIntoLongerOnes) {
  const World world(6, Split::kTest);
  int mouths = 0;
  for (const Entity& river : sample_of(world, Kind::kRiver)) {
    if (!world.has(river, Fact::kMouth)) continue;
    ++mouths;
    const Entity mouth = linked(world, river, Fact::kMouth);
    EXPECT_GT(world.value(mouth, Fact::kLength).number, world.value(river, Fact::kLength).number);
  }
  EXPECT_GT(mouths, 1000);
}

}  // namespace
}  // namespace memagent::world
