// The report of an evaluation: reads the JSON in the page and puts the sections together. One
// choice of task governs them all.
import {choice, el} from "../parts/dom.js";
import {accuracy} from "./accuracy.js";
import {cost} from "./cost.js";
import {Report} from "./data.js";
import {head} from "./head.js";
import {outcomes} from "./outcomes.js";
import {rows} from "./rows.js";
import {scores} from "./scores.js";
import {depth, hops} from "./splits.js";

const state = {
    task: "",
    listeners: [],
    onchange(listener) {
        this.listeners.push(listener);
    },
    choose(task) {
        this.task = task;
        for (const listener of this.listeners) listener();
    },
};

const TITLES = {accuracy: "Accuracy", scores: "Scores", depth: "Depth", hops: "Hops",
    cost: "Cost", outcomes: "Outcomes", rows: "Readings"};

function show(report) {
    document.getElementById("head").append(...head(report).filter(Boolean));
    const main = document.getElementById("main");
    if (report.cells.length === 0 && report.rows.length === 0) {
        main.append(el("p", {class: "note"}, "Nothing was run yet."));
        return;
    }
    const sections = [
        report.cells.length ? accuracy(report, state) : null,
        report.cells.length ? scores(report) : null,
        depth(report, state), hops(report, state),
        report.cells.length ? cost(report, state) : null,
        outcomes(report, state), rows(report, state),
    ].filter(Boolean);

    const all = ["", report.tasks.length === 1 ? "the only task" : "all tasks"];
    const tasks = choice("Task", [all, ...report.tasks.map((name) => [name, name])], "",
        (task) => state.choose(task));
    state.onchange(() => {
        tasks.querySelector("select").value = state.task;
    });
    document.getElementById("bar").append(
        report.tasks.length > 1 ? tasks : "",
        el("ul", {}, sections.map(({id}) =>
            el("li", {}, el("a", {href: `#${id}`}, TITLES[id] ?? id)))));
    main.append(...sections);
    state.choose(report.tasks.length === 1 ? report.tasks[0] : "");

    // On paper everything that is folded away on the screen is shown.
    addEventListener("beforeprint", () => {
        for (const one of document.querySelectorAll("details.settings")) one.open = true;
    });
}

document.getElementById("foot").append(el("p", {class: "small"},
    "Made by memagent eval. This file is complete in itself and loads nothing; its data is the " +
    "JSON in the element \"report\"."));
try {
    show(new Report(JSON.parse(document.getElementById("report").textContent)));
} catch (error) {
    document.getElementById("main").replaceChildren(
        el("p", {class: "note", role: "alert"}, `This report cannot be shown: ${error.message}`));
    throw error;
}
