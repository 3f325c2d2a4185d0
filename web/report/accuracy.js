// Accuracy against document length: one large chart for the chosen task, or the mean over tasks,
// and a small one for every task.
import {canvas, el, numbers, section, table} from "../parts/dom.js";
import {Plot, curves, legend} from "./charts.js";
import * as format from "../parts/format.js";
import {methodLook} from "./looks.js";

export const meanName = "mean over tasks";

function points(report, task) {
    return report.methods.flatMap((method) => report.lengths.map((length) => {
        const {score, low, high, n, tasks, of} = report.score(method, task, length);
        const part = tasks > 0 && tasks < of;
        const title = `${method}, ${format.length(length)} tokens\n` +
            `${format.percent(score, 1)}` +
            (low === null ? "" : ` (95%: ${format.interval(low, high)})`) +
            (n ? `\nn = ${format.whole(n)}` : "") +
            (part ? `\nonly ${tasks} of ${of} tasks were run` : "");
        return {method, length, value: score, low, high, n, part, title};
    }));
}

function numbersOf(report, task) {
    return table(`Accuracy of ${task || meanName}, with 95% intervals and questions asked`,
        ["Method", ...report.lengths.map(format.length)],
        report.methods.map((method) => [method, ...report.lengths.map((length) => {
            const {score, low, high, n, tasks, of} = report.score(method, task, length);
            if (score === null) return format.missing;
            return el("td", {}, format.percent(score, 1), el("small", {},
                ` ${format.interval(low, high)}${n ? `, n ${format.whole(n)}` : ""}` +
                (tasks < of ? `, ${tasks} of ${of} tasks` : "")));
        })]));
}

// A chart of the size of a stamp: lines only, the same scales throughout.
function small(report, task, width) {
    const data = points(report, task);
    const lengths = report.lengths;
    const chart = Plot.plot({
        width, height: 92, marginLeft: 30, marginRight: 8, marginTop: 8, marginBottom: 18,
        style: {background: "none", fontSize: "10px", color: "var(--soft)"},
        ariaLabel: `Accuracy against length, ${task}`,
        x: {type: "log", base: 2, label: null, tickSize: 0,
            domain: lengths.length > 1 ? [lengths[0], lengths.at(-1)] : undefined,
            ticks: [...new Set([lengths[0], lengths.at(-1)])], tickFormat: format.length},
        y: {domain: [0, 1], label: null, tickSize: 0, ticks: [0, 1],
            tickFormat: (share) => format.percent(share)},
        marks: [
            Plot.ruleY([0, 0.5, 1], {stroke: "var(--line)"}),
            ...report.methods.flatMap((method, i) => {
                const look = methodLook(i);
                const own = data.filter((point) => point.method === method);
                return [
                    Plot.line(own, {x: "length", y: "value", stroke: look.colour,
                        strokeWidth: i === 0 ? 2 : 1.3, strokeDasharray: look.dash || undefined}),
                    Plot.dot(own.filter((point) => point.value !== null), {x: "length",
                        y: "value", r: 1.7, fill: look.colour}),
                ];
            }).reverse(),
        ],
    });
    chart.setAttribute("role", "img");
    // Labels stand centred on their tick; at the ends they would leave the picture.
    const ticks = [...chart.querySelectorAll('[aria-label="x-axis tick label"] text')];
    if (ticks.length > 1) ticks.at(-1).setAttribute("text-anchor", "end");
    return chart;
}

export function accuracy(report, state) {
    const chart = canvas({class: "chart"}, (width) => curves(points(report, state.task), {
        width, height: Math.max(250, Math.min(400, width * 0.46)),
        methods: report.methods, lengths: report.lengths,
        label: `Accuracy against document length, ${state.task || meanName}`,
        y: {domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: (share) =>
            format.percent(share)},
    }));
    const title = el("h3", {});
    const about = el("p", {class: "about"});
    const details = numbers(el("div"));

    const smalls = report.tasks.length < 2 ? [] : report.tasks.map((task) => {
        const drawing = canvas({class: "chart"}, (width) => small(report, task, width));
        const button = el("button", {type: "button", class: "stamp",
            title: report.descriptions.get(task) || null, onclick: () => state.choose(task)},
        el("span", {}, task), drawing.place);
        return {task, button};
    });

    state.onchange(() => {
        title.textContent = state.task || `All tasks, ${meanName}`;
        about.textContent = report.descriptions.get(state.task) ?? "";
        about.hidden = !about.textContent;
        details.replaceChild(numbersOf(report, state.task), details.lastChild);
        for (const {task, button} of smalls) {
            button.setAttribute("aria-pressed", String(task === state.task));
        }
        chart.redraw();
    });
    return section("accuracy", "Accuracy by document length",
        "Share of questions answered right against tokens in the document. Bands are 95% " +
        "intervals; a hollow mark is a mean over only some of the tasks.",
        title, about, legend(report.methods, report.methods), chart.place,
        el("p", {class: "axis"}, "tokens in the document"), details,
        smalls.length ? el("h3", {class: "later"}, "Task by task") : null,
        smalls.length ? el("div", {class: "stamps"}, smalls.map((one) => one.button)) : null);
}
