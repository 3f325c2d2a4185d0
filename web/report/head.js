// What was measured: model, machine, date, settings; and each method's accuracy from the shortest
// document to the longest.
import {el} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {methodLook} from "./looks.js";

function dated(text) {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? String(text)
        : date.toLocaleDateString("en-GB", {day: "numeric", month: "long", year: "numeric",
            timeZone: "UTC"});
}

function shown(value) {
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function settingsOf(head) {
    const entries = Object.entries(head.settings ?? {});
    if (entries.length === 0) return null;
    return el("details", {class: "settings"}, el("summary", {}, "Settings"),
        el("dl", {}, entries.flatMap(([name, value]) =>
            [el("dt", {}, format.words(name)), el("dd", {class: "text"}, shown(value))])));
}

function tile(report, method, i) {
    const done = report.lengths.map((length) => ({length, ...report.score(method, "", length)}))
        .filter((one) => one.score !== null && one.tasks === one.of);
    const longest = done.at(-1);
    const first = done[0];
    return el("li", {class: i === 0 ? "tile main" : "tile",
        style: `--tile:${methodLook(i).colour}`},
    el("span", {class: "name"}, method),
    longest ? el("span", {class: "big"}, format.percent(longest.score)) :
        el("span", {class: "big"}, format.missing),
    el("span", {class: "small"}, !longest ? "no length with every task"
        : `at ${format.length(longest.length)}` +
            (first === longest ? "" : `, ${format.percent(first.score)} at ` +
                `${format.length(first.length)}`)));
}

export function head(report) {
    const {model, machine, date, commit, memagent} = report.head;
    document.title = `${model ? `${model}: ` : ""}memagent evaluation`;
    const asked = report.cells.reduce((sum, cell) => sum + (typeof cell.score === "number" &&
        cell.n > 0 ? cell.n : 0), 0);
    const facts = [
        machine ? ["Machine", machine] : null,
        date ? ["Date", dated(date)] : null,
        memagent ? ["memagent", `${memagent}${commit ? ` (${String(commit).slice(0, 12)})` : ""}`]
            : commit ? ["Commit", commit] : null,
        ["Asked", `${format.whole(asked)} questions in ${report.tasks.length} ` +
            `${report.tasks.length === 1 ? "task" : "tasks"}`],
    ];
    return [
        el("p", {class: "eyebrow"}, "memagent evaluation"),
        el("h1", {class: "text"}, model ?? "Evaluation"),
        el("dl", {class: "facts"}, facts.filter(Boolean).map(([name, value]) =>
            el("div", {}, el("dt", {}, name), el("dd", {class: "text"}, String(value))))),
        report.methods.length ? el("p", {class: "small tiles-title"},
            report.tasks.length > 1 ? "Mean accuracy over tasks at the longest documents"
                : "Accuracy at the longest documents") : null,
        el("ul", {class: "tiles"}, report.methods.map((method, i) => tile(report, method, i))),
        settingsOf(report.head),
    ];
}
