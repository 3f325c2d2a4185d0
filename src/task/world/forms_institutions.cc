#include <array>

#include "task/world/forms.h"

namespace memagent::world {
namespace {

using Text = std::string_view;

constexpr auto kCompanyOpenings = std::to_array<Text>({
    "{N} is a company active in {industry}.",
    "{N} is a company based in {town}.",
    "{N} is a company founded in {founded}.",
    "{N} is a company founded by {founder}.",
    "{N} is {a:industry} company based in {town}.",
    "{N} is a privately held company.",
    "Founded in {founded}, {N} is a company in the {industry} business.",
    "{N} is a company with {employees} employees.",
    "{N} is a mid-sized company with a long list of customers.",
    "{N} is a family-run company in the field of {industry}.",
});

constexpr auto kCompanySentences = std::to_array<Text>({
    "{S} was founded by {founder}.",
    "{founder} founded {o}.",
    "{founder} founded {o} with borrowed money.",
    "Its founder was {founder}.",
    "The founder, {founder}, ran the business from a rented room.",
    "It was {founder} who founded {o}.",
    "{S} owes its existence to {founder}, who founded {o}.",
    "{P} headquarters are in {town}.",
    "{S} is headquartered in {town}.",
    "{S} is based in {town}.",
    "The head office is in {town}.",
    "{S} keeps its head office in the town of {town}.",
    "From its head office in {town}, {s} serves customers abroad.",
    "{town} is home to its headquarters.",
    "{S} was founded in {founded}.",
    "{S} was established in {founded}.",
    "{S} dates from {founded}.",
    "The business was set up in {founded}.",
    "The year of its foundation is {founded}.",
    "{S} opened its doors in {founded}.",
    "{S} has been in business since it was founded in {founded}.",
    "{S} has {employees} employees.",
    "{S} employs {employees} people.",
    "{P} workforce numbers {employees}.",
    "In its last report {s} counted {employees} employees.",
    "{employees} people work for {o}.",
    "The payroll lists {employees} employees.",
    "{S} gives work to {employees} people.",
    "{S} is active in {industry}.",
    "Its field is {industry}.",
    "{P} main business is {industry}.",
    "{S} operates in the {industry} industry.",
    "{S} made its name in {industry}.",
    "In the {industry} sector {s} is a familiar name.",
    "{S} was founded in {founded} by {founder}.",
    "{S} is based in {town} and employs {employees} people.",
});

constexpr auto kCompanyRemarks = std::to_array<Text>({
    "A strike closed the works for two months.",
    "The company archive is open to researchers.",
    "{P} logo has changed only once.",
    "Exports make up more than half of sales.",
    "{S} has never paid a dividend.",
    "A takeover bid was turned down by the shareholders.",
    "{S} trains its own apprentices.",
    "The old premises are now a museum.",
    "{S} sponsors a local choir.",
    "Annual reports are kept in a bank vault.",
    "A second works was closed after a fire.",
    "{S} publishes a magazine for its staff.",
    "Its suppliers meet once a year.",
    "{P} name was painted on every lorry.",
    "{S} survived two recessions.",
});

constexpr auto kCompanyAsides = std::to_array<Text>({
    "{S} is not connected with {other}.",
    "{S} is not to be confused with {other}.",
    "Customers sometimes mistake {o} for {other}.",
    "An unrelated company trades as {other}.",
});

constexpr auto kUniversityOpenings = std::to_array<Text>({
    "{N} is a university in {town}.",
    "{N} is a university founded in {founded}.",
    "{N} is a public university.",
    "{N} is a university with {students} students.",
    "{N} is a university located in {town} and founded in {founded}.",
    "Founded in {founded}, {N} is one of the older universities of its region.",
    "{N} is a university led by {rector}.",
    "{N} is a university known for its observatory.",
    "{N} is a small university with a strong faculty of law.",
});

constexpr auto kUniversitySentences = std::to_array<Text>({
    "{S} is located in {town}.",
    "{P} campus is in {town}.",
    "{S} stands in the town of {town}.",
    "Its main buildings are in {town}.",
    "The campus lies in the centre of {town}.",
    "{town} is where {s} has its seat.",
    "Students come to {town}, where {s} has its campus.",
    "{S} was founded in {founded}.",
    "{S} was established in {founded}.",
    "{S} dates back to {founded}.",
    "{P} charter was sealed in {founded}, the year it was founded.",
    "The foundation took place in {founded}.",
    "Teaching began in {founded}, when {s} was founded.",
    "The year of its foundation is {founded}.",
    "{S} has {students} students.",
    "{S} teaches {students} students.",
    "Enrolment stands at {students} students.",
    "{students} students are enrolled.",
    "The student body numbers {students}.",
    "{S} counts {students} students on its rolls.",
    "The rector is {rector}.",
    "{P} rector is {rector}.",
    "{S} is led by its rector, {rector}.",
    "{rector} serves as rector.",
    "{rector} holds the office of rector.",
    "The senate elected {rector} as rector.",
    "As rector, {rector} oversees seven faculties.",
    "{S} was founded in {founded} and is led by its rector, {rector}.",
});

constexpr auto kUniversityRemarks = std::to_array<Text>({
    "The library is open through the night.",
    "{P} motto is in Latin.",
    "A botanical garden adjoins the main building.",
    "Women were admitted late in its history.",
    "{S} has seven faculties.",
    "A fire destroyed the old lecture hall.",
    "{S} holds a fair each autumn.",
    "Its press issues a quarterly journal.",
    "Tuition is free for residents.",
    "The chapel is used for concerts.",
    "Lectures begin a quarter past the hour.",
    "{S} owns a vineyard.",
    "A rowing race is held every spring.",
    "Its oldest globe is on display.",
});

constexpr auto kUniversityAsides = std::to_array<Text>({
    "{S} is not affiliated with {other}.",
    "{S} is not to be confused with {other}.",
    "{other} is a separate institution.",
    "Applicants sometimes write to {other} by mistake.",
});

constexpr auto kTeamOpenings = std::to_array<Text>({
    "{N} is {a:sport} club.",
    "{N} is {a:sport} club from {town}.",
    "{N} is {a:sport} club founded in {founded}.",
    "{N} is a professional {sport} club based in {town}.",
    "Founded in {founded}, {N} is a sports club.",
    "{N} is a sports club that plays in {colours}.",
    "{N} is a sports club from {town}, coached by {coach}.",
    "{N} is a sports club with a loyal following.",
    "{N} is a sports club run by its members.",
});

constexpr auto kTeamSentences = std::to_array<Text>({
    "{S} is based in {town}.",
    "{S} plays its home games in {town}.",
    "The club's home is {town}.",
    "{P} home town is {town}.",
    "{S} represents the town of {town}.",
    "{town} is where {s} is at home.",
    "Supporters travel to {town} for home games.",
    "{S} is coached by {coach}.",
    "The head coach is {coach}.",
    "{P} coach is {coach}.",
    "{coach} coaches the side.",
    "{coach} is in charge as head coach.",
    "The post of head coach is held by {coach}.",
    "Training is led by the head coach, {coach}.",
    "{S} was founded in {founded}.",
    "{S} was established in {founded}.",
    "The club dates from {founded}.",
    "{P} foundation goes back to {founded}.",
    "In {founded}, a group of railwaymen founded {o}.",
    "The year of its foundation is {founded}.",
    "{P} ground holds {capacity} spectators.",
    "{P} ground has a capacity of {capacity}.",
    "The stands have room for {capacity} spectators.",
    "Up to {capacity} spectators can watch a home game.",
    "The home ground seats {capacity} spectators.",
    "Home games are played before at most {capacity} spectators.",
    "{S} plays {sport}.",
    "Its sport is {sport}.",
    "{S} competes in {sport}.",
    "Its players compete in {sport}.",
    "{S} has played {sport} from the start.",
    "{S} has a section for {sport} only.",
    "The club colours are {colours}.",
    "{S} plays in {colours}.",
    "{P} colours are {colours}.",
    "Players wear {colours}.",
    "The kit is {colours}.",
    "Supporters dress in {colours}, the club colours.",
    "{S} was founded in {founded} and is coached by {coach}.",
});

constexpr auto kTeamRemarks = std::to_array<Text>({
    "{S} has won the regional cup twice.",
    "Relegation was avoided on the last day of a season.",
    "The club anthem is sung before each game.",
    "{P} youth side trains next door.",
    "A fanzine has appeared for thirty years.",
    "{S} has a rivalry with several neighbours.",
    "Membership is open to anyone.",
    "The pitch was relaid after a flood.",
    "{S} went without a win for a whole season.",
    "Season tickets are passed on in families.",
    "{S} once played a match by candlelight.",
    "The clubhouse was built by volunteers.",
    "A goat serves as mascot.",
    "{P} oldest trophy is a wooden spoon.",
});

constexpr auto kTeamAsides = std::to_array<Text>({
    "{S} is not to be confused with {other}.",
    "{S} has no connection with {other}.",
    "Newspapers have mixed {o} up with {other}.",
    "{other} is a different club.",
});

}  // namespace

KindForms company_forms() {
  return {kCompanyOpenings, kCompanySentences, kCompanyRemarks, kCompanyAsides, "the company"};
}

KindForms university_forms() {
  return {kUniversityOpenings, kUniversitySentences, kUniversityRemarks, kUniversityAsides,
          "the university"};
}

KindForms team_forms() {
  return {kTeamOpenings, kTeamSentences, kTeamRemarks, kTeamAsides, "the club"};
}

}  // namespace memagent::world
