// What there is to draw of a run's log: the curves of a warm start and of reinforcement learning.
// A number that a run does not have makes no curve.
import * as format from "../parts/format.js";

const percent = (share) => format.percent(share, share > 0.99 && share < 1 ? 1 : 0);
const share = {show: percent, domain: [0, 1]};

// "right.keep" of every step; null where it is missing.
function along(steps, path) {
    const keys = path.split(".");
    return steps.map((step) => {
        let value = step;
        for (const key of keys) value = value?.[key];
        return typeof value === "number" ? value : null;
    });
}

function lines(steps, named) {
    return Object.entries(named)
        .map(([name, path]) => ({name, values: along(steps, path)}))
        .filter(({values}) => values.some((value) => value !== null));
}

const BY_LENGTH = ["lengths", "held_out"];

// One line for every key under `path` that any step has.
function under(steps, path, leaf = "") {
    const keys = [...new Set(steps.flatMap((step) => Object.keys(step[path] ?? {})))];
    return lines(steps, Object.fromEntries(keys.map((key) =>
        [BY_LENGTH.includes(path) ? `${format.length(Number(key))} tokens` : key,
            `${path}.${key}${leaf}`])));
}

// At most five lines a chart can be told apart.
function inFives(title, series, look) {
    const charts = [];
    for (let i = 0; i < series.length; i += 5) {
        charts.push({title: series.length > 5 ? `${title} (${i / 5 + 1})` : title,
            series: series.slice(i, i + 5), ...look});
    }
    return charts;
}

// Every so many steps: points in between are no gaps.
function heldOut(steps) {
    return inFives("Held-out documents answered right, by length", under(steps, "held_out"),
        {...share, sparse: true});
}

function warmStart(steps) {
    return [
        ...heldOut(steps),
        {title: "Replies right before they were learnt from", ...share,
            series: lines(steps, {keep: "right.keep", update: "right.update",
                answer: "right.answer", text: "right.text"})},
        {title: "Loss a token", series: lines(steps, {loss: "loss"}), log: true},
        ...inFives("Updates right, by task", under(steps, "tasks", ".update"), share),
        ...inFives("Answers right, by task", under(steps, "tasks", ".answer"), share),
        {title: "Gradient norm", series: lines(steps, {norm: "gradient_norm"}), log: true},
        {title: "Learning rate", series: lines(steps, {rate: "rate"})},
        {title: "Tokens a second", series: lines(steps, {"trained on": "trained_tokens_per_second"})},
    ];
}

function reinforcement(steps) {
    const gap = lines(steps, {"rollout gap": "rollout_gap"});
    return [
        {title: "Reward", ...share,
            series: lines(steps, {"of trajectories": "reward", "best of a group": "best_of_group"})},
        ...heldOut(steps),
        {title: "Reward by length of the document", ...share, series: under(steps, "lengths").slice(-5)},
        ...inFives("Reward by task", under(steps, "tasks"), share),
        {title: "What replies do", ...share, series: lines(steps, {"keep the memory": "kept_memories",
            malformed: "malformed", "stopped early": "stopped_early", "cut off": "truncated"})},
        {title: "Tokens", series: lines(steps, {"of a reply": "reply_tokens",
            "of a memory": "memory_tokens"})},
        {title: "Entropy a sampled token", series: lines(steps, {entropy: "entropy"})},
        {title: "KL to the start, and clipped tokens", series: lines(steps, {KL: "kl",
            "clipped share": "clip_fraction"})},
        {title: "Engine against trainer, log-probability", series: gap, log: true},
        {title: "Gradient norm", series: lines(steps, {norm: "gradient_norm"}), log: true},
        {title: "Learning rate", series: lines(steps, {rate: "rate"})},
        {title: "Seconds a step", series: lines(steps, {rollouts: "rollout_seconds",
            update: "update_seconds"}), show: format.seconds},
        {title: "Tokens a second", series: lines(steps, {sampled: "sampled_tokens_per_second",
            "trained on": "trained_tokens_per_second"})},
    ];
}

export function curvesOf({kind, steps}) {
    const charts = kind === "rl" ? reinforcement(steps) : warmStart(steps);
    return charts.filter(({series}) => series.length > 0);
}

// Where on the axis steps stand: warm starts go by tokens.
export function axisOf({kind, steps}) {
    return kind === "rl" ? {at: along(steps, "step"), title: "step"}
        : {at: along(steps, "tokens"), title: "tokens trained on"};
}

// [place, name] of every part of the curriculum.
export function stagesOf({steps}, at) {
    const stages = [];
    steps.forEach(({stage}, i) => {
        if (stage && stages.at(-1)?.[1] !== stage) stages.push([at[i], stage]);
    });
    return stages;
}
