// What reinforcement learning brings to a warm start, and which of its parts bring it, on the model of
// tiny-smoke: the warm start against what RL makes of it, at the length of training and at 4, 16 and 64
// times that; the policies `gated` and `overwrite`; the answer's advantage given to all conversations
// and to the answer alone.
//
//   node recipes/tiny-smoke/ablations.mjs [--out build/tiny-smoke] [--seeds 1,2,3] [--threads 2]
//       [--samples 32] [--program build/release/memagent] [--json FILE]
//
// Goes on from the runs of run.mjs in the same folder, which are made if they are not there; what is
// done is not done again, and what was cut off goes on. Scores are of whole readings, greedily, of the
// same rows of the test split for all. Prints a table (mean over seeds, lowest and highest) and, last,
// one JSON object; --json writes it with the curves of training, ten steps to a point. Needs GNU time
// (package `time`).
import {execFileSync} from "node:child_process";
import {existsSync, readFileSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {parseArgs} from "node:util";
import {log, machine, mean, needsTime, root, rounded, tens, train, variant} from "./runs.mjs";

const {values: options} = parseArgs({options: {
    out: {type: "string", default: join(root, "build/tiny-smoke")},
    seeds: {type: "string", default: "1,2,3"},
    threads: {type: "string", default: "2"},
    samples: {type: "string", default: "32"},
    program: {type: "string", default: join(root, "build/release/memagent")},
    json: {type: "string"},
}});
needsTime("ablations");
const TASK = "niah_single_1";
const LENGTHS = [512, 2048, 8192, 32768];
const threads = Number(options.threads);
const program = resolve(options.program);
const out = resolve(options.out);

// Without credit: the warm start itself.
const METHODS = [
    {name: "gated, RL", policy: "gated", credit: "all"},
    {name: "gated, warm start", policy: "gated"},
    {name: "gated, RL, answer only", policy: "gated", credit: "answer"},
    {name: "overwrite, RL", policy: "overwrite", credit: "all"},
    {name: "overwrite, warm start", policy: "overwrite"},
];

// The folder of a finished run.
function trained({policy, credit}, seed) {
    const suffix = policy === "gated" ? "" : `-${policy}`;
    const sft = join(out, `sft${suffix}-${seed}`);
    const common = {program, threads};
    const changes = {seed, "reading.policy": JSON.stringify(policy)};
    train({...common, kind: "sft", folder: sft, recipe: variant("sft.toml", changes)});
    if (!credit) return sft;
    const rl = join(out, `rl${suffix}${credit === "all" ? "" : `-${credit}`}-${seed}`);
    train({...common, kind: "rl", folder: rl, recipe: variant("rl.toml", {...changes,
        "network.weights": JSON.stringify(join(sft, "model.gguf")),
        "advantage.credit": JSON.stringify(credit)})});
    return rl;
}

// At every length: the score, and the model's tokens for each of the document.
function scores(folder) {
    const file = join(folder, `eval-${options.samples}.json`);
    if (!existsSync(file)) {
        execFileSync(program, ["eval", "--model", join(folder, "model.gguf"), "--tasks", TASK,
            "--lengths", LENGTHS.join(","), "--samples", options.samples, "--threads", options.threads,
            "--traces", "none", "--quiet", "--json", file], {stdio: ["ignore", "ignore", "inherit"]});
    }
    const {cells} = JSON.parse(readFileSync(file, "utf8"));
    return LENGTHS.map((length) => {
        const cell = cells.find((one) => one.length === length);
        return {score: cell.score, generated: rounded(cell.generated_tokens / cell.document_tokens)};
    });
}

// Mean reward of ten steps at a time, and what of the updates was malformed in the last ten.
function learning(folder) {
    const steps = log(folder).filter(({reward}) => reward !== undefined);
    return {reward: tens(steps.map(({reward}) => reward)), malformed: rounded(mean(steps.slice(-10).map(({malformed}) => malformed)))};
}

const seeds = options.seeds.split(",").map(Number);
const results = METHODS.map((method) => ({...method, seeds: seeds.map((seed) => {
    const folder = trained(method, seed);
    const cells = scores(folder);
    return {seed, score: cells.map(({score}) => score), generated: cells.map(({generated}) => generated),
        ...(method.credit ? learning(folder) : {})};
})}));

const percent = (share) => (100 * share).toFixed(0);
const times = (length) => (length === LENGTHS[0] ? `${length} tokens` : `${length} (${length / LENGTHS[0]}x)`);
console.log(`| ${TASK}, percent right | ${LENGTHS.map(times).join(" | ")} |`);
console.log(`|---|${"---:|".repeat(LENGTHS.length)}`);
for (const {name, seeds: of} of results) {
    console.log(`| ${name} | ${LENGTHS.map((_, i) => {
        const values = of.map(({score}) => score[i]);
        return `${percent(mean(values))} [${percent(Math.min(...values))}-${percent(Math.max(...values))}]`;
    }).join(" | ")} |`);
}
const result = {...machine(program), threads, task: TASK, lengths: LENGTHS, samples: Number(options.samples), results};
if (options.json) writeFileSync(options.json, `${JSON.stringify(result)}\n`);
console.log(JSON.stringify(result));
