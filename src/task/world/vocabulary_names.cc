#include <array>

#include "task/world/vocabulary.h"

namespace memagent::world {
namespace {

using Word = std::string_view;

constexpr auto kOnsets =
    std::to_array<Word>({"B",   "Bl", "Br", "Sw", "Cl", "Cr", "D",   "Dr", "Fj", "Fl", "Fr", "G",
                         "Gl",  "Gr", "H",  "J",  "K",  "Kl", "Kn",  "Kr", "L",  "M",  "N",  "P",
                         "Pl",  "Pr", "Qu", "R",  "S",  "Sc", "Shr", "Sk", "Sl", "Sm", "Sn", "St",
                         "Str", "T",  "Th", "Tr", "V",  "Vr", "W",   "Wh", "Wr", "Y",  "Z",  "Ch"});

constexpr auto kVowels = std::to_array<Word>({"a", "e", "i", "o", "u", "ae", "ei", "au"});

constexpr auto kCodas =
    std::to_array<Word>({"b",  "d",  "sp", "k",  "l",  "m",   "n",  "mp", "r",  "s",  "ft",  "v",
                         "x",  "ld", "lk", "lm", "ln", "lt",  "lv", "mb", "nd", "nk", "nst", "rb",
                         "rd", "rk", "rl", "rm", "rn", "rst", "rt", "rv", "sk", "st", "th",  "ng"});

constexpr auto kLinks = std::to_array<Word>(
    {"a", "e", "i", "o", "er", "en", "el", "in", "an", "or", "ul", "am", "ing", "ard", "is", "et"});

constexpr auto kTownEndings = std::to_array<Word>(
    {"ford",  "wick",   "stead", "holm",  "bury", "ham",    "mouth",   "port",  "bridge", "dale",
     "field", "worth",  "haven", "gate",  "mere", "combe",  "burn",    "dorf",  "berg",   "brook",
     "cliff", "church", "cross", "croft", "moor", "market", "minster", "marsh", "fell",   "firth",
     "garth", "thorpe", "by",    "toft",  "shaw", "ridge",  "point",   "pool",  "sands",  "well",
     "wold",  "wood",   "land",  "low",   "ness", "den",    "hurst",   "leigh"});

constexpr auto kSurnameEndings = std::to_array<Word>(
    {"er",    "ane",  "ovic", "ell", "en",   "in",   "ard",   "owe",    "ish", "ingham", "ander",
     "elin",  "ano",  "ovar", "eau", "uist", "esk",  "idge",  "ola",    "ury", "etti",   "ansen",
     "ewell", "imov", "ariu", "oth", "ulis", "aker", "emont", "illard", "ost", "etz"});

constexpr auto kCompanyEndings = std::to_array<Word>(
    {"ex",  "ora", "ium", "ant", "eon", "ica", "ada", "ello", "en",  "ar",  "is",   "ova",
     "une", "ity", "as",  "or",  "ian", "ent", "ax",  "ine",  "ero", "ula", "omar", "ette"});

constexpr auto kCountryEndings = std::to_array<Word>(
    {"ia", "ora", "aria", "ovia", "eland", "ania", "una", "esia", "istan", "avia", "onia", "ea"});

constexpr auto kMiddles = std::to_array<Word>(
    {"b", "d",  "dr", "g",  "k", "l",  "ld", "ll", "lm", "m",  "mb", "n", "nd", "nn", "p",
     "r", "rl", "rn", "rr", "s", "sk", "ss", "st", "t",  "th", "tr", "v", "w",  "z"});

constexpr auto kRiverEndings = std::to_array<Word>(
    {"ra",  "na",  "lle", "sk",  "th",  "rn",  "va",  "ne",  "ma",  "la",  "ga",  "da",
     "ssa", "ven", "nn",  "rin", "dan", "vel", "lin", "mar", "gen", "ren", "tza", "lder"});

constexpr auto kWomen = std::to_array<Word>(
    {"Ada",     "Adele",    "Agnes",      "Alina",    "Alma",    "Amara",    "Anika",    "Anneke",
     "Annis",   "Astrid",   "Aurelia",    "Beatrix",  "Berta",   "Blanche",  "Brigid",   "Camilla",
     "Cecily",  "Celeste",  "Clara",      "Clemence", "Corinna", "Cosima",   "Dagmar",   "Daphne",
     "Delia",   "Dorothea", "Edith",      "Eleni",    "Elise",   "Elspeth",  "Emmeline", "Enid",
     "Esme",    "Estelle",  "Eudora",     "Eva",      "Fenna",   "Flora",    "Florence", "Frances",
     "Freya",   "Frida",    "Gerda",      "Gisela",   "Greta",   "Gudrun",   "Gwen",     "Hanne",
     "Harriet", "Hedda",    "Helga",      "Henrike",  "Hester",  "Ida",      "Ilse",     "Imogen",
     "Ines",    "Ingrid",   "Irma",       "Isolde",   "Jana",    "Josefa",   "Judith",   "Juno",
     "Karin",   "Katya",    "Kirsten",    "Klara",    "Lavinia", "Lena",     "Leonie",   "Lidia",
     "Linnea",  "Liv",      "Lorna",      "Louisa",   "Lucia",   "Ludmila",  "Mabel",    "Magda",
     "Malin",   "Mara",     "Marguerite", "Marit",    "Martha",  "Matilda",  "Maud",     "Mina",
     "Minna",   "Mirela",   "Miriam",     "Nadia",    "Nell",    "Nora",     "Odette",   "Olga",
     "Olive",   "Ottilie",  "Paloma",     "Paula",    "Petra",   "Philippa", "Ragna",    "Renata",
     "Rhea",    "Romola",   "Rosalind",   "Rowena",   "Sabine",  "Saskia",   "Selma",    "Signe",
     "Silja",   "Solveig",  "Sonja",      "Sunniva",  "Sybil",   "Tamsin",   "Tekla",    "Thea",
     "Tilda",   "Una",      "Ursula",     "Vera",     "Vesna",   "Viola",    "Wilma",    "Yvette"});

constexpr auto kMen = std::to_array<Word>(
    {"Abel",    "Adrian",  "Aksel",   "Alaric",    "Alban",   "Albin",      "Aldo",     "Alvar",
     "Ambrose", "Anders",  "Andor",   "Ansel",     "Anton",   "Armin",      "Arno",     "Arvid",
     "Aubrey",  "August",  "Axel",    "Balthasar", "Barnaby", "Bastian",    "Benedikt", "Bernard",
     "Bertil",  "Boris",   "Bruno",   "Caspar",    "Cassius", "Cedric",     "Claus",    "Clement",
     "Conrad",  "Cyril",   "Damian",  "Darius",    "Detlef",  "Dirk",       "Dmitri",   "Edgar",
     "Edmund",  "Egon",    "Eino",    "Elias",     "Emeric",  "Emil",       "Enoch",    "Erik",
     "Ernst",   "Esteban", "Evert",   "Fabian",    "Felix",   "Ferdinand",  "Florian",  "Floyd",
     "Gareth",  "Gaspard", "Gideon",  "Gilbert",   "Goran",   "Gregor",     "Guido",    "Gunnar",
     "Gustav",  "Hakon",   "Harald",  "Hector",    "Henrik",  "Hugo",       "Humphrey", "Igor",
     "Ivo",     "Jasper",  "Jens",    "Jerome",    "Joachim", "Jonas",      "Jorah",    "Julius",
     "Kaspar",  "Kasimir", "Kester",  "Klaus",     "Knut",    "Konstantin", "Lambert",  "Lars",
     "Laszlo",  "Leander", "Leif",    "Lennart",   "Leopold", "Lorenz",     "Lothar",   "Ludwig",
     "Magnus",  "Malcolm", "Marius",  "Matthias",  "Milo",    "Mortimer",   "Nestor",   "Nikolai",
     "Nils",    "Oskar",   "Osbert",  "Otto",      "Pascal",  "Percival",   "Piers",    "Quentin",
     "Ragnar",  "Rainer",  "Rolf",    "Roland",    "Rufus",   "Rupert",     "Stellan",  "Stefan",
     "Tobin",   "Tomas",   "Torsten", "Ulrich",    "Viktor",  "Waldemar",   "Werner",   "Wilfred"});

}  // namespace

Words onsets() { return kOnsets; }
Words vowels() { return kVowels; }
Words codas() { return kCodas; }
Words links() { return kLinks; }
Words town_endings() { return kTownEndings; }
Words surname_endings() { return kSurnameEndings; }
Words company_endings() { return kCompanyEndings; }
Words country_endings() { return kCountryEndings; }
Words middles() { return kMiddles; }
Words river_endings() { return kRiverEndings; }
Words women() { return kWomen; }
Words men() { return kMen; }

}  // namespace memagent::world
