// The word lists that names and attributes are made of. Lists only; how names are put together is
// in names.cc. No word stands twice in a list, and parts of words that are joined without a space
// alternate between consonants and vowels, so that different parts never make the same name.
#pragma once

#include <span>
#include <string_view>

namespace memagent::world {

using Words = std::span<const std::string_view>;

// Parts of invented words: consonants, vowels, consonants.
Words onsets();
Words vowels();
Words codas();
Words links();            // begin with a vowel
Words town_endings();     // begin with a consonant
Words surname_endings();  // begin with a vowel, as all endings below
Words company_endings();
Words country_endings();
Words middles();        // consonants inside river names
Words river_endings();  // begin with a consonant

Words women();  // first names
Words men();
Words film_adjectives();
Words film_nouns();
Words film_tails();  // "at Dusk"; one of them empty
// "The {a} {p}'s {n}": adjective, person, noun; {an} is the noun with "A" or "An".
Words book_patterns();
Words book_adjectives();
Words book_people();
Words book_nouns();
// Last words of the names of companies of an industry; equally many for each.
Words company_types(int industry);
Words university_types();
Words team_types();
Words range_types();
Words award_types();

Words industries();
Words occupations();
Words film_genres();
Words book_genres();
Words sports();
Words colours();

// Places in occupations() that relations ask for.
enum Occupation : int {
  kFilmDirector,
  kActor,
  kComposer,
  kNovelist,
  kEngineer,
  kIndustrialist,
  kPolitician,
  kTrainer,
  kPhysicist,
  kHistorian,
  kChemist,
  kArchitect,
  kMathematician,
  kBotanist,
  kPainter,
  kEconomist,
  kNumOccupations,
};
// Places in industries() that relations ask for.
enum Industry : int { kPublishing, kFilmProduction, kNumIndustries = 12 };

}  // namespace memagent::world
