// The page of a training run: reads the JSON in the page and puts the curves, the trajectories and
// the recipe together. While the run lasts the page loads itself again.
import {el, section} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {chart} from "./curves.js";
import {axisOf, curvesOf, stagesOf} from "./log.js";
import {samples} from "./samples.js";

const RELOAD_MS = 60_000;
const STATES = {
    running: "Under way; as of the last checkpoint.",
    stopped: "Stopped before its end; --resume goes on from the last checkpoint.",
    done: "Done.",
};

function facts(run, last) {
    const items = run.kind === "rl"
        ? [["Steps", `${format.whole(last.step)} of ${format.whole(run.recipe.steps)}`],
            ["Reward", format.percent(last.reward, 1)],
            ["Questions a step", `${run.recipe.questions}, ${run.recipe.group} times each`]]
        : [["Tokens", `${format.rough(last.tokens)} of ` + format.rough(run.recipe.stage
            .reduce((sum, {tokens}) => sum + tokens, 0))],
        ["Stage", last.stage || format.missing],
        ["Loss", format.rough(last.loss)]];
    return el("dl", {class: "facts"}, items.map(([name, value]) =>
        el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function show(run) {
    document.title = `${run.name}: training run`;
    const last = run.steps.at(-1);
    document.getElementById("head").append(
        el("p", {class: "eyebrow"}, run.kind === "rl" ? "Reinforcement learning" : "Supervised warm start"),
        el("h1", {}, run.name),
        el("p", {}, run.state === "running" ? el("span", {class: "live", "aria-hidden": "true"}) : "",
            STATES[run.state]),
        ...(last ? [facts(run, last)] : []));
    const main = document.getElementById("main");
    if (!last) {
        main.append(el("p", {class: "note"}, "Nothing has been learnt yet."));
        return;
    }
    const {at, title} = axisOf(run);
    const stages = stagesOf(run, at);
    main.append(section("curves", "Curves",
        "Every point is the mean of neighbouring steps." + (stages.length > 1
            ? ` Dashed lines: ${stages.map(([, name]) => name).join(", ")} begin.` : ""),
        el("div", {class: "charts"}, curvesOf(run).map((spec) => chart(spec, at, title, stages)))));
    if (run.samples.length > 0) {
        main.append(section("trajectories", "Trajectories",
            "Of some questions of the last step the best of the group and the worst.", samples(run)));
    }
    main.append(section("recipe", "Recipe", "As it was understood, with every default.",
        el("pre", {class: "recipe", tabindex: "0"}, JSON.stringify(run.recipe, null, 2))));
}

document.getElementById("foot").append(el("p", {class: "small"},
    "Made by memagent train. This file is complete in itself and loads nothing; its data is the " +
    "JSON in the element \"run\"."));
try {
    const run = JSON.parse(document.getElementById("run").textContent);
    show(run);
    if (run.state === "running") setTimeout(() => location.reload(), RELOAD_MS);
} catch (error) {
    document.getElementById("main").replaceChildren(
        el("p", {class: "note", role: "alert"}, `This page cannot be shown: ${error.message}`));
    throw error;
}
