#include <array>

#include "task/world/forms.h"

namespace memagent::world {
namespace {

using Text = std::string_view;

constexpr auto kPersonOpenings = std::to_array<Text>({
    "{N} (born {born}) {is} {a:occupation}.",
    "{N} {is} {a:occupation} from {birthplace}.",
    "{N} {is} {a:occupation} best known for an early body of work.",
    "{N}, born in {birthplace} on {born}, {is} {a:occupation}.",
    "Born on {born}, {N} {is} {a:occupation}.",
    "A native of {birthplace}, {N} {is} {a:occupation} of some renown.",
    "{N} {is} {a:occupation} who studied at {education}.",
    "{N} {is} {a:occupation} and the winner of the {award}.",
    "Seldom seen in public, {N} {is} {a:occupation}.",
    "{N} came to notice early and {is} remembered first of all as {a:occupation}.",
    "{N} {is} {a:occupation} whose papers are kept in a family archive.",
    "{N} {is} the subject of two biographies.",
    "{N} {is} someone of whom few photographs exist.",
});

constexpr auto kPersonSentences = std::to_array<Text>({
    "{S} was born on {born}.",
    "{S} was born in {birthplace} on {born}.",
    "{P} date of birth is given as {born}.",
    "Parish records show that {s} was born on {born}.",
    "{P} family celebrated {p} birth on {born}.",
    "{S} came into the world on {born}.",
    "On {born}, {s} was born as the youngest of three children.",
    "{S} died on {died}.",
    "{S} passed away on {died} after a short illness.",
    "{P} death came on {died}.",
    "On {died}, {s} died at home.",
    "{S} lived a quiet life until {p} death on {died}.",
    "{S} worked almost to the end and died on {died}.",
    "{S} was born in {birthplace}.",
    "{S} {is} a native of {birthplace}.",
    "{P} birthplace is {birthplace}.",
    "{S} grew up in {birthplace}, where {s} was also born.",
    "It was in {birthplace} that {s} was born.",
    "{birthplace} is the town of {p} birth.",
    "The house in {birthplace} where {s} was born still stands.",
    "By profession {s} {is} {a:occupation}.",
    "{S} {is} {a:occupation} by training and by inclination.",
    "{S} made a living as {a:occupation}.",
    "Most reference works list {o} as {a:occupation}.",
    "{S} earned {p} reputation as {a:occupation}.",
    "Colleagues knew {o} as a gifted {occupation}.",
    "{S} studied at {education}.",
    "{S} graduated from {education} with distinction.",
    "{P} degree is from {education}.",
    "{S} was educated at {education}.",
    "After leaving school, {s} enrolled at {education}.",
    "{S} took {p} degree at {education}.",
    "It was at {education} that {s} completed {p} studies.",
    "{education} counts {o} among its graduates.",
    "{S} married {spouse}.",
    "{S} was married to {spouse}.",
    "{P} spouse was {spouse}.",
    "{S} and {spouse} were married in a small ceremony.",
    "In early life {s} met and married {spouse}.",
    "{S} shared a home with {p} spouse, {spouse}.",
    "{spouse} was married to {o} for many years.",
    "{P} mentor was {teacher}.",
    "{S} learned the craft from {teacher}.",
    "{S} spent two years as a pupil of {teacher}.",
    "{S} was taught by {teacher}, who remained a friend.",
    "As a young {occupation}, {s} was trained by {teacher}.",
    "{teacher} was the teacher who shaped {o} most.",
    "{S} often named {teacher} as {p} teacher.",
    "{S} worked for {employer}.",
    "{S} was on the staff of {employer}.",
    "{S} spent several years in the service of {employer}.",
    "For much of {p} career, {s} was employed by {employer}.",
    "{employer} hired {o} straight out of training.",
    "{P} longest employment was with {employer}.",
    "{P} employer for over a decade was {employer}.",
    "{S} received the {award}.",
    "{S} was awarded the {award}.",
    "The jury of the {award} honoured {o} in a crowded year.",
    "{P} work was recognised with the {award}.",
    "{S} won the {award} against strong competition.",
    "Among {p} honours is the {award}.",
    "{S} held the {award}, which {s} rarely mentioned.",
});

constexpr auto kPersonRemarks = std::to_array<Text>({
    "{S} had little patience for interviews.",
    "{P} letters have been edited in two volumes.",
    "{S} spoke four languages and wrote in one.",
    "A street was named in {p} honour.",
    "{S} kept bees and a large library.",
    "Critics have disagreed about {p} importance.",
    "{S} was a keen mountaineer in younger years.",
    "{P} early notebooks were lost in a fire.",
    "Students remembered {o} as exacting but fair.",
    "{S} avoided public ceremonies.",
    "{S} wrote most letters by hand.",
    "A bronze bust stands in a small park.",
    "{P} diaries remain unpublished.",
    "{S} collected old maps.",
    "Friends recalled {p} dry sense of humour.",
    "{S} suffered from poor eyesight.",
    "A school play tells the story of {p} youth.",
    "{S} gave away most of {p} savings.",
    "{P} handwriting was notoriously hard to read.",
    "{S} travelled only by train.",
});

constexpr auto kPersonAsides = std::to_array<Text>({
    "{S} should not be confused with {other}.",
    "{S} is no relation of {other}.",
    "Catalogues sometimes mix {o} up with {other}.",
    "{other}, with a similar name, is a different person.",
});

}  // namespace

KindForms person_forms() {
  return {kPersonOpenings, kPersonSentences, kPersonRemarks, kPersonAsides, ""};
}

}  // namespace memagent::world
