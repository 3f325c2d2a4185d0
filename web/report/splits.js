// Where in the document the answer stood, and how many steps of reasoning it took: heat maps over
// length, one for each method.
import {canvas, el, section, table, numbers} from "../parts/dom.js";
import {Plot, scoreKey} from "./charts.js";
import * as format from "../parts/format.js";
import {scoreStep} from "./looks.js";
import {meanName} from "./accuracy.js";

const depthKey = (part) => `${Math.round(100 * part.low)}\u2013${Math.round(100 * part.high)}%`;
const hopsKey = (part) => String(part.hops);
const byNumber = (a, b) => parseFloat(a) - parseFloat(b);

// [{length, key, n, score}]; score null where nothing was run.
function cellsOf(report, field, key, method, task) {
    const found = report.lengths.flatMap((length) =>
        report.split(field, key, method, task, length).map((part) => ({length, ...part})));
    return found;
}

function heatMap(cells, keys, lengths, label, width) {
    const all = keys.flatMap((key) => lengths.map((length) =>
        cells.find((cell) => cell.key === key && cell.length === length) ??
        {key, length, score: null}));
    const rowHeight = keys.length > 12 ? 18 : 26;
    const numberWidth = (width - 62) / lengths.length;
    const chart = Plot.plot({
        width, height: keys.length * rowHeight + 30, padding: 0,
        marginLeft: 58, marginRight: 4, marginTop: 4, marginBottom: 26,
        style: {background: "none", fontSize: "11px", color: "var(--soft)"},
        ariaLabel: label,
        x: {type: "band", domain: lengths, label: null, tickSize: 0, padding: 0.04,
            tickFormat: format.length,
            ticks: numberWidth < 32 ? lengths.filter((_, i) => i % 2 === 0) : lengths},
        y: {type: "band", domain: keys, label: null, tickSize: 0, padding: 0.06},
        color: {type: "identity"},
        marks: [
            Plot.cell(all, {x: "length", y: "key", rx: 3,
                fill: (cell) => (cell.score === null ? "none" : `var(--s${scoreStep(cell.score)})`),
                stroke: (cell) => (cell.score === null ? "var(--line)" : "none"),
                title: (cell) => `${cell.key}, ${format.length(cell.length)} tokens: ` +
                    (cell.score === null ? "not run"
                        : `${format.percent(cell.score, 1)}, n = ${format.whole(cell.n)}`)}),
            Plot.text(all.filter((cell) => cell.score !== null), {x: "length", y: "key",
                text: (cell) => format.percent(cell.score).slice(0, -1),
                fill: (cell) => `var(--t${scoreStep(cell.score)})`}),
        ],
    });
    chart.setAttribute("role", "img");
    return chart;
}

// One section of heat maps; null if no cell of the report has the field.
function splitSection(report, state, {id, title, lead, field, key, order, what}) {
    const everything = report.methods.flatMap((method) => cellsOf(report, field, key, method, ""));
    if (everything.length === 0) return null;
    const keys = [...new Set(everything.map((cell) => cell.key))].sort(order);
    const empty = el("p", {class: "note"});
    const maps = report.methods.map((method) => {
        const drawing = canvas({class: "chart"}, (width) => heatMap(
            cellsOf(report, field, key, method, state.task), keys, report.lengths,
            `${title}, ${method}, ${state.task || meanName}`, width));
        return {method, drawing, figure: el("figure", {}, el("figcaption", {}, method),
            drawing.place)};
    });
    const details = numbers(el("div"));
    const heading = el("h3", {});
    const key_ = scoreKey();
    state.onchange(() => {
        heading.textContent = state.task || "All tasks";
        let any = false;
        for (const {method, drawing, figure} of maps) {
            const has = cellsOf(report, field, key, method, state.task).length > 0;
            figure.hidden = !has;
            any ||= has;
            if (has) drawing.redraw();
        }
        empty.hidden = any;
        key_.hidden = details.hidden = !any;
        empty.textContent = `No ${what} is recorded for ${state.task}.`;
        details.replaceChild(table(`Accuracy by ${what}, ${state.task || "all tasks"}`,
            ["Method", what, ...report.lengths.map(format.length)],
            report.methods.flatMap((method) => {
                const cells = cellsOf(report, field, key, method, state.task);
                return cells.length === 0 ? [] : keys.map((name) => [method, name,
                    ...report.lengths.map((length) => {
                        const cell = cells.find((one) => one.key === name && one.length === length);
                        return cell ? `${format.percent(cell.score)}, n ${format.whole(cell.n)}`
                            : format.missing;
                    })]);
            })), details.lastChild);
    });
    return section(id, title, lead, heading, empty,
        el("div", {class: "figures"}, maps.map((one) => one.figure)), key_, details);
}

export const depth = (report, state) => splitSection(report, state, {
    id: "depth", title: "Where the evidence stands", field: "by_depth", key: depthKey,
    order: byNumber, what: "depth",
    lead: "Accuracy by how deep in the document the evidence stands (rows, beginning at the top) " +
        "and by tokens in the document.",
});
export const hops = (report, state) => splitSection(report, state, {
    id: "hops", title: "Steps of reasoning", field: "by_hops", key: hopsKey, order: byNumber,
    what: "hops",
    lead: "Accuracy by how many facts have to be joined (rows) and by tokens in the document.",
});
