// What tiktoken's npm package makes of a text, for tests that compare with it.
//   node tiktoken.mjs ranks ENCODING OUT         writes the vocabulary, a line of base64 per rank
//   node tiktoken.mjs encode ENCODING TEXT OUT   writes the ids of a file, 32-bit little-endian
//   node tiktoken.mjs bench ENCODING TEXT        prints {"mb_per_s": ...}, the better of 2 runs
// ENCODING: gpt2, cl100k_base.
import fs from "node:fs";
import {createRequire} from "node:module";

const require = createRequire(import.meta.url);
const {Tiktoken} = require("tiktoken/lite");
const [command, name, ...rest] = process.argv.slice(2);
const encoding = JSON.parse(fs.readFileSync(require.resolve(`tiktoken/encoders/${name}.json`)));

// The tokenizer wants a text of moderate length at a time: its memory is that of WebAssembly.
function* pieces(text) {
  const lines = text.split(/(?<=\n)(?=[A-Z])/);
  let piece = "";
  for (const line of lines) {
    if (piece.length + line.length > 1 << 20) {
      yield piece;
      piece = "";
    }
    piece += line;
  }
  yield piece;
}

if (command === "ranks") {
  // Lines of: a label, the first rank, then tokens in base64.
  const tokens = [];
  for (const line of encoding.bpe_ranks.split("\n")) {
    const [, first, ...encoded] = line.split(" ");
    encoded.forEach((token, i) => (tokens[Number(first) + i] = token));
  }
  fs.writeFileSync(rest[0], tokens.join("\n") + "\n");
} else {
  const text = fs.readFileSync(rest[0], "utf8");
  const tokenizer = new Tiktoken(encoding.bpe_ranks, encoding.special_tokens, encoding.pat_str);
  if (command === "encode") {
    fs.writeFileSync(rest[1], Buffer.from(tokenizer.encode(text, [], []).buffer));
  } else {
    let best = Infinity;
    for (let run = 0; run < 2; ++run) {
      const start = performance.now();
      for (const piece of pieces(text)) tokenizer.encode(piece, [], []);
      best = Math.min(best, performance.now() - start);
    }
    const bytes = Buffer.byteLength(text);
    console.log(JSON.stringify({tokenizer: "tiktoken npm", encoding: name, mb_per_s: bytes / best / 1e3}));
  }
}
