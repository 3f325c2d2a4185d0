#include "task/made_words.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "task/word_pieces.h"

namespace memagent {
namespace {

constexpr std::string_view kAdjectives =
    "absent agile airy amber ample ancient arid austere autumn azure balmy barren basic "
    "bitter bland blank bleak blissful blue blunt bold brave breezy brief bright brisk broad "
    "broken bronze brown calm candid careful casual cautious central chilly civil clean clear "
    "clever close cloudy coarse coastal cobalt cold common compact constant copper coral "
    "cosmic cosy covered crimson crisp crooked cruel curious curly damp daring dark decent "
    "deep dense desert distant dizzy double drowsy dry dull dusty eager early earnest eastern "
    "easy elder elegant empty endless even exact faded faint fair faithful famous fancy fast "
    "feeble fertile fierce final fine firm flat floral fluid fond foreign formal fragile "
    "frank free fresh frosty frozen frugal full gentle giant glad gleaming glossy golden good "
    "grand grave great green grey gritty guarded hale handy happy hard hardy harsh hasty hazy "
    "heavy hidden hollow honest huge humble humid idle inland inner ivory jade jagged jolly "
    "jovial keen kind large lasting late lavish lazy lean level light likely lilac limber "
    "linen liquid little lively local lofty lonely long loose loud lovely loyal lucid lucky "
    "lunar magenta mellow merry mighty mild milky minor misty modern modest moist mossy muddy "
    "muted narrow native neat nervous new nimble noble noisy northern novel oaken odd olive "
    "opal open orange ornate outer oval pale patient peaceful pearly plain playful pleasant "
    "plump polar polite poor precise pretty prime private proper proud public pure purple "
    "quaint quick quiet ragged rainy rapid rare raw ready regal remote rich rigid ripe rising "
    "robust rocky rosy rough round royal rugged rural russet rustic sacred salty sandy scarce "
    "scarlet secret serene severe shady shallow sharp shiny short shy silent silken silver "
    "simple sleek slender slim slow small smart smooth snowy sober soft solar solemn solid "
    "sombre southern spare sparse spicy square stable stark steady steep stern still stony "
    "stout strict strong sturdy subtle sudden sunny superb supple sure sweet swift tall tame "
    "tan tart teal tender tepid thick thin thorny tidy timid tiny tired tough tranquil true "
    "trusty upper urban useful vague vain valid vast velvet verdant violet vital vivid warm "
    "wary wavy weary western wet white wide wild windy wintry wise witty wooden woolly worn "
    "worthy yellow young zesty ";

constexpr std::string_view kNouns =
    "abbey acorn acre actor agent album alley almond altar anchor angle ankle antler apple "
    "apron arbour arch arena armour arrow artist ash atlas attic author avenue axle badge "
    "bagpipe baker balcony ballad banjo banner barge barley barn barrel basin basket bay "
    "beach beacon bead beam bean bear beaver bell belt bench berry birch bishop blanket "
    "blossom boat bonfire book boot border bottle boulder bowl box bracelet branch brass "
    "bread breeze brick bridge brook broom brush bucket buckle bugle bush butter button cabin "
    "cabinet cable cactus cage cake camel camera camp canal candle canoe canopy canvas cape "
    "captain caravan card cargo carpet carriage cart castle cat cavern cedar cellar chain "
    "chair chalk chapel chariot cheese cherry chest chimney chisel church cider circle "
    "citadel cliff cloak clock cloth clover coach coat cobbler coin collar column comet "
    "compass concert cook cork corn cottage cotton couch counter cradle crane crater crayon "
    "creek crest cricket crown crystal cupboard current curtain cushion cypress dagger dairy "
    "daisy dam dancer dawn deer delta desk diamond diary dish dock doctor dolphin donkey door "
    "dove dragon drawer dream dress drum duck dune eagle easel echo eel elbow elm ember "
    "emblem engine envelope estate estuary fabric falcon farm farmer feather fence fern ferry "
    "festival fiddle field fig finch fir fjord flag flame flask fleet flock flour flower "
    "flute foal fog forest forge fork fort fountain fox frame fringe frog fruit furnace gable "
    "gallery galley garden garland garlic garnet gate gazelle gem geyser ginger glacier glass "
    "globe glove goat goblet goose gorge grain granite grape grass grove guard guest guitar "
    "gull hall hammer hammock harbour hare harp hat hawk hazel heath hedge helmet herald herb "
    "heron hill hinge hive honey hood hook horizon horn horse hostel hound house hut iceberg "
    "inn iris island ivy jacket jar jasmine jay jetty jewel journal judge jug juniper kayak "
    "keel kernel kettle key kiln kite kitten knight knot ladder lagoon lake lamb lamp lance "
    "lane lantern larch lark lattice laurel lawn leaf ledger lemon lens leopard letter "
    "library lichen lighthouse lily lime linnet lion lizard loaf lock locket lodge loft log "
    "loom lotus lute lynx machine magnet magpie mallet mane mango manor mantle map maple "
    "marble mare market marsh mask mast mat meadow medal melon merchant mill miller mineral "
    "mint mirror mitten moat monk moor moose mortar mosaic moss moth motor mountain mule "
    "mural museum mushroom nail needle nest net nettle nickel nurse nut oak oar oasis oat "
    "ocean onion orbit orchard orchid organ osprey otter oven owl ox oyster paddle page paint "
    "palace palm panel panther paper parcel parrot pasture path pavilion peach peak pear "
    "pebble pelican pencil penguin pepper perch petal piano pigeon piglet pillar pillow pilot "
    "pine pipe pirate planet plank plate plaza plough plum pocket poem poet pond pony poplar "
    "poppy porch port portrait potter powder prairie prince prism pump puppet quail quarry "
    "quartz queen quill quilt rabbit raft rail rainbow ranch raven reed reef ribbon rice "
    "ridge ring river road robe robin rocket roof room root rope rose rudder rug saddle "
    "saffron sage sail sailor salad salmon satchel saucer scarf school scroll sculptor seal "
    "season seed shadow shawl sheep shelf shell shepherd shield ship shoe shore shovel shrine "
    "sickle signal singer siren skipper sled sleeve slipper slope smith snail song spade "
    "sparrow spear spider spindle spire sponge spoon spruce spur squire staff stag stairway "
    "star statue steamer stem stone stool stork storm stove stream street sugar summit "
    "sundial swallow swamp swan sword table tablet tailor tapestry tavern teacher teapot "
    "temple tent terrace thicket thimble thistle thorn throne thrush thunder tide tiger tile "
    "timber toad torch tower trail train tray tree trellis trench trumpet trunk tulip tunnel "
    "turnip turtle tutor umbrella urn vale valley vase vault vessel viaduct village vine "
    "vineyard viola violin visitor volcano voyage wagon walnut warden watch water wave weasel "
    "weaver well whale wharf wheat wheel whistle widow willow window wing winter wolf wren "
    "wrist writer yacht yard yarn zebra zephyr ";

constexpr std::size_t kAdjectivesOfSplit = 181;
constexpr std::size_t kNounsOfSplit = 326;
static_assert(kNumShortNames == kAdjectivesOfSplit * kNounsOfSplit);
static_assert(kNumLongNames == kNumShortNames * kNounsOfSplit);

// The words of a list, each with a space after it.
std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    const std::size_t end = list.find(' ');
    words.push_back(list.substr(0, end));
    list.remove_prefix(end + 1);
  }
  return words;
}

// [split][word]: words in turn, so that both halves run from a to z.
using Halves = std::array<std::vector<std::string_view>, 2>;

Halves halves(std::string_view list, std::size_t words_of_split) {
  Halves result;
  std::size_t word = 0;
  for (const std::string_view each : words_of(list)) result[word++ % 2].push_back(each);
  MEMAGENT_CHECK(result[0].size() == words_of_split && result[1].size() == words_of_split,
                 "{} and {} words", result[0].size(), result[1].size());
  return result;
}

std::string_view adjective(std::size_t index, Split split) {
  static const Halves words = halves(kAdjectives, kAdjectivesOfSplit);
  return words[static_cast<std::size_t>(split)][index];
}

std::string_view noun(std::size_t index, Split split) {
  static const Halves words = halves(kNouns, kNounsOfSplit);
  return words[static_cast<std::size_t>(split)][index];
}

// A word of syllables is an onset, a vowel, a middle and an ending. Runs of consonants and of
// vowels alternate, so that no two choices make the same word.
constexpr std::array<std::string_view, 32> kOnsets = {
    "b", "bl", "br", "c", "ch", "cl", "cr", "d",  "dr", "f", "fl", "fr", "g", "gl", "gr", "h",
    "j", "k",  "l",  "m", "n",  "p",  "pl", "pr", "r",  "s", "sh", "st", "t", "tr", "v",  "w"};
constexpr std::array<std::string_view, 8> kVowels = {"a", "e", "i", "o", "u", "ai", "ea", "oo"};
constexpr std::array<std::string_view, 32> kMiddles = {
    "b",  "ck", "d",  "dl", "ff", "g",  "l", "ld", "ll", "lm", "lt", "m",  "mb", "mp", "n",  "nd",
    "ng", "nk", "nn", "nt", "p",  "pp", "r", "rd", "rn", "rt", "s",  "sk", "st", "t",  "tt", "v"};
constexpr std::array<std::string_view, 8> kEndings = {"", "a", "el", "er", "et", "in", "ow", "y"};

static_assert(kNumSyllableWords ==
              kOnsets.size() * kVowels.size() * kMiddles.size() * kEndings.size());

// One to four letters that a word of the split begins with, and two to five that another ends with.
void append_spliced_word(std::uint64_t index, std::string& out) {
  constexpr std::uint64_t kWords = kAdjectivesOfSplit + kNounsOfSplit;
  static_assert(kNumSplicedWords == kWords * 4 * kWords * 4);
  const auto word = [](std::uint64_t i) {
    return i < kAdjectivesOfSplit ? adjective(i, Split::kTrain)
                                  : noun(i - kAdjectivesOfSplit, Split::kTrain);
  };
  const std::string_view head = word(index % kWords);
  const std::string_view tail = word(index / kWords % kWords);
  const std::uint64_t lengths = index / kWords / kWords;
  out += head.substr(0, 1 + lengths % 4);
  out += tail.substr(tail.size() - std::min<std::size_t>(tail.size(), 2 + lengths / 4));
}

void append_word_of_pieces(std::uint64_t index, std::string& out) {
  static const std::vector<std::string_view> pieces = words_of(kWordPieces);
  RandomStream draw(mix64(index));
  for (std::uint64_t i = 1 + draw.below(4); i > 0; --i) out += pieces[draw.below(pieces.size())];
}

void append_coined_word(std::uint64_t index, std::string& out) {
  const std::size_t begin = out.size();
  if (index < kNumSyllableWords) {
    out += kOnsets[index & 31];
    out += kVowels[index >> 5 & 7];
    out += kMiddles[index >> 8 & 31];
    out += kEndings[index >> 13 & 7];
  } else if (index - kNumSyllableWords < kNumSplicedWords) {
    append_spliced_word(index - kNumSyllableWords, out);
  } else {
    append_word_of_pieces(index - kNumSyllableWords - kNumSplicedWords, out);
  }
  // A listed word may be the test split's.
  static const std::vector<std::string_view> listed = [] {
    std::vector<std::string_view> words = words_of(kAdjectives);
    const std::vector<std::string_view> nouns = words_of(kNouns);
    words.insert(words.end(), nouns.begin(), nouns.end());
    std::sort(words.begin(), words.end());
    return words;
  }();
  const std::string_view word = std::string_view(out).substr(begin);
  if (std::binary_search(listed.begin(), listed.end(), word)) out += "ix";
}

std::int64_t number_between(std::uint64_t first, std::uint64_t end, RandomStream& draw,
                            Split split) {
  while (true) {
    const std::uint64_t number = first + draw.below(end - first);
    if (split_of(number) == split) return static_cast<std::int64_t>(number);
  }
}

}  // namespace

Split split_of(std::uint64_t value) {
  return (mix64(value) & 1) == 0 ? Split::kTrain : Split::kTest;
}

std::int64_t made_number(RandomStream& draw, Split split) {
  return number_between(1'000'000, 10'000'000, draw, split);
}

std::int64_t made_small_number(RandomStream& draw, Split split) {
  return number_between(10'000, 100'000, draw, split);
}

Uuid made_uuid(RandomStream& draw, Split split) {
  while (true) {
    const std::uint64_t high = (draw.next() & ~std::uint64_t{0xF000}) | 0x4000;
    const std::uint64_t low = (draw.next() & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);
    if (split_of(high ^ low) == split) return {high, low};
  }
}

void append_uuid(Uuid uuid, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, 36> text;
  std::size_t at = 0;
  const auto digits = [&](std::uint64_t half, int from, int to) {
    for (int shift = 60 - 4 * from; shift > 60 - 4 * to; shift -= 4) {
      text[at++] = kDigits[(half >> shift) & 15];
    }
  };
  digits(uuid.high, 0, 8);
  text[at++] = '-';
  digits(uuid.high, 8, 12);
  text[at++] = '-';
  digits(uuid.high, 12, 16);
  text[at++] = '-';
  digits(uuid.low, 0, 4);
  text[at++] = '-';
  digits(uuid.low, 4, 16);
  out.append(text.data(), text.size());
}

std::string made_code(RandomStream& draw, Split split, int letters, char first) {
  while (true) {
    std::string code;
    std::uint64_t value = 0;
    for (int i = 0; i < letters; ++i) {
      const std::uint64_t letter = draw.below(26);
      code += static_cast<char>(first + static_cast<char>(letter));
      value = value * 26 + letter;
    }
    if (split_of(value) == split) return code;
  }
}

void append_short_name(std::uint64_t index, Split split, std::string& out) {
  if (is_coined(index)) {
    MEMAGENT_CHECK(split == Split::kTrain && index - kNumShortNames < kNumCoinedNames, "name {}",
                   index);
    append_coined_word((index - kNumShortNames) / kNumCoinedWords, out);
    out += '-';
    append_coined_word((index - kNumShortNames) % kNumCoinedWords, out);
    return;
  }
  out += adjective(index / kNounsOfSplit, split);
  out += '-';
  out += noun(index % kNounsOfSplit, split);
}

std::uint64_t drawn_short_name(RandomStream& draw, Split split) {
  if (split == Split::kTrain && draw.below(4) != 0) {
    const auto word = [&draw] {
      switch (draw.below(4)) {
        case 0:
          return draw.below(kNumSyllableWords);
        case 1:
          return kNumSyllableWords + draw.below(kNumSplicedWords);
        default:
          return kNumSyllableWords + kNumSplicedWords + draw.below(kNumPieceWords);
      }
    };
    const std::uint64_t first = word();
    return kNumShortNames + first * kNumCoinedWords + word();
  }
  return draw.below(kNumShortNames);
}

std::array<std::string, 2> drawn_words(RandomStream& draw, Split split) {
  std::string name;
  append_short_name(drawn_short_name(draw, split), split, name);
  const std::size_t hyphen = name.find('-');
  return {name.substr(0, hyphen), name.substr(hyphen + 1)};
}

bool is_coined(std::uint64_t short_name) { return short_name >= kNumShortNames; }

std::uint64_t crossed_short_name(std::uint64_t first, std::uint64_t second) {
  MEMAGENT_CHECK(is_coined(first) == is_coined(second), "names {} and {}", first, second);
  if (!is_coined(first)) {
    return first / kNounsOfSplit * kNounsOfSplit + second % kNounsOfSplit;
  }
  const std::uint64_t one = first - kNumShortNames;
  const std::uint64_t other = second - kNumShortNames;
  return kNumShortNames + one / kNumCoinedWords * kNumCoinedWords + other % kNumCoinedWords;
}

void append_long_name(std::uint64_t index, Split split, std::string& out) {
  MEMAGENT_DCHECK(index < kNumLongNames, "name {}", index);
  append_short_name(index / kNounsOfSplit, split, out);
  out += '-';
  out += noun(index % kNounsOfSplit, split);
}

}  // namespace memagent
