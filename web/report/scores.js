// Tasks by lengths as a table, one method at a time; on paper all of them.
import {el, section, table} from "../parts/dom.js";
import {scoreKey} from "./charts.js";
import * as format from "../parts/format.js";
import {scoreStep} from "./looks.js";

function scoreCell({score, low, high, n, tasks, of}) {
    if (score === null) return el("td", {class: "score none"}, format.missing);
    // Not half of its width: near 0% and 100% an interval has but one side.
    const interval = low === null || high === null ? ""
        : ` ${Math.round(100 * low)}\u2013${Math.round(100 * high)}`;
    const all = tasks === of;
    const title = `${format.percent(score, 1)}` +
        (low === null ? "" : `, 95%: ${format.interval(low, high)}`) +
        (n ? `, n = ${format.whole(n)}` : "") + (all ? "" : `, ${tasks} of ${of} tasks`);
    return el("td", {class: `score s${scoreStep(score)}`, title},
        format.percent(score).slice(0, -1), el("small", {}, interval), all ? null : "*");
}

// A long name may go on in the next line after "_": cut short, niah_multikey_1 to 3 are the same.
const breakable = (name) =>
    name.split(/(?<=_)/).flatMap((part, i) => (i === 0 ? [part] : [el("wbr"), part]));

function grid(report, method) {
    const line = (task, name) => el("tr", {class: task ? null : "mean"},
        el("th", {scope: "row", title: report.descriptions.get(task) || null},
            breakable(name)),
        report.lengths.map((length) => scoreCell(report.score(method, task, length))));
    const part = report.lengths.some((length) => {
        const {tasks, of} = report.score(method, "", length);
        return tasks > 0 && tasks < of;
    });
    return el("div", {class: "scroll", tabindex: "0", role: "region",
        "aria-label": `Scores of ${method}`},
    el("table", {class: "scores"},
        el("caption", {}, `${method}: % right, and the 95% interval` +
            (part ? "; * mean over only some of the tasks" : "")),
        el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Task"),
            report.lengths.map((length) => el("th", {scope: "col"}, format.length(length))))),
        el("tbody", {}, report.tasks.map((task) => line(task, task))),
        report.tasks.length > 1 ? el("tfoot", {}, line("", "Mean")) : null));
}

// What the first method gains on each of the others, paired row by row: intervals are of the gain,
// and narrower than those of two scores side by side.
function gains(report) {
    const [first, ...others] = report.methods;
    const known = others.filter((other) =>
        report.lengths.some((length) => report.difference(other, length)));
    if (known.length === 0) return null;
    const points = (share) => `${share < 0 ? "\u2212" : "+"}${Math.abs(100 * share).toFixed(1)}`;
    const gain = (other, length) => {
        const one = report.difference(other, length);
        if (!one) return format.missing;
        const {difference, ci_low: low, ci_high: high, n} = one;
        const sure = low > 0 || high < 0;
        return el("td", {title: `${format.whole(n)} rows`},
            sure ? el("strong", {}, points(difference)) : points(difference),
            el("small", {}, ` ${points(low)} to ${points(high)}`));
    };
    return el("div", {class: "gains"}, el("h3", {class: "later"}, `What ${first} gains`),
        table(`Points by which ${first} is right more often than another method on the same ` +
            "questions, with 95% intervals; bold where chance is ruled out",
        ["Against", ...report.lengths.map(format.length)],
        known.map((other) => [other, ...report.lengths.map((length) => gain(other, length))])));
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
        grids, scoreKey(), gains(report));
}
