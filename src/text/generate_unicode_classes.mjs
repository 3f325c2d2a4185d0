// Writes unicode_classes.inc: the ranges of letters (\p{L}), numbers (\p{N}) and white space, by
// the Unicode tables of the Node.js that runs it.
//   node src/text/generate_unicode_classes.mjs > src/text/unicode_classes.inc
const classes = [
  ["kLetter", /^\p{L}$/u],
  ["kNumber", /^\p{N}$/u],
  ["kSpace", /^\p{White_Space}$/u],
];
console.log(`// Made by generate_unicode_classes.mjs from Unicode ${process.versions.unicode}. {first, last, class}`);
for (const [name, pattern] of classes) {
  let first = -1;
  for (let point = 0x80; point <= 0x110000; ++point) {
    const surrogate = point >= 0xd800 && point < 0xe000;
    const inside = point < 0x110000 && !surrogate && pattern.test(String.fromCodePoint(point));
    if (inside && first < 0) first = point;
    if (!inside && first >= 0) {
      console.log(`{0x${first.toString(16)}, 0x${(point - 1).toString(16)}, ${name}},`);
      first = -1;
    }
  }
}
