#include "task/world/wordings.h"

#include <array>

#include "base/check.h"

namespace memagent::world {
namespace {

// As written down: alternatives between bars.
struct FactRow {
  Fact fact;
  std::string_view questions;
  std::string_view descriptions = "";
  std::string_view reverse = "";
  std::string_view year_questions = "";
};

constexpr FactRow kFactRows[] = {
    {Fact::kBorn,
     "When was {x} born?|On what date was {x} born?|What is the date of birth of {x}?|"
     "What is the birth date of {x}?|On which day was {x} born?",
     "", "",
     "In which year was {x} born?|What is the year of birth of {x}?|What year was {x} born in?"},
    {Fact::kDied,
     "When did {x} die?|On what date did {x} die?|What is the date of death of {x}?|"
     "On which day did {x} die?",
     "", "",
     "In which year did {x} die?|What was the year of death of {x}?|What year did {x} die in?"},
    {Fact::kBirthplace,
     "Where was {x} born?|In which town was {x} born?|What is the birthplace of {x}?|"
     "Which town is the birthplace of {x}?|Name the town where {x} was born.",
     "the town where {x} was born|the birthplace of {x}|the birth town of {x}"},
    {Fact::kOccupation,
     "What is the profession of {x}?|What was {x} by profession?|"
     "What did {x} do for a living?|Which profession did {x} have?"},
    {Fact::kEducation,
     "Where did {x} study?|Which university did {x} attend?|From which university did {x} "
     "graduate?|At which institution was {x} educated?|What is the alma mater of {x}?",
     "the university attended by {x}|the alma mater of {x}|the university where {x} studied"},
    {Fact::kSpouse,
     "To whom was {x} married?|Who was the spouse of {x}?|Whom did {x} marry?|"
     "What is the name of the spouse of {x}?",
     "the spouse of {x}|the person married to {x}|the person to whom {x} was married",
     "the person who was married to {x}|the spouse of {x}"},
    {Fact::kTeacher,
     "Who was the mentor of {x}?|Who taught {x}?|Who was the teacher of {x}?|"
     "By whom was {x} taught?",
     "the mentor of {x}|the teacher of {x}|the person who taught {x}",
     "the person taught by {x}|the pupil of {x}"},
    {Fact::kEmployer,
     "Which company did {x} work for?|For which company did {x} work?|Who was the employer of "
     "{x}?|By which company was {x} employed?",
     "the employer of {x}|the company that employed {x}|the company for which {x} worked"},
    {Fact::kPersonAward,
     "Which award did {x} receive?|What award was given to {x}?|Which honour did {x} receive?|"
     "What award did {x} win?"},
    {Fact::kDirector,
     "Who directed {x}?|Who was the director of {x}?|By whom was {x} directed?|"
     "What is the name of the director of {x}?|Which director made {x}?",
     "the director of {x}|the person who directed {x}|the film director who made {x}",
     "the film directed by {x}|the film that {x} directed"},
    {Fact::kStar,
     "Who plays the lead in {x}?|Who stars in {x}?|Who has the leading role in {x}?|"
     "Which actor plays the main part in {x}?",
     "the lead actor of {x}|the actor who plays the lead in {x}|the star of {x}",
     "the film starring {x}|the film in which {x} plays the lead"},
    {Fact::kComposer,
     "Who composed the music for {x}?|Who wrote the score of {x}?|Who was the composer for "
     "{x}?|Whose music is heard in {x}?",
     "the composer of the score of {x}|the person who composed the music for {x}|"
     "the composer who worked on {x}",
     "the film scored by {x}|the film whose music was composed by {x}"},
    {Fact::kStudio,
     "Which company produced {x}?|By which company was {x} produced?|"
     "What was the production company of {x}?|Which studio was behind {x}?",
     "the company that produced {x}|the production company of {x}|the studio behind {x}",
     "the film produced by {x}|the film that {x} produced"},
    {Fact::kBasis,
     "On which novel is {x} based?|Which novel was adapted as {x}?|"
     "What novel is the source of {x}?|From which novel was {x} adapted?",
     "the novel on which {x} is based|the novel adapted as {x}|the source novel of {x}",
     "the film based on {x}|the film adaptation of {x}"},
    {Fact::kReleased,
     "In which year was {x} released?|When was {x} released?|When did {x} reach cinemas?|"
     "What is the release year of {x}?|What year did {x} come out?"},
    {Fact::kRuntime,
     "How long is {x} in minutes?|What is the running time of {x}?|How many minutes does {x} "
     "last?|How many minutes long is {x}?"},
    {Fact::kFilmGenre,
     "What is the genre of {x}?|To which genre does {x} belong?|What kind of film is {x}?|"
     "Which genre is {x}?"},
    {Fact::kFilmSetting,
     "Where is {x} set?|In which town is {x} set?|In which town does the story of {x} take "
     "place?|Which town is the setting of {x}?",
     "the town where {x} is set|the setting of {x}|the town that is the setting of {x}|"
     "the town in which the story of {x} takes place",
     "the film set in {x}|the film whose story takes place in {x}"},
    {Fact::kAuthor,
     "Who wrote {x}?|Who is the author of {x}?|By whom was {x} written?|"
     "What is the name of the author of {x}?|Which novelist wrote {x}?",
     "the author of {x}|the person who wrote {x}|the writer of {x}",
     "the novel by {x}|the novel written by {x}"},
    {Fact::kPublisher,
     "Who published {x}?|Which company published {x}?|By which publisher was {x} brought out?|"
     "What is the name of the publisher of {x}?",
     "the publisher of {x}|the company that published {x}|the publishing house behind {x}",
     "the novel published by {x}|the novel brought out by {x}"},
    {Fact::kPublished,
     "In which year was {x} published?|When was {x} published?|When did {x} appear?|"
     "What is the year of publication of {x}?|What year did {x} come out?"},
    {Fact::kPages,
     "How many pages does the first edition of {x} have?|How many pages long is the first "
     "edition of {x}?|How many pages are there in the first edition of {x}?|"
     "What is the number of pages in the first edition of {x}?"},
    {Fact::kBookGenre,
     "What is the genre of {x}?|What kind of novel is {x}?|To which genre does {x} belong?|"
     "Which genre is {x}?"},
    {Fact::kBookSetting,
     "Where is {x} set?|In which town is {x} set?|In which town does the plot of {x} unfold?|"
     "Which town is the setting of {x}?",
     "the town where {x} is set|the setting of {x}|the town that is the setting of {x}|"
     "the town in which {x} takes place",
     "the novel set in {x}|the novel whose plot unfolds in {x}"},
    {Fact::kFounder,
     "Who founded {x}?|Who was the founder of {x}?|By whom was {x} founded?|"
     "What is the name of the founder of {x}?",
     "the founder of {x}|the person who founded {x}|the person by whom {x} was founded",
     "the company founded by {x}|the company that {x} founded"},
    {Fact::kHeadquarters,
     "Where is {x} based?|In which town is {x} headquartered?|Where are the headquarters of "
     "{x}?|Which town is home to the head office of {x}?",
     "the town where {x} is based|the home town of {x}|the town that houses the head office of "
     "{x}",
     "the company based in {x}|the company with headquarters in {x}"},
    {Fact::kCompanyFounded,
     "In which year was {x} founded?|When was {x} founded?|What is the founding year of {x}?|"
     "When was {x} established?"},
    {Fact::kEmployees,
     "How many employees does {x} have?|How many people work for {x}?|How large is the "
     "workforce of {x}?|How many people does {x} employ?"},
    {Fact::kIndustry, ""},
    {Fact::kCampus,
     "Where is {x} located?|In which town is {x} located?|Which town is the seat of {x}?|"
     "In which town is the campus of {x}?",
     "the town where {x} is located|the seat of {x}|the town that is home to {x}",
     "the university located in {x}|the university in {x}"},
    {Fact::kRector,
     "Who is the rector of {x}?|Who leads {x} as rector?|What is the name of the rector of "
     "{x}?|Who holds the office of rector at {x}?",
     "the rector of {x}|the current rector of {x}|the person who leads {x} as rector",
     "the university led by {x}|the university whose rector is {x}"},
    {Fact::kUniversityFounded,
     "In which year was {x} founded?|When was {x} founded?|What is the founding year of {x}?|"
     "When was {x} established?"},
    {Fact::kStudents,
     "How many students does {x} have?|How many students are enrolled at {x}?|"
     "What is the number of students at {x}?|How large is the student body of {x}?"},
    {Fact::kLength,
     "How long is {x}?|What is the length of {x}?|How many kilometres long is {x}?|"
     "What is the total length of {x} in kilometres?"},
    {Fact::kMouth,
     "Into which river does {x} flow?|Which river does {x} join?|Which river is joined by {x}?|"
     "Which river receives the waters of {x}?|Of which river is {x} a "
     "tributary?|What river does {x} flow into?",
     "the river into which {x} flows|the river that {x} joins|the river joined by {x}|"
     "the river that receives the waters of {x}|the river of which {x} is a tributary",
     "the tributary of {x}|the river that flows into {x}"},
    {Fact::kSource,
     "Where does {x} rise?|In which hills or mountains does {x} rise?|Where is the source of "
     "{x}?|In which range does {x} have its source?"},
    {Fact::kRiverTown,
     "Near which town does {x} rise?|Which town is nearest to the source of {x}?|"
     "Close to which town are the headwaters of {x}?|What town lies near the source of {x}?",
     "the town near which {x} rises|the town nearest to the source of {x}|"
     "the town close to the source of {x}",
     "the river that rises near {x}|the river whose source is near {x}"},
    {Fact::kCountry,
     "In which country is {x}?|In what country does {x} lie?|Which country does {x} belong to?|"
     "What country is {x} in?"},
    {Fact::kTownRiver,
     "On which river does {x} stand?|Which river flows through {x}?|What river is {x} on?|"
     "On the banks of which river does {x} lie?",
     "the river that flows through {x}|the river that runs through {x}|"
     "the river on which {x} stands",
     "the town on the banks of {x}|the town through which {x} flows"},
    {Fact::kMayor,
     "Who is the mayor of {x}?|Who holds the office of mayor in {x}?|"
     "What is the name of the mayor of {x}?|Who serves as mayor of {x}?",
     "the mayor of {x}|the person who serves as mayor of {x}|the current mayor of {x}",
     "the town whose mayor is {x}|the town with {x} as mayor"},
    {Fact::kPopulation,
     "What is the population of {x}?|How many inhabitants does {x} have?|"
     "How many people live in {x}?|How large is the population of {x}?"},
    {Fact::kElevation,
     "What is the elevation of {x}?|At what elevation does {x} lie?|How many metres above sea "
     "level is {x}?|How high above the sea does {x} lie?"},
    {Fact::kChartered,
     "In which year did {x} receive its town charter?|When was the charter of {x} granted?|"
     "When did {x} receive its charter?|What is the year of the town charter of {x}?"},
    {Fact::kHome,
     "Where is {x} based?|In which town is {x} based?|Which town does {x} represent?|"
     "In which town does {x} play its home games?",
     "the home town of {x}|the town where {x} is based|the town in which {x} plays its home "
     "games",
     "the club based in {x}|the club from {x}"},
    {Fact::kCoach,
     "Who coaches {x}?|Who is the head coach of {x}?|What is the name of the coach of {x}?|"
     "By whom is {x} coached?",
     "the head coach of {x}|the coach of {x}|the person who coaches {x}",
     "the club coached by {x}|the club whose head coach is {x}"},
    {Fact::kTeamFounded,
     "In which year was {x} founded?|When was {x} founded?|What is the founding year of {x}?|"
     "When was {x} established?"},
    {Fact::kCapacity,
     "How many spectators can the ground of {x} hold?|What is the capacity of the ground of "
     "{x}?|How many spectators fit into the home ground of {x}?|"
     "For how many spectators does the home ground of {x} have room?"},
    {Fact::kSport,
     "Which sport does {x} play?|What sport is played by {x}?|In which sport does {x} compete?|"
     "What is the sport of {x}?"},
    {Fact::kColours,
     "What are the colours of {x}?|In which colours does {x} play?|Which colours does {x} "
     "wear?|What are the club colours of {x}?"},
};
static_assert(std::size(kFactRows) == kNumFacts);

struct ComparisonRow {
  Fact fact;
  std::string_view least;
  std::string_view greatest;
  std::string_view ordered;
  std::string_view same;
};

constexpr ComparisonRow kComparisonRows[] = {
    {Fact::kBorn,
     "Who was born first, {a} or {b}?|Who was born earlier, {a} or {b}?|"
     "Who is older by date of birth, {a} or {b}?|Whose date of birth is earlier, that of {a} or "
     "that of {b}?",
     "Who was born later, {a} or {b}?|Who is younger by date of birth, {a} or {b}?|"
     "Whose date of birth is later, that of {a} or that of {b}?",
     "Was {a} born before {b}?|Is the birth date of {a} earlier than that of {b}?", ""},
    {Fact::kOccupation, "", "", "",
     "Did {a} and {b} have the same profession?|Do {a} and {b} share a profession?|"
     "Is the profession of {a} the same as that of {b}?"},
    {Fact::kReleased,
     "Which was released first, {a} or {b}?|Which came out earlier, {a} or {b}?|"
     "Which is the older one, {a} or {b}?",
     "Which was released later, {a} or {b}?|Which came out more recently, {a} or {b}?|"
     "Which is the newer one, {a} or {b}?",
     "Was {a} released before {b}?|Did {a} come out earlier than {b}?",
     "Were {a} and {b} released in the same year?|Did {a} and {b} come out in the same year?"},
    {Fact::kRuntime,
     "Which is shorter in running time, {a} or {b}?|Which lasts fewer minutes, {a} or {b}?",
     "Which is longer in running time, {a} or {b}?|Which has the longer running time, {a} or "
     "{b}?",
     "Is {a} shorter than {b} in running time?|Does {a} last fewer minutes than {b}?", ""},
    {Fact::kFilmGenre, "", "", "",
     "Are {a} and {b} of the same genre?|Do {a} and {b} belong to the same genre?"},
    {Fact::kPublished,
     "Which was published first, {a} or {b}?|Which appeared earlier, {a} or {b}?|"
     "Which is the older one, {a} or {b}?",
     "Which was published later, {a} or {b}?|Which appeared more recently, {a} or {b}?",
     "Was {a} published before {b}?|Did {a} appear earlier than {b}?",
     "Were {a} and {b} published in the same year?|Did {a} and {b} appear in the same year?"},
    {Fact::kPages,
     "Which has fewer pages in its first edition, {a} or {b}?|Which first edition is shorter, "
     "that of {a} or that of {b}?",
     "Which has more pages in its first edition, {a} or {b}?|Which first edition is longer, "
     "that of {a} or that of {b}?",
     "Does the first edition of {a} have fewer pages than that of {b}?|Is the first edition of "
     "{a} shorter than that of {b}?",
     ""},
    {Fact::kBookGenre, "", "", "",
     "Are {a} and {b} of the same genre?|Do {a} and {b} belong to the same genre?"},
    {Fact::kCompanyFounded,
     "Which was founded first, {a} or {b}?|Which is the older one, {a} or {b}?|"
     "Which was established earlier, {a} or {b}?",
     "Which was founded later, {a} or {b}?|Which is the younger one, {a} or {b}?|"
     "Which was established more recently, {a} or {b}?",
     "Was {a} founded before {b}?|Is {a} older than {b}?",
     "Were {a} and {b} founded in the same year?|Is the founding year of {a} the same as that "
     "of {b}?"},
    {Fact::kEmployees,
     "Which has fewer employees, {a} or {b}?|Which employs fewer people, {a} or {b}?",
     "Which has more employees, {a} or {b}?|Which employs more people, {a} or {b}?",
     "Does {a} have fewer employees than {b}?|Is the workforce of {a} smaller than that of {b}?",
     ""},
    {Fact::kUniversityFounded,
     "Which was founded first, {a} or {b}?|Which is the older one, {a} or {b}?|"
     "Which was established earlier, {a} or {b}?",
     "Which was founded later, {a} or {b}?|Which is the younger one, {a} or {b}?",
     "Was {a} founded before {b}?|Is {a} older than {b}?", ""},
    {Fact::kStudents,
     "Which has fewer students, {a} or {b}?|Which has the smaller student body, {a} or {b}?",
     "Which has more students, {a} or {b}?|Which has the larger student body, {a} or {b}?",
     "Does {a} have fewer students than {b}?|Is the student body of {a} smaller than that of "
     "{b}?",
     ""},
    {Fact::kLength, "Which is shorter, {a} or {b}?|Which river has the smaller length, {a} or {b}?",
     "Which is longer, {a} or {b}?|Which river has the greater length, {a} or {b}?",
     "Is {a} shorter than {b}?|Is the length of {a} less than that of {b}?", ""},
    {Fact::kCountry, "", "", "",
     "Are {a} and {b} in the same country?|Do {a} and {b} lie in the same country?|"
     "Do {a} and {b} belong to the same country?"},
    {Fact::kPopulation,
     "Which has fewer inhabitants, {a} or {b}?|Which is smaller in population, {a} or {b}?",
     "Which has more inhabitants, {a} or {b}?|Which is larger in population, {a} or {b}?",
     "Does {a} have fewer inhabitants than {b}?|Is the population of {a} smaller than that of "
     "{b}?",
     ""},
    {Fact::kElevation,
     "Which lies lower above the sea, {a} or {b}?|Which has the lower elevation, {a} or {b}?",
     "Which lies higher above the sea, {a} or {b}?|Which has the higher elevation, {a} or {b}?",
     "Does {a} lie lower than {b}?|Is the elevation of {a} lower than that of {b}?", ""},
    {Fact::kChartered,
     "Which received its town charter first, {a} or {b}?|Which was granted a charter earlier, "
     "{a} or {b}?",
     "Which received its town charter later, {a} or {b}?|Which was granted a charter more "
     "recently, {a} or {b}?",
     "Did {a} receive its town charter before {b}?|Is the charter of {a} older than that of "
     "{b}?",
     ""},
    {Fact::kTeamFounded,
     "Which was founded first, {a} or {b}?|Which is the older one, {a} or {b}?|"
     "Which was established earlier, {a} or {b}?",
     "Which was founded later, {a} or {b}?|Which is the younger one, {a} or {b}?",
     "Was {a} founded before {b}?|Is {a} older than {b}?",
     "Were {a} and {b} founded in the same year?|Is the founding year of {a} the same as that "
     "of {b}?"},
    {Fact::kCapacity,
     "Whose ground holds fewer spectators, that of {a} or that of {b}?|Which has the smaller "
     "ground, {a} or {b}?",
     "Whose ground holds more spectators, that of {a} or that of {b}?|Which has the larger "
     "ground, {a} or {b}?",
     "Does the ground of {a} hold fewer spectators than that of {b}?|Is the ground of {a} "
     "smaller than that of {b}?",
     ""},
    {Fact::kSport, "", "", "",
     "Do {a} and {b} play the same sport?|Do {a} and {b} compete in the same sport?"},
};

Wordings split(std::string_view alternatives) {
  Wordings texts;
  while (!alternatives.empty()) {
    const std::size_t bar = alternatives.find('|');
    texts.push_back(alternatives.substr(0, bar));
    alternatives = bar == std::string_view::npos ? "" : alternatives.substr(bar + 1);
  }
  return texts;
}

}  // namespace

const FactWordings& wordings_of(Fact fact) {
  static const std::vector<FactWordings> all = [] {
    std::vector<FactWordings> rows;
    for (const FactRow& row : kFactRows) {
      MEMAGENT_CHECK(static_cast<std::size_t>(row.fact) == rows.size(), "wordings of fact {}",
                     rows.size());
      rows.push_back({row.fact, split(row.questions), split(row.year_questions),
                      split(row.descriptions), split(row.reverse)});
    }
    return rows;
  }();
  return all[static_cast<std::size_t>(fact)];
}

std::vector<const ComparisonWordings*> comparisons_of(Kind kind) {
  static const std::vector<ComparisonWordings> all = [] {
    std::vector<ComparisonWordings> rows;
    for (const ComparisonRow& row : kComparisonRows) {
      rows.push_back(
          {row.fact, split(row.least), split(row.greatest), split(row.ordered), split(row.same)});
    }
    return rows;
  }();
  std::vector<const ComparisonWordings*> found;
  for (const ComparisonWordings& row : all) {
    if (info(row.fact).kind == kind) found.push_back(&row);
  }
  return found;
}

const Wordings& mentions_of(Kind kind) {
  static const std::array<Wordings, kNumKinds> mentions = {
      split("{x}"),                  // person
      split("the film {x}|{x}"),     // film
      split("the novel {x}|{x}"),    // book
      split("the company {x}|{x}"),  // company
      split("{x}"),                  // university
      split("the River {x}|the {x}|the river {x}"),
      split("the town of {x}|{x}"),
      split("{x}|the club {x}"),
      split("{x}"),
      split("the {x}"),
      split("the {x}"),
  };
  return mentions[static_cast<std::size_t>(kind)];
}

const Wordings& may_be_unanswerable() {
  static const Wordings texts = split(
      "If the text does not say, answer \"not stated\".|"
      "Answer \"not stated\" if this cannot be told from the text.|"
      "Should the text leave this open, reply \"not stated\".|"
      "If there is no answer in the text, say \"not stated\".");
  return texts;
}

}  // namespace memagent::world
