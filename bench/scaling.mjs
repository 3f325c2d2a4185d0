// Peak memory and time of `memagent ask` against the length of the document.
//
//   node bench/scaling.mjs [--program build/release/memagent] [--lengths 8K,64K,512K or ""]
//       [--section-tokens 4K] [--repeat 8K=5,64K=3] [--threads N] [--gigabyte]
//
// A random-weight nano model reads documents of each length (its answers mean nothing; its cost is a
// trained model's). Attention makes a token of a long section dearer than one of a short section, so
// sections are cut exactly and the lengths are multiples of theirs: then every length is the same
// work for each token, and what is left is what grows with the document. What does not grow,
// starting and answering, is measured on an empty document and taken off. Time is both the wall's
// and the processors', which other programs disturb less. With --gigabyte, a 1 GB file is read as
// well, over the loopback endpoint that answers at once, since what is tested there is the reading.
// Peak memory is what the kernel counted for the process (GNU time, package `time`). Lengths are
// read in rounds, the shortest most often. Prints a table and, last, one line of JSON.
import {execFileSync, spawn, spawnSync} from "node:child_process";
import {createWriteStream, existsSync, statSync} from "node:fs";
import {once} from "node:events";
import {cpus} from "node:os";
import {parseArgs} from "node:util";
import {folder, randomModel, root} from "./random_model.mjs";

const {values: options} = parseArgs({
    options: {
        program: {type: "string", default: `${root}build/release/memagent`},
        server: {type: "string", default: `${root}build/release/bench/echo_server`},
        lengths: {type: "string", default: "8K,64K,512K"},
        "section-tokens": {type: "string", default: "4K"},
        repeat: {type: "string", default: ""},
        threads: {type: "string", default: "0"},
        gigabyte: {type: "boolean", default: false}
    }
});
if (!existsSync("/usr/bin/time")) {
    console.error("scaling: GNU time is needed: apt-get install time");
    process.exit(2);
}

// English-like text from a fixed generator.
async function writeText(path, bytes) {
    if (existsSync(path) && statSync(path).size >= bytes) return;
    const words = ("river town council engine harvest letter window market signal garden history " +
        "the of and a in was for on by with as at from that were which its").split(" ");
    let state = 12345n;
    const next = (n) => {
        state = (state * 6364136223846793005n + 1442695040888963407n) & 0xFFFFFFFFFFFFFFFFn;
        return Number((state >> 33n) % BigInt(n));
    };
    const pieces = [];
    for (let i = 0; i < 4000; ++i) {
        const sentence = Array.from({length: 6 + next(10)}, () => words[next(words.length)]).join(" ");
        pieces.push(sentence[0].toUpperCase() + sentence.slice(1) + (next(6) === 0 ? ".\n\n" : ". "));
    }
    const block = pieces.join("");
    const out = createWriteStream(path);
    for (let written = 0; written < bytes; written += block.length) {
        if (!out.write(block.slice(0, Math.min(block.length, bytes - written)))) await once(out, "drain");
    }
    out.end();
    await once(out, "finish");
}

// Runs `ask --json` and gives its report with the process's peak memory in KiB and its seconds.
function ask(argumentsOfAsk) {
    const run = spawnSync("/usr/bin/time", ["-f", "%M %e %U %S", options.program, "ask", "--json", ...argumentsOfAsk],
        {encoding: "utf8", maxBuffer: 1 << 26});
    if (run.status !== 0) throw new Error(run.stderr);
    const [peakKib, wall, user, system] = run.stderr.trim().split("\n").at(-1).split(" ").map(Number);
    return {report: JSON.parse(run.stdout), peakKib, wall, cpu: user + system};
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rows = [];
function record(name, runs, constant = {wall: 0, cpu: 0}) {
    const {report} = runs[0];
    const tokens = report.document_tokens || Infinity;  // of nothing, no time a token
    const perToken = (kind) => runs.map((run) => (run[kind] - constant[kind]) * 1e6 / tokens);
    const rounded = (number) => Number(number.toFixed(2));
    rows.push({
        name, document_tokens: report.document_tokens, sections: report.sections, runs: runs.length,
        seconds: rounded(median(runs.map((run) => run.wall))),
        microseconds_per_token: rounded(median(perToken("wall"))),
        cpu_microseconds_per_token: rounded(median(perToken("cpu"))),
        cpu_least_and_most: [Math.min(...perToken("cpu")), Math.max(...perToken("cpu"))].map(rounded),
        peak_mib: Number((Math.max(...runs.map((run) => run.peakKib)) / 1024).toFixed(1))
    });
    const row = rows.at(-1);
    console.log(`${name.padEnd(8)} ${String(row.document_tokens).padStart(10)} tokens ` +
        `${String(row.sections).padStart(5)} sections ${row.seconds.toFixed(1).padStart(8)} s ` +
        `${row.microseconds_per_token.toFixed(1).padStart(8)} us/token, processors ` +
        `${row.cpu_microseconds_per_token.toFixed(1).padStart(6)} (${row.cpu_least_and_most.join(" to ")}) ` +
        `${row.peak_mib.toFixed(1).padStart(6)} MiB peak, ${runs.length} runs`);
}

const model = randomModel(options.program, "nano");
const question = ["-q", "What does the letter say?"];
const ownModel = [...question, "--model", model, "--memory-tokens", "16", "--output-tokens", "16",
    "--section-tokens", options["section-tokens"], "--cut", "exact", "--threads", options.threads];
const lengths = options.lengths.split(",").filter((text) => text !== "");
const repeat = new Map(options.repeat.split(",").filter((text) => text !== "")
    .map((text) => [text.split("=")[0], Number(text.split("=")[1])]));
if (lengths.length > 0) {
    const path = (name) => `${folder}/exact-${name}.txt`;
    await writeText(path("empty"), 0);
    for (const length of lengths) {
        if (existsSync(path(length))) continue;
        execFileSync(options.program, ["synth", "--task", "niah_single_2", "--tokens", length, "--model", model,
            "--text", "--quiet", "--out", path(length)]);
    }
    const runs = new Map();
    const rounds = Math.max(3, ...repeat.values());
    ask([...ownModel, path("empty")]);  // the model file comes into the page cache
    for (let round = 0; round < rounds; ++round) {
        for (const name of ["empty", ...lengths]) {
            if (round >= (repeat.get(name) ?? (name === "empty" ? 3 : 1))) continue;
            runs.set(name, [...(runs.get(name) ?? []), ask([...ownModel, path(name)])]);
        }
    }
    const empty = {
        wall: median(runs.get("empty").map((run) => run.wall)),
        cpu: median(runs.get("empty").map((run) => run.cpu))
    };
    record("empty", runs.get("empty"));
    for (const name of lengths) record(name, runs.get(name), empty);
}
if (options.gigabyte) {
    const path = `${folder}/text-1GB.txt`;
    await writeText(path, 1e9);
    const server = spawn(options.server, ["--port", "0"], {stdio: ["pipe", "pipe", "inherit"]});
    const [line] = await once(server.stdout, "data");
    const url = `http://127.0.0.1:${String(line).trim()}/v1`;
    try {
        record("1 GB", [ask([...question, "--endpoint", url, "--model-name", "scripted", "--policy", "gated", path])]);
    } finally {
        server.stdin.end();
    }
}
console.log(JSON.stringify({
    machine: cpus()[0]?.model ?? "unknown", cores: cpus().length, date: new Date().toISOString().slice(0, 10), rows
}));
