#include <array>

#include "task/world/forms.h"

namespace memagent::world {
namespace {

using Text = std::string_view;

constexpr auto kRiverOpenings = std::to_array<Text>({
    "The {N} is a river that rises in the {source}.",
    "The {N} is a river with a length of {length} kilometres.",
    "The {N} is a river that flows into the {mouth}.",
    "The {N} is a river popular with anglers.",
    "The {N} is a river that rises near {town}.",
    "Rising in the {source}, the {N} is a river of clear water.",
    "The {N} is a winding river with several weirs.",
    "The {N} is {a:length}-kilometre river.",
});

constexpr auto kRiverSentences = std::to_array<Text>({
    "{S} is {length} kilometres long.",
    "{P} length is {length} kilometres.",
    "{S} has a total length of {length} kilometres.",
    "From source to mouth {s} measures {length} kilometres.",
    "Its course covers {length} kilometres.",
    "Surveyors give its length as {length} kilometres.",
    "{S} flows for {length} kilometres.",
    "{S} flows into the {mouth}.",
    "{S} is a tributary of the {mouth}.",
    "{S} empties into the {mouth}.",
    "{P} waters reach the {mouth}, into which {s} flows.",
    "After many bends {s} flows into the {mouth}.",
    "{S} ends where it joins the {mouth}.",
    "{P} mouth is on the {mouth}.",
    "{S} rises in the {source}.",
    "{P} source is in the {source}.",
    "The source lies high in the {source}.",
    "The springs that feed {o} are in the {source}.",
    "In the {source} {s} begins as a narrow brook.",
    "{S} has its origin in the {source}.",
    "{S} rises near the town of {town}.",
    "The nearest town to its source is {town}.",
    "{P} headwaters are close to {town}.",
    "The springs lie a short walk from {town}.",
    "Near {town}, {s} rises from a group of springs.",
    "Not far from {town} is the spring from which {s} rises.",
});

constexpr auto kRiverRemarks = std::to_array<Text>({
    "Trout are found in the upper reaches.",
    "{S} freezes in hard winters.",
    "A flood carried away the old mill.",
    "Barges used {o} until the railway came.",
    "{P} valley is known for its orchards.",
    "Two nature reserves lie along its course.",
    "The water is too cold for swimming.",
    "{S} is crossed by eleven bridges.",
    "Canoeists need a permit in spring.",
    "A footpath follows most of the course.",
    "Otters have returned in recent years.",
    "{S} turned several paper mills.",
    "A ferry is pulled across by cable.",
    "{P} lower course was straightened.",
});

constexpr auto kRiverAsides = std::to_array<Text>({
    "{S} is not to be confused with the {other}.",
    "Older maps mix {o} up with the {other}.",
    "The {other} is a different river.",
    "In spite of its name {s} has no link with the {other}.",
});

constexpr auto kTownOpenings = std::to_array<Text>({
    "{N} is a town in {country}.",
    "{N} is a town in {country} with a population of {population}.",
    "{N} is a town on the {river}.",
    "{N} is a market town in {country}.",
    "Lying on the {river}, {N} is a town of {population} inhabitants.",
    "{N} is a town in {country} that stands on the {river}.",
    "{N} is a town with a well-kept old quarter.",
    "{N} is a town that received its charter in {chartered}.",
    "{N} is a town known for its annual fair.",
    "At an elevation of {elevation} metres, {N} is a town in {country}.",
});

constexpr auto kTownSentences = std::to_array<Text>({
    "{S} is in {country}.",
    "{S} lies in {country}.",
    "{S} belongs to {country}.",
    "The country in which {s} lies is {country}.",
    "{S} is one of the older towns of {country}.",
    "Of the towns of {country}, {s} is among the oldest.",
    "{S} has been part of {country} for centuries.",
    "{S} stands on the {river}.",
    "{S} lies on the banks of the {river}.",
    "The {river} flows through {o}.",
    "The {river} divides the old town from the new.",
    "A stone bridge crosses the {river} here.",
    "{S} was built on both sides of the {river}.",
    "The mayor is {mayor}.",
    "{P} mayor is {mayor}.",
    "{mayor} serves as mayor.",
    "{mayor} was elected mayor.",
    "The office of mayor is held by {mayor}.",
    "Local politics are led by the mayor, {mayor}.",
    "As mayor, {mayor} had the station rebuilt.",
    "{S} has a population of {population}.",
    "{S} has {population} inhabitants.",
    "{P} population is {population}.",
    "{population} people live here.",
    "The last census counted {population} inhabitants.",
    "{S} is home to {population} people.",
    "{S} lies at an elevation of {elevation} metres.",
    "{P} elevation is {elevation} metres.",
    "The market square is {elevation} metres above sea level.",
    "{S} lies {elevation} metres above the sea.",
    "The elevation at the station is {elevation} metres.",
    "Maps give its elevation as {elevation} metres.",
    "{S} received its town charter in {chartered}.",
    "{P} charter dates from {chartered}.",
    "The town charter was granted in {chartered}.",
    "In {chartered}, {s} was granted a charter.",
    "{S} has held a charter since {chartered}.",
    "{chartered} is the year of its town charter.",
    "With {population} inhabitants and its own mayor, {mayor}, {s} governs itself.",
});

constexpr auto kTownRemarks = std::to_array<Text>({
    "A weekly market is held on Thursdays.",
    "The railway station was closed and later reopened.",
    "{S} is known for its lace.",
    "The town hall burned down twice.",
    "Part of the medieval wall survives.",
    "{P} church has a leaning tower.",
    "Summers are mild and winters long.",
    "A museum of clocks occupies the old gaol.",
    "There is one secondary school.",
    "The theatre seats four hundred.",
    "A brick water tower serves as a lookout.",
    "{S} has twinned itself with no other place.",
    "Storks nest on several roofs.",
    "The old customs house is a library now.",
    "{P} bakers sell a flat, dark bread.",
});

constexpr auto kTownAsides = std::to_array<Text>({
    "{S} is not to be confused with {other}.",
    "Mail is sometimes sent to {other} by mistake.",
    "{other} is a different town.",
    "Despite the similar name, {s} has no connection with {other}.",
});

}  // namespace

KindForms river_forms() {
  return {kRiverOpenings, kRiverSentences, kRiverRemarks, kRiverAsides, "the river"};
}

KindForms town_forms() {
  return {kTownOpenings, kTownSentences, kTownRemarks, kTownAsides, "the town"};
}

}  // namespace memagent::world
