// Tasks by lengths as a table, one method at a time; on paper all of them.
import {el, section} from "../parts/dom.js";
import {scoreKey} from "./charts.js";
import * as format from "../parts/format.js";
import {scoreStep} from "./looks.js";

function scoreCell({score, low, high, n, tasks, of}) {
    if (score === null) return el("td", {class: "score none"}, format.missing);
    const half = low === null || high === null ? "" : ` \u00b1${Math.round(50 * (high - low))}`;
    const all = tasks === of;
    const title = `${format.percent(score, 1)}` +
        (low === null ? "" : `, 95%: ${format.interval(low, high)}`) +
        (n ? `, n = ${format.whole(n)}` : "") + (all ? "" : `, ${tasks} of ${of} tasks`);
    return el("td", {class: `score s${scoreStep(score)}`, title},
        format.percent(score).slice(0, -1), el("small", {}, half), all ? null : "*");
}

function grid(report, method) {
    const line = (task, name) => el("tr", {class: task ? null : "mean"},
        el("th", {scope: "row", title: report.descriptions.get(task) || null}, name),
        report.lengths.map((length) => scoreCell(report.score(method, task, length))));
    const part = report.lengths.some((length) => {
        const {tasks, of} = report.score(method, "", length);
        return tasks > 0 && tasks < of;
    });
    return el("div", {class: "scroll", tabindex: "0", role: "region",
        "aria-label": `Scores of ${method}`},
    el("table", {class: "scores"},
        el("caption", {}, `${method}: % right, \u00b1 half of the 95% interval` +
            (part ? "; * mean over only some of the tasks" : "")),
        el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Task"),
            report.lengths.map((length) => el("th", {scope: "col"}, format.length(length))))),
        el("tbody", {}, report.tasks.map((task) => line(task, task))),
        report.tasks.length > 1 ? el("tfoot", {}, line("", "Mean")) : null));
}

export function scores(report) {
    const grids = report.methods.map((method) => grid(report, method));
    const buttons = report.methods.map((method, i) => el("button", {type: "button",
        onclick: () => show(i)}, method));
    function show(chosen) {
        grids.forEach((one, i) => one.classList.toggle("paper-only", i !== chosen));
        buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(i === chosen)));
    }
    show(0);
    return section("scores", "Scores", null,
        buttons.length > 1 ? el("div", {class: "segments", role: "group",
            "aria-label": "Method of the table"}, buttons) : null,
        grids, scoreKey());
}
