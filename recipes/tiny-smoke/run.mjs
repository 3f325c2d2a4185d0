// The tiny-smoke recipes for several seeds: an unfinished warm start, then reinforcement learning, and
// a table of what it brought.
//
//   node recipes/tiny-smoke/run.mjs [--out build/tiny-smoke] [--seeds 1,2,3] [--threads 2]
//       [--program build/release/memagent] [--json FILE]
//
// Seeds run one after another; what is done is not done again, and what was cut off goes on. Rewards are of
// trajectories sampled at temperature 1 on questions of the training split, each asked once: of the
// first steps, when next to nothing has been learnt, and of the last. Held-out scores are of whole
// readings of rows of the test split, greedily. Needs GNU time (package `time`). The last line is one
// JSON object; --json writes it with the curves, ten steps to a point.
import {existsSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {parseArgs} from "node:util";
import {log, machine, mean, root, train, variant} from "./runs.mjs";

const {values: options} = parseArgs({options: {
    out: {type: "string", default: join(root, "build/tiny-smoke")},
    seeds: {type: "string", default: "1,2,3"},
    threads: {type: "string", default: "2"},
    program: {type: "string", default: join(root, "build/release/memagent")},
    json: {type: "string"},
}});
if (!existsSync("/usr/bin/time")) {
    console.error("tiny-smoke: GNU time is needed: apt-get install time");
    process.exit(2);
}
const FIRST = 3;  // steps
const LAST = 10;
const threads = Number(options.threads);
const out = resolve(options.out);

const rounded = (value) => Math.round(1e4 * value) / 1e4;
const runs = options.seeds.split(",").map(Number).map((seed) => {
    const sft = join(out, `sft-${seed}`);
    const rl = join(out, `rl-${seed}`);
    const common = {program: resolve(options.program), threads};
    const warm = train({...common, kind: "sft", folder: sft, recipe: variant("sft.toml", {seed})});
    const learnt = train({...common, kind: "rl", folder: rl, recipe: variant("rl.toml",
        {seed, "network.weights": JSON.stringify(join(sft, "model.gguf"))})});
    const lines = log(rl);
    const steps = lines.filter(({step}) => step > 0);
    const heldOut = lines.filter(({held_out}) => held_out).map(({step, held_out}) => ({step, ...held_out}));
    const points = [];
    for (let i = 0; i < steps.length; i += 10) points.push(rounded(mean(steps.slice(i, i + 10).map(({reward}) => reward))));
    return {seed, sft_tokens: log(sft).at(-1).tokens, sft_seconds: warm, rl_steps: steps.length, rl_seconds: learnt,
        before: rounded(mean(steps.slice(0, FIRST).map(({reward}) => reward))),
        after: rounded(mean(steps.slice(-LAST).map(({reward}) => reward))),
        reward: points, held_out: heldOut};
});

const minutes = ({wall, cpu}) => `${(wall / 60).toFixed(1)} (${(cpu / 60).toFixed(1)})`;
const percent = (share) => (100 * share).toFixed(0);
const lengths = Object.keys(runs[0].held_out[0]).filter((key) => key !== "step");
console.log("| seed | warm start, minutes (of processor) | RL, minutes (of processor) | reward before | after | gain | " +
    lengths.map((length) => `held out, ${length} tokens`).join(" | ") + " |");
console.log(`|---:|${"---:|".repeat(5 + lengths.length)}`);
for (const run of runs) {
    console.log(`| ${run.seed} | ${minutes(run.sft_seconds)} | ${minutes(run.rl_seconds)} | ` +
        `${run.before.toFixed(3)} | ${run.after.toFixed(3)} | ${(run.after - run.before).toFixed(3)} | ` +
        lengths.map((length) => `${percent(run.held_out[0][length])} → ${percent(run.held_out.at(-1)[length])}`)
            .join(" | ") + " |");
}
const result = {...machine(resolve(options.program)), threads, runs};
if (options.json) writeFileSync(options.json, `${JSON.stringify(result)}\n`);
console.log(JSON.stringify({...result, runs: runs.map(({reward, held_out, ...rest}) => rest)}));
