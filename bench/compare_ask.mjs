// A whole `memagent ask` against the same loop over llama.cpp, on the same GGUF file.
//
//   node bench/compare_ask.mjs [--program build/release/memagent] [--shape qwen3-6x256] [--rounds 3]
//                              [--sections 8] [--memory-tokens 128] [--questions 1,8]
//
// A random-weight model reads a made-up document in sections of 5,000 tokens, under every question,
// with two threads: one question in the paper's layout, several in section-first. Its trace is then
// replayed token for token (llama_ask_peer.mjs), one question after another and, for several, also
// section by section with the shared beginning cached. memagent's time is the whole process, start
// included; llama.cpp's leaves loading out. Prints a table and, last, one line of JSON.
import {execFileSync} from "node:child_process";
import {writeFileSync} from "node:fs";
import {cpus} from "node:os";
import {parseArgs} from "node:util";
import {folder, randomModel, root} from "./random_model.mjs";

const {values: options} = parseArgs({
    options: {
        program: {type: "string", default: `${root}build/release/memagent`},
        shape: {type: "string", default: "qwen3-6x256"},
        rounds: {type: "string", default: "3"},
        sections: {type: "string", default: "8"},
        "memory-tokens": {type: "string", default: "128"},
        questions: {type: "string", default: "1,8"}
    }
});
const model = randomModel(options.program, options.shape);

const words = ("river town council engine harvest letter window market signal garden history " +
    "the of and a in was for on by with as at from that were which its").split(" ");
let state = 1;
const word = () => {
    state = (state * 48271) % 2147483647;
    return words[state % words.length];
};
const document = `${folder}/ask-document.txt`;
// At least as many tokens as asked for; exact sections are then taken from the front of it.
const sentence = () => `${Array.from({length: 12}, word).join(" ")}.\n`;
writeFileSync(document, Array.from({length: Number(options.sections) * 160}, sentence).join(""));

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const asked = ["What does the letter say?", "Who came to the town?", "When was the harvest?",
    "Where is the engine?", "Why did the council meet?", "How long is the river?",
    "Which market was it?", "What is in the garden?"];

const rows = [];
console.log("seconds                       memagent   llama.cpp  ratio");
for (const count of options.questions.split(",").map(Number)) {
    const trace = `${folder}/ask-trace.jsonl`;
    const orders = count === 1 ? ["questions"] : ["questions", "sections"];
    const rounds = [];
    for (let round = 0; round < Number(options.rounds); ++round) {
        const begin = performance.now();
        const report = JSON.parse(execFileSync(options.program, [
            "ask", "--json", "--model", model, "--threads", "2", "--cut", "exact", "--trace", trace, "--trace-prompts",
            "--memory-tokens", options["memory-tokens"], "--output-tokens", options["memory-tokens"],
            "--layout", count === 1 ? "question-first" : "section-first",
            ...asked.slice(0, count).flatMap((question) => ["-q", question]), document
        ], {encoding: "utf8", maxBuffer: 1 << 28}));
        const seconds = (performance.now() - begin) / 1000;
        const peers = orders.map((order) => JSON.parse(execFileSync(process.execPath, [
            `${root}bench/llama_ask_peer.mjs`, "--model", model, "--trace", trace, "--order", order
        ], {encoding: "utf8", maxBuffer: 1 << 28}).trim().split("\n").at(-1)));
        rounds.push({seconds, report, peers});
    }
    for (const [i, order] of orders.entries()) {
        const ratios = rounds.map(({seconds, peers}) => peers[i].seconds / seconds);
        const row = {
            questions: count, peer_order: order, sections: rounds[0].report.sections,
            document_tokens: rounds[0].report.document_tokens,
            memagent_seconds: Number(median(rounds.map((r) => r.seconds)).toFixed(2)),
            llama_cpp_seconds: Number(median(rounds.map((r) => r.peers[i].seconds)).toFixed(2)),
            ratio: Number(median(ratios).toFixed(2)),
            ratio_spread: [Math.min(...ratios), Math.max(...ratios)].map((x) => Number(x.toFixed(2)))
        };
        rows.push(row);
        console.log(`${count} question${count === 1 ? " " : "s"}, by ${order}`.padEnd(28) +
            row.memagent_seconds.toFixed(2).padStart(10) + row.llama_cpp_seconds.toFixed(2).padStart(12) +
            row.ratio.toFixed(2).padStart(7));
    }
}
console.log(JSON.stringify({
    machine: cpus()[0]?.model ?? "unknown", cores: cpus().length, shape: options.shape,
    memory_tokens: Number(options["memory-tokens"]), date: new Date().toISOString().slice(0, 10), rows
}));
