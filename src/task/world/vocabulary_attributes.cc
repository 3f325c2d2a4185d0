#include <array>

#include "task/world/vocabulary.h"

namespace memagent::world {
namespace {

using Word = std::string_view;

constexpr auto kUniversityTypes =
    std::to_array<Word>({"University", "College", "Institute", "Academy", "School of Science",
                         "Technical University", "Polytechnic", "Conservatory"});

constexpr auto kTeamTypes = std::to_array<Word>(
    {"Rovers",   "Wanderers", "Athletic", "United", "City",    "Albion", "Rangers", "Harriers",
     "Falcons",  "Comets",    "Mariners", "Pilots", "Foxes",   "Herons", "Bears",   "Lancers",
     "Cyclones", "Tigers",    "Miners",   "Lynx",   "Ravens",  "Stags",  "Vikings", "Titans",
     "Pioneers", "Sentinels", "Thunder",  "Otters", "Badgers", "Hawks",  "Storm",   "Wolves"});

constexpr auto kRangeTypes =
    std::to_array<Word>({"Hills", "Mountains", "Highlands", "Massif", "Heights", "Uplands"});

constexpr auto kAwardTypes =
    std::to_array<Word>({"Prize", "Medal", "Award", "Fellowship", "Cup", "Order of Merit"});

constexpr auto kIndustries =
    std::to_array<Word>({"publishing", "film production", "shipbuilding", "optics", "textiles",
                         "brewing", "watchmaking", "steelmaking", "food processing", "electronics",
                         "pharmaceuticals", "machine tools"});

constexpr auto kOccupations = std::to_array<Word>(
    {"film director", "actor", "composer", "novelist", "engineer", "industrialist", "politician",
     "sports coach", "physicist", "historian", "chemist", "architect", "mathematician", "botanist",
     "painter", "economist"});

constexpr auto kFilmGenres =
    std::to_array<Word>({"drama", "comedy", "thriller", "western", "musical", "war", "mystery",
                         "horror", "adventure", "science fiction", "crime", "romance"});

constexpr auto kBookGenres = std::to_array<Word>(
    {"historical", "detective", "satirical", "gothic", "coming-of-age", "epistolary", "fantasy",
     "psychological", "picaresque", "dystopian", "adventure", "romantic"});

constexpr auto kSports = std::to_array<Word>({"football", "handball", "ice hockey", "basketball",
                                              "volleyball", "rugby", "water polo", "field hockey"});

constexpr auto kColours =
    std::to_array<Word>({"blue and white", "red and black", "green and gold", "maroon and grey",
                         "yellow and black", "purple and white", "orange and navy",
                         "white and scarlet", "sky blue and brown", "black and silver"});

constexpr std::size_t kTypesPerIndustry = 8;
constexpr auto kCompanyTypes = std::to_array<Word>(
    {"Press",       "Books",        "Publishing",    "House",        "Editions",       "Verlag",
     "Library",     "Print",        "Pictures",      "Films",        "Studios",        "Film Works",
     "Cinema",      "Screen",       "Productions",   "Features",     "Shipyards",      "Marine",
     "Dockworks",   "Shipbuilders", "Maritime",      "Yards",        "Shipping Works", "Slipways",
     "Optics",      "Lenses",       "Optical",       "Glassworks",   "Instruments",    "Vision",
     "Lens Works",  "Scopes",       "Textiles",      "Mills",        "Weavers",        "Fabrics",
     "Cloth",       "Linen",        "Woollens",      "Cottons",      "Brewery",        "Brewing",
     "Ales",        "Beers",        "Lager",         "Maltings",     "Taps",           "Brewhouse",
     "Watches",     "Clocks",       "Timepieces",    "Horology",     "Chronometers",   "Watchworks",
     "Movements",   "Escapements",  "Steel",         "Ironworks",    "Foundry",        "Metals",
     "Forge",       "Steelworks",   "Rolling Mills", "Castings",     "Foods",          "Provisions",
     "Bakeries",    "Canning",      "Dairies",       "Preserves",    "Larder",         "Grains",
     "Electronics", "Circuits",     "Radio",         "Electric",     "Semiconductors", "Devices",
     "Signals",     "Transistors",  "Pharma",        "Laboratories", "Remedies",       "Medicines",
     "Biologics",   "Therapeutics", "Serums",        "Apothecaries", "Machines",       "Tools",
     "Lathes",      "Engineering",  "Toolworks",     "Mechanics",    "Drives",         "Presses"});
static_assert(kCompanyTypes.size() == kNumIndustries * kTypesPerIndustry);
static_assert(kIndustries.size() == kNumIndustries);
static_assert(kOccupations.size() == kNumOccupations);

}  // namespace

Words university_types() { return kUniversityTypes; }
Words team_types() { return kTeamTypes; }
Words range_types() { return kRangeTypes; }
Words award_types() { return kAwardTypes; }
Words industries() { return kIndustries; }
Words occupations() { return kOccupations; }
Words film_genres() { return kFilmGenres; }
Words book_genres() { return kBookGenres; }
Words sports() { return kSports; }
Words colours() { return kColours; }
Words company_types(int industry) {
  return Words(kCompanyTypes)
      .subspan(static_cast<std::size_t>(industry) * kTypesPerIndustry, kTypesPerIndustry);
}

}  // namespace memagent::world
