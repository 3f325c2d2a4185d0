// tokenizer_bench beside tiktoken's npm package (WebAssembly) on the same vocabulary and text.
//
//   node bench/tokenizer.mjs [ENGLISH.txt]      after `make build` and npm install in tests/npm
//
// Makes a tokenizer.json of tiktoken's cl100k and GPT-2 vocabularies in build/bench and texts of 8
// MB: English (the file named, or the paragraphs in ../shared/data, repeated; else made-up words),
// code-like lines and Chinese. The last line is one JSON object.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {fileURLToPath} from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const npm = path.join(root, "tests/npm");
const folder = path.join(root, "build/bench");
const program = path.join(root, "build/release/bench/tokenizer_bench");
const textBytes = 8e6;
fs.mkdirSync(folder, {recursive: true});

function alphabet() {
  const own = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let extra = 0;
  return Array.from({length: 256}, (_, b) => String.fromCodePoint(own(b) ? b : 256 + extra++));
}

// Ranks have no merges: merging a token with the ranks below its own leaves its two halves.
function mergesOf(tokens) {
  const ranks = new Map(tokens.map((token, rank) => [token, rank]));
  const merges = [];
  tokens.forEach((token, rank) => {
    let parts = [...token];
    while (parts.length > 2) {
      let best = -1, bestRank = rank;
      for (let i = 0; i + 1 < parts.length; ++i) {
        const found = ranks.get(parts[i] + parts[i + 1]);
        if (found !== undefined && found < bestRank) [best, bestRank] = [i, found];
      }
      if (best < 0) break;
      parts.splice(best, 2, parts[best] + parts[best + 1]);
    }
    if (parts.length === 2) merges.push(parts);
  });
  return merges;
}

function makeTokenizer(encoding) {
  const ranksFile = path.join(folder, `${encoding}.ranks`);
  execFileSync("node", [path.join(npm, "tiktoken.mjs"), "ranks", encoding, ranksFile]);
  const byteChars = alphabet();
  const tokens = fs.readFileSync(ranksFile, "utf8").trim().split("\n").map((line) =>
    [...Buffer.from(line, "base64")].map((b) => byteChars[b]).join(""));
  const pattern = JSON.parse(fs.readFileSync(path.join(npm, `node_modules/tiktoken/encoders/${encoding}.json`))).pat_str;
  const file = path.join(folder, `${encoding}.json`);
  fs.writeFileSync(file, JSON.stringify({
    version: "1.0", added_tokens: [{id: tokens.length, content: "<|endoftext|>", special: true}],
    normalizer: null,
    pre_tokenizer: {type: "Sequence", pretokenizers: [
      {type: "Split", pattern: {Regex: pattern}, behavior: "Isolated", invert: false},
      {type: "ByteLevel", add_prefix_space: false, use_regex: false}]},
    model: {type: "BPE", vocab: Object.fromEntries(tokens.map((t, i) => [t, i])), merges: mergesOf(tokens)}}));
  return file;
}

function repeated(text) {
  const copies = Math.ceil(textBytes / Buffer.byteLength(text));
  return text.repeat(copies);
}

function english() {
  if (process.argv[2]) return fs.readFileSync(process.argv[2], "utf8");
  const shared = path.join(root, "../shared/data/wiki2/paragraphs.jsonl");
  if (fs.existsSync(shared)) {
    return fs.readFileSync(shared, "utf8").trim().split("\n").map((l) => JSON.parse(l).text + "\n").join("");
  }
  const words = "the of and to in was a film by from which during university between American music".split(" ");
  let text = "", state = 1;
  while (text.length < 2e6) {
    state = (state * 1103515245 + 12345) % 2147483648;
    text += words[state % words.length] + (state % 97 === 0 ? ".\n" : " ");
  }
  return text;
}

function chinese() {
  let text = "", state = 7;
  while (text.length < 1e6) {
    state = (state * 1103515245 + 12345) % 2147483648;
    text += String.fromCodePoint(0x4e00 + (state >> 8) % 3000) + (state % 23 === 0 ? "。" : state % 211 === 0 ? "\n" : "");
  }
  return text;
}

const code = fs.readdirSync(path.join(root, "src"), {recursive: true})
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => fs.readFileSync(path.join(root, "src", name), "utf8")).join("\n");

const texts = {english: english(), code, chinese: chinese()};
const files = Object.entries(texts).map(([name, text]) => {
  const file = path.join(folder, `${name}.txt`);
  fs.writeFileSync(file, repeated(text));
  return [name, file];
});

const results = [];
for (const encoding of ["cl100k_base", "gpt2"]) {
  const tokenizer = makeTokenizer(encoding);
  const lines = execFileSync(program, [tokenizer, ...files.map(([, file]) => file)], {encoding: "utf8"}).trim().split("\n");
  const own = JSON.parse(lines.at(-1));
  files.forEach(([name, file], i) => {
    const peer = JSON.parse(execFileSync("node", [path.join(npm, "tiktoken.mjs"), "bench", encoding, file], {encoding: "utf8"}));
    const row = {encoding, text: name, mb_per_s: own.texts[i].mb_per_s, streamed_mb_per_s: own.texts[i].streamed_mb_per_s,
      tiktoken_mb_per_s: Number(peer.mb_per_s.toFixed(2)), ratio: Number((own.texts[i].mb_per_s / peer.mb_per_s).toFixed(1))};
    results.push(row);
    console.log(`${encoding} ${name}: ${row.mb_per_s} MB/s, streamed ${row.streamed_mb_per_s}, tiktoken npm ${row.tiktoken_mb_per_s}, ratio ${row.ratio}`);
  });
}
const commit = execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], {encoding: "utf8"}).trim();
console.log(JSON.stringify({bench: "tokenizer", machine: os.cpus()[0].model, threads: 1, commit, results}));
