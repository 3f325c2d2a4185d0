// The forms and words of generated prose: data for prose.cc, with | between items. Slots:
//   @N the subject's name   @t what it is       @P another name      @a an adjective
//   @A "a" and an adjective @n something abstract  @o things         @p people
//   @v did to things        @e when, long ago   @d how               @w where
//   @m a material           @f a family name
// Sentences begin small and end without a full stop; no digits, no hyphens.
#pragma once

#include <array>
#include <string_view>

namespace memagent::prose_forms {

struct KindForms {
  std::string_view nouns;
  std::string_view first;
  std::string_view later;
};

struct Slot {
  char letter;
  std::string_view words;
};

inline constexpr std::array<KindForms, 7> kKinds = {{
    {"town|port|village|market town|parish|borough",
     "@N is @A @t @w, known above all for its @o|the @t of @N lies @w and has a reputation for @n|"
     "@N, @A @t, grew up @w around a trade in @o|few visitors reach @N, @A @t @w",
     "the streets of @N were laid out @e and have hardly changed|the @t kept its @a market, where "
     "@p @v @o|most households depended on @m, and the rest on @n|the @p of @N @v their @o @w|"
     "the council of the @t @v the @a @o and left the rest alone|a road from @P reached the @t @e|"
     "rents in @N rose @d, and many @p moved to @P|the walls were taken down @e to make room for "
     "@o|its church holds a collection of @a @o|the @t sent its @m to @P by boat"},
    {"craft|trade|skill|occupation",
     "the @t of working @m was practised in @N @d and with little help from outside|in @N, work "
     "with @m was regarded as @A @t|@f of @N described the @t of making @o as a matter of @n",
     "apprentices @v @o for years before they were trusted with @m|the best work was @a and was "
     "sold to @p from @P|a master could tell good @m by its smell|tools were handed down, and with "
     "them a sense of @n|the @p of the @t met @w and argued about @n|cheap @o from @P almost ended "
     "the @t|no two workshops agreed about the use of @m|those who @v @o at night were fined|"
     "most of the @o made in this way were @a and did not last|the @t demanded @n more than "
     "strength"},
    {"society|college|guild|office|council|library",
     "the @t of @N was founded @e to encourage @n among @p|@N had @A @t whose members @v @o and "
     "wrote about @n|the @t at @N began as a circle of @p with an interest in @m",
     "its members met @w and spoke about @n|the rules of the @t required @n of everyone who "
     "entered|@f, who led the @t @e, @v its @o|minutes were kept @d, and most of them survive|the "
     "@t lent its @o to @p who asked for them in writing|a dispute about @n divided the members|"
     "the rooms were heated with @m and smelt of it|new members swore to respect @n|the @t @v @o "
     "from its rival in @P|its seal showed @a @o, for reasons that nobody could give"},
    {"valley|marsh|moor|forest|coast|upland",
     "the @t of @N stretches far @w and is @a for most of the year|@N is @A @t where @p once @v "
     "@o|between @P and the sea lies the @t of @N, @A place",
     "the soil of the @t is @a and holds little water|streams cross the @t @d and meet below @P|"
     "sheep were driven over the @t @e, when the grass was @a|travellers in the @t relied on @n "
     "and on the kindness of @p|the wind carries @m across the @t|maps of the @t were drawn @e "
     "and are still used|birds gather @w and leave again without a sound|the @p of @P cut @m in "
     "the @t and dried it|old paths through the @t are marked with @o|in some years the @t floods, "
     "and the @p are glad of it"},
    {"festival|custom|fair|ceremony|feast",
     "the @t of @N is held @w and lasts until the @p go home|every autumn the @p of @N keep @A "
     "@t|the @t known as @N recalls the @n of earlier @p",
     "children carry @o and sing about @n|the @t opens with a speech by one of the @p|bread is "
     "baked in the shape of @o|the oldest of the @p lights a fire of @m|guests from @P bring @o "
     "and expect @n in return|the @t was forbidden @e and came back @d|songs of the @t have @a "
     "tunes and few words|nobody remembers why the @o are carried @w|those who stay away from the "
     "@t are thought @a|the @t costs the parish more than it brings"},
    {"bridge|mill|chapel|tower|granary|lighthouse",
     "the @t at @N was built @e of stone and @m|@N has @A @t, which stands @w|the old @t of @N "
     "served the @p for generations",
     "its walls are @a and lean a little|the builders @v @o from an older house|the @t was "
     "repaired @d after a storm|@f measured the @t and found it @a|the roof was covered with @m "
     "until @p complained|inside are @o that belonged to @p from @P|the keeper of the @t lived @w "
     "with a family|painters liked the @t for its @n|stairs lead up to a room full of @o|the @t "
     "lost its purpose @e and became a store for @m"},
    {"study|essay|treatise|lecture|letter",
     "in @A @t, @f of @N wrote about @n and the habits of @p|the @t by @f of @N deals with @n and, "
     "more briefly, with @m|@f of @N is remembered for @A @t on @n",
     "the @t was printed in @P and read by @p|its argument rests on @n rather than on @o|critics "
     "called the @t @a and its author @a as well|the second part of the @t turns to @m|@f replied "
     "@d that @n could not be taught|the author had @v @o @w before writing a word|readers admired "
     "the @t for its @n|the @t compares @p with @p and prefers neither|a fair copy was kept @w "
     "among @o|few of its remarks about @m were ever tested"},
}};

inline constexpr std::string_view kOpeners =
    "for many years, |@e, |by all accounts, |in practice, |according to @f, |as a rule, |in the "
    "opinion of @p, |without much debate, |from time to time, |to the surprise of @p, |in quieter "
    "times, |apart from a few @o, |after a long delay, |even so, |in the same way, |on the whole, |"
    "unlike its neighbours, |thanks to the @n of @p, |during a mild winter, |at first, |later on, "
    "|for reasons of @n, |in most accounts, |as @f observed, |despite the price of @m, ";

inline constexpr std::string_view kGeneral =
    "the @p @v their @o @w|@p and @p shared the cost of the @o|nothing was more valued there than "
    "@n|the supply of @m depended on @p from @P|@f @v the @o and thought them @a|a taste for @a "
    "@o spread @d|the @o were @a, and the @p were proud of them|there was more @m than anyone "
    "could use|@p learned @n from one another|an agreement with @P settled the matter of the @o|"
    "the @n of the @p was often praised|letters from the period mention @o and @m|the @p lived "
    "@d and asked for little|stories about @a @o were told @w|it is not certain who first @v the "
    "@o|@f and @f disagreed about the @o, but only @d|what remains of the @o can be seen @w|the "
    "demand for @m rose and fell with the seasons|@p from @P brought @a @o with them|the "
    "wages of the @p bought bread, candles and @m|the @o changed hands @d|much was said about @n, "
    "and "
    "little was done|the habit of keeping @o @w is recorded @e|@p paid for the @o with @m|the "
    "work was @a, but it left time for @n|a shortage of @m taught the @p the value of @n|the @a "
    "@o were @d put away|@P had once claimed the @o for itself|the matter was left to the @p, who "
    "@v the @o|some of the @o were @a and others plain";

inline constexpr std::string_view kTails =
    ", which pleased the @p| and did so @d|, although @f doubted it|, a sign of @n| as far as "
    "anyone can tell|, much as in @P|, and the @p accepted it|, at least on paper| for want of "
    "@m|, to the regret of @p|, where it remained|, if the @o can be trusted|, and nobody "
    "objected|, a practice since given up| with @a results|, so that @n became a habit|, partly "
    "out of @n| until the @m ran out|, as was usual among @p|, and this was thought @a";

inline constexpr std::string_view kNameStarts =
    "Hal|Tess|Wen|Mor|Bran|Cald|Dun|Esk|Fen|Gar|Har|Ing|Jar|Kel|Lan|Mal|Nor|Ost|Pen|Quar|Rath|Sel|"
    "Thorn|Ul|Var|Wes|Yar|Zel|Ald|Bex|Cor|Dray|El|Farn|Gren|Hest|Iver|Kirk|Lod|Mar|Neth|Oak|Pell|"
    "Ros|Stan|Tal|Und|Vel|Wick|Ash|Bel|Chel|Dor|Ever|Fal|Glen|Hol|Ire|Kast|Lin|Mer|Nant|Orr|Per";

inline constexpr std::string_view kNameEnds =
    "vern|imere|low|den|wick|ford|holm|mouth|stead|by|combe|dale|ster|gate|ham|ington|land|ley|"
    "minster|more|ness|over|pool|ridge|shaw|sted|thorpe|ton|vale|wald|well|worth|bourne|bury|"
    "caster|cott|don|field|fleet|garth|haven|hurst|kirk|lea|mead|mere|nell|port|rick|sey";

inline constexpr std::array<Slot, 10> kSlots = {{
    {'a',
     "plain|modest|narrow|orderly|weathered|handsome|simple|ancient|curious|gentle|uneven|"
     "quiet|heavy|pale|rough|careful|ordinary|elegant|open|severe|damp|dusty|bright|dull|sturdy|"
     "slender|remote|familiar|unusual|irregular|solid|dark|empty|broad|costly|humble|ornate|"
     "practical|delicate|respectable|old fashioned|moderate|admirable|doubtful|tolerable|inland|"
     "northern|southern|shallow|wooden|early|late|obscure|agreeable|tedious|generous|strict|idle|"
     "prudent|cheerful|solemn|provincial|eccentric|thrifty|austere|peculiar|steep|mild|faded"},
    {'n',
     "patience|thrift|order|memory|harmony|justice|solitude|attention|courtesy|trade|weather|"
     "education|proportion|friendship|health|honesty|rhetoric|geometry|agriculture|navigation|"
     "grammar|music|custom|modesty|ambition|leisure|punctuality|habit|prudence|doubt|silence|"
     "husbandry|hospitality|discipline|economy|curiosity|caution|gratitude|restraint|fashion|"
     "diplomacy|arithmetic|moderation|taste|tradition|loyalty|perseverance|conversation|sleep|"
     "diligence|good sense|self command|the seasons|the law|the common good|plain speech"},
    {'o',
     "ropes|ledgers|carpets|lanterns|barrels|gardens|orchards|charts|bells|looms|nets|saddles|"
     "tiles|kettles|clocks|baskets|windows|gates|boats|carts|benches|books|letters|portraits|"
     "candles|spoons|drums|flutes|fences|hedges|wells|ovens|anvils|ploughs|shutters|chairs|chests|"
     "curtains|coats|gloves|boots|hats|banners|coins|scales|weights|buttons|needles|jars|bowls|"
     "plates|lamps|mirrors|stairs|cellars|chimneys|statues|fountains|sundials|maps|catalogues|"
     "almanacs|hymns|pamphlets|ballads|recipes|seeds|beehives|kites|masks|ribbons|blankets|mats"},
    {'p',
     "weavers|clerks|fishermen|teachers|merchants|shepherds|masons|printers|millers|farmers|"
     "sailors|carpenters|bakers|widows|judges|painters|scholars|travellers|gardeners|doctors|"
     "potters|smiths|tanners|dyers|brewers|coopers|glaziers|surveyors|notaries|pilgrims|singers|"
     "beekeepers|ferrymen|carters|foresters|tailors|cobblers|bookbinders|clockmakers|physicians|"
     "librarians|archivists|musicians|neighbours|strangers|villagers|householders|tenants|"
     "magistrates|schoolmasters|shopkeepers|innkeepers|students|elders|cousins|wardens"},
    {'v',
     "repaired|described|collected|sold|copied|painted|measured|stored|borrowed|carried|examined|"
     "praised|arranged|weighed|bought|cleaned|designed|exchanged|gathered|hid|improved|inherited|"
     "kept|listed|loaded|made|mended|moved|numbered|ordered|owned|packed|polished|preserved|"
     "removed|rented|replaced|restored|sorted|taxed|traded|tried|used|valued|washed|counted|"
     "neglected|admired|inspected|rearranged|divided|shipped|stacked|decorated|imitated"},
    {'e',
     "in the middle of the century|long before the railway|in the time of the old council|under "
     "the first governors|after the great frost|in an age of reform|before the canal was dug|"
     "towards the end of the war|in the years of plenty|shortly after the flood|in the reign of a "
     "forgotten king|within living memory|during the dry years|at the turn of the century|in the "
     "days of sail|while the harbour was closed|some generations ago|in the early days|at the "
     "height of the wool trade|when the mills were new|before records were kept|in more "
     "prosperous years"},
    {'f',
     "Abbing|Arkle|Bastow|Birtles|Calloway|Crane|Dalby|Darrow|Elkin|Emmet|Farrant|Finch|Garrick|"
     "Goodall|Hallam|Hebden|Ibbot|Jessop|Keld|Kemble|Lambert|Lorimer|Maddox|Merrow|Nashby|Norcott|"
     "Oakden|Ottley|Parrish|Penfold|Quill|Ramsden|Rudge|Sallow|Selwyn|Tadlow|Tolliver|Underhill|"
     "Vickery|Wagstaff|Wetherby|Yarrow|Ackroyd|Bellamy|Carrow|Dunstan|Everley|Frobisher|Gifford"},
    {'d',
     "slowly|with care|in silence|by degrees|without haste|willingly|in small steps|with great "
     "patience|from habit|rather late|at considerable expense|in good order|almost by accident|"
     "with some regret|as the law required|quietly|in turns|steadily|reluctantly|cheerfully|at "
     "their own pace|year after year|in private|with a certain pride|now and then|step by step|"
     "against all advice|in the usual manner|with few exceptions|little by little"},
    {'w',
     "along the northern shore|beside the river|at the foot of the hills|behind the church|near "
     "the old gate|in the upper valley|on the edge of the moor|under the bridge|by the harbour|in "
     "the back rooms|across the fields|beyond the orchards|at the crossroads|in the cloister|on "
     "the market square|along the canal|in the shade of the walls|above the quarry|at the end of "
     "the lane|between two streams|on the southern slope|in a walled garden|close to the sea|"
     "below the dam|in the east wing|outside the walls|on the far bank|among the dunes|within "
     "sight of the tower|in the long gallery"},
    {'m',
     "wool|linen|timber|clay|salt|wax|iron|tin|leather|glass|barley|hops|cider|honey|slate|lime|"
     "chalk|flax|hemp|tar|charcoal|copper|lead|paper|ink|cork|straw|peat|sand|marble|oak|willow|"
     "wheat|butter|cheese|dried fish|lamp oil|silk|cotton|brick|plaster|reed|horn|pewter|brass|"
     "parchment|soap|vinegar|dye|rye|rope yarn|cut stone"},
}};

}  // namespace memagent::prose_forms
