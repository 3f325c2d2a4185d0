#include <array>

#include "task/world/forms.h"

namespace memagent::world {
namespace {

using Text = std::string_view;

constexpr auto kFilmOpenings = std::to_array<Text>({
    "{N} is a {released} film directed by {director}.",
    "{N} is {a:genre} film.",
    "{N} is {a:genre} film released in {released}.",
    "{N} is {a:genre} film directed by {director}.",
    "{N} is a feature film starring {star}.",
    "{N} is {a:genre} film set in {setting}.",
    "{N} is a feature film that found its audience slowly.",
    "Shot in eleven weeks, {N} is {a:genre} film.",
    "{N} is a film produced by {studio} and released in {released}.",
    "{A:genre} film of {released}, {N} has a score by {composer}.",
    "{N} is a motion picture with a devoted following.",
    "{N} is {a:genre} film starring {star}.",
});

constexpr auto kFilmSentences = std::to_array<Text>({
    "{S} was directed by {director}.",
    "The director was {director}.",
    "{director} directed {s}.",
    "It was {director} who directed {o}.",
    "Behind the camera stood {director}, who directed {o} in a restrained style.",
    "{P} director, {director}, worked from a detailed storyboard.",
    "{director} took over as director before shooting began.",
    "Direction was in the hands of {director}.",
    "{S} stars {star}.",
    "The leading role is played by {star}.",
    "{star} plays the lead.",
    "{star} was cast in the leading part.",
    "{P} lead actor is {star}.",
    "In the main role, {star} gives a quiet performance.",
    "The part of the protagonist went to {star}.",
    "{P} score was composed by {composer}.",
    "The music is by {composer}.",
    "{composer} wrote the score.",
    "{composer} composed the music for {o}.",
    "Its soundtrack is the work of {composer}.",
    "For the music, the producers turned to {composer}.",
    "The score, by {composer}, uses a small string ensemble.",
    "{S} was produced by {studio}.",
    "{studio} produced {o}.",
    "{studio} was the production company.",
    "Production was in the hands of {studio}.",
    "It was {studio} that financed and produced {o}.",
    "{P} production company, {studio}, kept the budget small.",
    "{S} is based on the novel {basis}.",
    "{S} is an adaptation of the novel {basis}.",
    "{P} screenplay was adapted from the novel {basis}.",
    "The story was taken from the novel {basis}.",
    "The novel {basis} served as the source of the script.",
    "The script follows the novel {basis} closely.",
    "{S} was released in {released}.",
    "{S} reached cinemas in {released}.",
    "{S} premiered in {released}.",
    "Audiences first saw {o} in {released}.",
    "Its release came in {released}.",
    "{released} was the year of its release.",
    "{S} opened in {released} to mixed notices.",
    "{S} runs for {runtime} minutes.",
    "{P} running time is {runtime} minutes.",
    "The finished cut lasts {runtime} minutes.",
    "At {runtime} minutes, {s} was considered hard to programme.",
    "The version shown in cinemas is {runtime} minutes long.",
    "It takes {runtime} minutes to tell its story.",
    "{S} is usually classed as {a:genre} film.",
    "{S} belongs to the {genre} genre.",
    "Its genre is {genre}.",
    "Distributors advertised {o} as {a:genre} film.",
    "Archives list {o} with {genre} films.",
    "In form {s} is {a:genre} film with few surprises.",
    "{S} is set in {setting}.",
    "The story takes place in {setting}.",
    "The action is set in {setting}.",
    "{P} story unfolds in the town of {setting}.",
    "Its setting is the town of {setting}.",
    "The town of {setting} is where the plot is set.",
    "{S} was directed by {director} and stars {star}.",
    "{S}, released in {released}, was produced by {studio}.",
    "{composer} composed the music, and {star} plays the lead.",
});

constexpr auto kFilmRemarks = std::to_array<Text>({
    "Most of the scenes were shot on location.",
    "A restored print was shown decades later.",
    "Reviewers praised the photography.",
    "{S} lost money on its first run.",
    "Only one copy of the original negative survives.",
    "The final scene was filmed twice.",
    "{S} was never shown on television.",
    "Rain delayed the shooting by a month.",
    "{P} poster has become a collector's item.",
    "Some dialogue was improvised on the set.",
    "The opening shot lasts four minutes.",
    "Two endings were tested on audiences.",
    "{S} was entered at a minor festival.",
    "Extras were hired from a nearby factory.",
    "The costumes are now in a museum.",
});

constexpr auto kFilmAsides = std::to_array<Text>({
    "{S} is not to be confused with {other}.",
    "{S} has nothing to do with the film {other}.",
    "Listings sometimes print its title as {other}, which is a different film.",
    "The title resembles that of {other}, an unrelated film.",
});

constexpr auto kBookOpenings = std::to_array<Text>({
    "{N} is a novel by {author}.",
    "{N} is {a:genre} novel.",
    "{N} is a {published} novel by {author}.",
    "{N} is {a:genre} novel published in {published}.",
    "{N} is {a:genre} novel set in {setting}.",
    "{N} is a novel in three parts.",
    "First printed in {published}, {N} is {a:genre} novel.",
    "{N} is {a:genre} novel by {author}.",
    "{N} is a novel of {pages} pages.",
    "{N} is a novel published by {publisher}.",
    "{N} is a novel that sold slowly and then steadily.",
});

constexpr auto kBookSentences = std::to_array<Text>({
    "{S} was written by {author}.",
    "{author} wrote {o}.",
    "{author} wrote {o} over the course of four winters.",
    "Its author is {author}.",
    "The author, {author}, revised the text several times.",
    "{S} is the work of {author}.",
    "It was {author} who wrote {o}.",
    "{S} came from the pen of {author}.",
    "{S} was published by {publisher}.",
    "{publisher} published {o}.",
    "{publisher} brought out the first edition.",
    "{P} publisher was {publisher}.",
    "After two refusals, {s} was accepted and published by {publisher}.",
    "The rights were bought by {publisher}, which published {o}.",
    "{S} first appeared with {publisher}.",
    "{S} was published in {published}.",
    "{S} appeared in {published}.",
    "{S} came out in {published}.",
    "Publication followed in {published}.",
    "{P} first edition is dated {published}.",
    "Readers could first buy {o} in {published}.",
    "The year of publication was {published}.",
    "The first edition has {pages} pages.",
    "{S} runs to {pages} pages in its first edition.",
    "{P} first edition is {pages} pages long.",
    "In its first edition {s} fills {pages} pages.",
    "The original printing comprised {pages} pages.",
    "At {pages} pages, the first edition was expensive to print.",
    "{S} is {a:genre} novel.",
    "Critics describe {o} as {a:genre} novel.",
    "Booksellers shelve {o} with {genre} fiction.",
    "In genre {s} is {a:genre} novel.",
    "{S} is often cited as an example of the {genre} novel.",
    "It has been called {a:genre} novel in disguise.",
    "{S} is set in {setting}.",
    "The story takes place in {setting}.",
    "The plot unfolds in the town of {setting}.",
    "Its setting is the town of {setting}.",
    "Most chapters take place in {setting}.",
    "The town of {setting} is where {s} is set.",
    "{S} was published in {published} by {publisher}.",
    "Written by {author}, {s} is set in {setting}.",
});

constexpr auto kBookRemarks = std::to_array<Text>({
    "The manuscript is held in a private collection.",
    "{S} has been translated into nine languages.",
    "A stage version closed after a week.",
    "{P} opening line is often quoted.",
    "The narrator is never named.",
    "Reviewers found the ending abrupt.",
    "A revised edition added a short preface.",
    "{S} was out of print for thirty years.",
    "School editions leave out the last chapter.",
    "The cover was drawn by a local artist.",
    "A misprint on the first page was never corrected.",
    "{S} was read aloud on the radio.",
    "The dedication names a childhood friend.",
    "Two chapters are written as letters.",
    "Signed copies are rare.",
});

constexpr auto kBookAsides = std::to_array<Text>({
    "{S} is not to be confused with {other}.",
    "{S} has nothing in common with the novel {other} but a few words of the title.",
    "Library catalogues sometimes list {o} next to {other}.",
    "The title resembles that of {other}, a different novel.",
});

}  // namespace

KindForms film_forms() {
  return {kFilmOpenings, kFilmSentences, kFilmRemarks, kFilmAsides, "the film"};
}

KindForms book_forms() {
  return {kBookOpenings, kBookSentences, kBookRemarks, kBookAsides, "the novel"};
}

}  // namespace memagent::world
