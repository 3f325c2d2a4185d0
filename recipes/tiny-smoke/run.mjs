// The tiny-smoke recipes for several seeds: an unfinished warm start, then reinforcement learning, and
// a table of what it brought.
//
//   node recipes/tiny-smoke/run.mjs [--out build/tiny-smoke] [--seeds 1,2,3] [--threads 2]
//       [--program build/release/memagent] [--json FILE]
//
// Seeds run one after another; what is done is not done again, and what was cut off goes on. Held out is
// the mean reward of whole readings of rows of the test split, greedily, before the first step and after
// the last. Sampled rewards are of trajectories at temperature 1 on questions of the training split, each
// asked once: of the first steps, when next to nothing has been learnt, and of the last. Needs GNU time
// (package `time`). The last line is one JSON object; --json writes it with the curves, ten steps to a point.
import {writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {parseArgs} from "node:util";
import {log, machine, mean, needsTime, root, rounded, tens, train, variant} from "./runs.mjs";

const {values: options} = parseArgs({options: {
    out: {type: "string", default: join(root, "build/tiny-smoke")},
    seeds: {type: "string", default: "1,2,3"},
    threads: {type: "string", default: "2"},
    program: {type: "string", default: join(root, "build/release/memagent")},
    json: {type: "string"},
}});
needsTime("tiny-smoke");
const FIRST = 3;  // steps
const LAST = 10;
const threads = Number(options.threads);
const out = resolve(options.out);

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
    const points = (key) => tens(steps.map((step) => step[key]));
    return {seed, sft_tokens: log(sft).at(-1).tokens, sft_seconds: warm, rl_steps: steps.length, rl_seconds: learnt,
        before: rounded(mean(steps.slice(0, FIRST).map(({reward}) => reward))),
        after: rounded(mean(steps.slice(-LAST).map(({reward}) => reward))),
        reward: points("reward"), malformed: points("malformed"), held_out: heldOut};
});

const minutes = ({wall, cpu}) => `${(wall / 60).toFixed(1)} (${(cpu / 60).toFixed(1)})`;
const lengths = Object.keys(runs[0].held_out[0]).filter((key) => key !== "step");
console.log("| seed | warm start, minutes (of processor) | RL, minutes (of processor) | " +
    lengths.map((length) => `held out, ${length} tokens | gain`).join(" | ") + " | sampled in training |");
console.log(`|---:|${"---:|".repeat(3 + 2 * lengths.length)}`);
for (const run of runs) {
    const [before, after] = [run.held_out[0], run.held_out.at(-1)];
    console.log(`| ${run.seed} | ${minutes(run.sft_seconds)} | ${minutes(run.rl_seconds)} | ` +
        lengths.map((length) => `${before[length].toFixed(3)} → ${after[length].toFixed(3)} | ` +
            `${(after[length] - before[length]).toFixed(3)}`).join(" | ") +
        ` | ${run.before.toFixed(3)} → ${run.after.toFixed(3)} |`);
}
const result = {...machine(resolve(options.program)), threads, runs};
if (options.json) writeFileSync(options.json, `${JSON.stringify(result)}\n`);
console.log(JSON.stringify({...result, runs: runs.map(({reward, malformed, ...rest}) => rest)}));
