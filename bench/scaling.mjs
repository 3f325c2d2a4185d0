// Peak memory and time of `memagent ask` against the length of the document.
//
//   node bench/scaling.mjs [--program build/release/memagent] [--lengths 8K,1M,3.5M or ""] [--gigabyte]
//
// A random-weight nano model reads documents of each length (its answers mean nothing; its cost is a
// trained model's). What does not grow, starting and answering, is measured on an empty document and
// taken off the time per token. With --gigabyte, a 1 GB file is read as well, over the loopback endpoint that
// answers at once, since what is tested there is the reading. Peak memory is what the kernel counted
// for the process (GNU time, package `time`). Prints a table and, last, one line of JSON.
import {spawn, spawnSync} from "node:child_process";
import {createWriteStream, existsSync, statSync} from "node:fs";
import {once} from "node:events";
import {cpus} from "node:os";
import {parseArgs} from "node:util";
import {folder, randomModel, root} from "./random_model.mjs";

const {values: options} = parseArgs({
    options: {
        program: {type: "string", default: `${root}build/release/memagent`},
        server: {type: "string", default: `${root}build/release/bench/echo_server`},
        lengths: {type: "string", default: "8K,1M,3.5M"},
        gigabyte: {type: "boolean", default: false}
    }
});
if (!existsSync("/usr/bin/time")) {
    console.error("scaling: GNU time is needed: apt-get install time");
    process.exit(2);
}

// English-like text from a fixed generator.
const bytesPerToken = 2.84;  // under the nano model's vocabulary
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

// Runs `ask --json` and gives its report with the process's peak memory in KiB and wall seconds.
function ask(argumentsOfAsk) {
    const begin = performance.now();
    const run = spawnSync("/usr/bin/time", ["-f", "%M", options.program, "ask", "--json", ...argumentsOfAsk],
        {encoding: "utf8", maxBuffer: 1 << 26});
    const seconds = (performance.now() - begin) / 1000;
    if (run.status !== 0) throw new Error(run.stderr);
    return {report: JSON.parse(run.stdout), peakKib: Number(run.stderr.trim().split("\n").at(-1)), seconds};
}

const rows = [];
function record(name, {report, peakKib, seconds}, constantSeconds = 0) {
    rows.push({
        name, document_tokens: report.document_tokens, sections: report.sections, seconds: Number(seconds.toFixed(2)),
        microseconds_per_token:
            Number(((seconds - constantSeconds) * 1e6 / Math.max(report.document_tokens, 1)).toFixed(2)),
        peak_mib: Number((peakKib / 1024).toFixed(1))
    });
    console.log(`${name.padEnd(10)} ${String(report.document_tokens).padStart(10)} tokens ` +
        `${seconds.toFixed(1).padStart(8)} s ${rows.at(-1).microseconds_per_token.toFixed(1).padStart(8)} us/token ` +
        `${rows.at(-1).peak_mib.toFixed(1).padStart(7)} MiB peak`);
}

const model = randomModel(options.program, "nano");
const question = ["-q", "What does the letter say?"];
const scale = {K: 1024, M: 1024 * 1024};
const ownModel = [...question, "--model", model, "--memory-tokens", "16", "--output-tokens", "16"];
let constantSeconds = 0;
if (options.lengths !== "") {
    const path = `${folder}/text-empty.txt`;
    await writeText(path, 0);
    ask([...ownModel, path]);  // the model file comes into the page cache
    const empty = ask([...ownModel, path]);
    constantSeconds = empty.seconds;
    record("empty", empty, constantSeconds);
}
for (const length of options.lengths.split(",").filter((text) => text !== "")) {
    const tokens = parseFloat(length) * (scale[length.at(-1)] ?? 1);
    const path = `${folder}/text-${length}.txt`;
    await writeText(path, Math.round(tokens * bytesPerToken));
    record(length, ask([...ownModel, path]), constantSeconds);
}
if (options.gigabyte) {
    const path = `${folder}/text-1GB.txt`;
    await writeText(path, 1e9);
    const server = spawn(options.server, ["--port", "0"], {stdio: ["pipe", "pipe", "inherit"]});
    const [line] = await once(server.stdout, "data");
    const url = `http://127.0.0.1:${String(line).trim()}/v1`;
    try {
        record("1 GB", ask([...question, "--endpoint", url, "--model-name", "scripted", "--policy", "gated", path]));
    } finally {
        server.stdin.end();
    }
}
console.log(JSON.stringify({
    machine: cpus()[0]?.model ?? "unknown", cores: cpus().length, date: new Date().toISOString().slice(0, 10), rows
}));
