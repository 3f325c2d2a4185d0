// memagent against llama.cpp on the same GGUF files, turn about, as ratios.
//
//   node bench/compare_llama.mjs [--program build/release/memagent] [--rounds 3] [--only NAME]
//
// Random-weight models of the shapes in the table below are made under build/bench (their speed is
// that of trained ones). Each round times memagent and then llama.cpp in processes of their own,
// with two threads, the same prompt length and the same number of decoded tokens; a ratio is taken
// within a round, so that a machine whose speed drifts does not favour either. Prints a table and,
// last, one line of JSON.
import {execFileSync} from "node:child_process";
import {parseArgs} from "node:util";
import {cpus} from "node:os";
import {randomModel, root} from "./random_model.mjs";

const {values: options} = parseArgs({
    options: {
        program: {type: "string", default: `${root}build/release/memagent`},
        rounds: {type: "string", default: "3"},
        only: {type: "string"}
    }
});

const cases = [
    {name: "nano", shape: "nano", type: "Q8_0", prompt: 5000, decode: 64},
    {name: "qwen3-6x256", shape: "qwen3-6x256", type: "Q8_0", prompt: 5000, decode: 64},
    {name: "qwen2-0.5b", shape: "qwen2-0.5b", type: "Q8_0", prompt: 2048, decode: 32}
].filter((item) => options.only == null || item.name === options.only);

const threads = 2;
const lastLine = (text) => JSON.parse(text.trim().split("\n").at(-1));
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function ours(path, item) {
    const result = lastLine(execFileSync(options.program, [
        "bench", "--model", path, "--prompt-tokens", String(item.prompt), "--decode-tokens",
        String(item.decode), "--threads", String(threads), "--repetitions", "1", "--json"
    ], {encoding: "utf8"}));
    return {
        prefill: result.prefill_tokens_per_second.median,
        decode: result.decode_tokens_per_second.median,
        commit: result.commit
    };
}

function theirs(path, item) {
    const result = lastLine(execFileSync(process.execPath, [
        `${root}bench/llama_peer.mjs`, "--model", path, "--prompt", String(item.prompt), "--decode",
        String(item.decode), "--threads", String(threads), "--repeat", "1"
    ], {encoding: "utf8"}));
    return {prefill: result.prefill_tokens_per_second, decode: result.decode_tokens_per_second};
}

console.log("tokens per second      prompt |  prefill  llama.cpp  ratio |   decode  llama.cpp  ratio");
const rows = [];
let commit = "";
for (const item of cases) {
    const path = randomModel(options.program, item.shape, item.type);
    const rounds = [];
    for (let round = 0; round < Number(options.rounds); ++round) {
        const a = ours(path, item);
        const b = theirs(path, item);
        commit = a.commit ?? commit;
        rounds.push({a, b});
    }
    const row = {
        name: item.name, type: item.type, prompt_tokens: item.prompt, decode_tokens: item.decode
    };
    for (const kind of ["prefill", "decode"]) {
        row[`memagent_${kind}`] = median(rounds.map(({a}) => a[kind]));
        row[`llama_cpp_${kind}`] = median(rounds.map(({b}) => b[kind]));
        const ratios = rounds.map(({a, b}) => a[kind] / b[kind]);
        row[`${kind}_ratio`] = Number(median(ratios).toFixed(2));
        row[`${kind}_ratio_spread`] = [Math.min(...ratios), Math.max(...ratios)].map((x) => Number(x.toFixed(2)));
    }
    rows.push(row);
    console.log([
        row.name.padEnd(22), String(row.prompt_tokens).padStart(6), " |",
        row.memagent_prefill.toFixed(0).padStart(9), row.llama_cpp_prefill.toFixed(0).padStart(11),
        row.prefill_ratio.toFixed(2).padStart(7), " |", row.memagent_decode.toFixed(1).padStart(9),
        row.llama_cpp_decode.toFixed(1).padStart(11), row.decode_ratio.toFixed(2).padStart(7)
    ].join(""));
}

console.log(JSON.stringify({
    machine: cpus()[0]?.model ?? "unknown", cores: cpus().length, threads, commit,
    date: new Date().toISOString().slice(0, 10), rounds: Number(options.rounds), rows
}));
