// How questions ended, right or in which way wrong, as stacked bars: methods side by side within
// each length.
import {canvas, el, numbers, section, table} from "../parts/dom.js";
import {Plot} from "./charts.js";
import * as format from "../parts/format.js";
import {inOutcomeOrder, outcomeColour, outcomeInk, outcomeMeaning} from "./looks.js";

function bars(report, task, names) {
    return report.lengths.flatMap((length) => report.methods.flatMap((method) => {
        const counts = report.outcomes(method, task, length);
        const n = Object.values(counts).reduce((sum, count) => sum + count, 0);
        let end = 0;
        return names.filter((name) => counts[name]).map((name) => {
            const begin = end;
            end += counts[name] / n;
            return {length, method, name, begin, end, count: counts[name], n};
        });
    }));
}

function draw(report, task, names, width) {
    const data = bars(report, task, names);
    if (data.length === 0) return el("p", {class: "note"}, `Not recorded for ${task}.`);
    const lengths = report.lengths.filter((length) => data.some((bar) => bar.length === length));
    const methods = report.methods.filter((method) => data.some((bar) => bar.method === method));
    const left = Math.min(0.32 * width, 14 + 6.4 * Math.max(...methods.map((name) => name.length)));
    const right = 44;
    const chart = Plot.plot({
        width, height: lengths.length * (methods.length * 20 + 12) + 34,
        marginLeft: left, marginRight: right, marginTop: 6, marginBottom: 26,
        style: {background: "none", fontSize: "11px", color: "var(--soft)"},
        ariaLabel: `Outcomes, ${task || "all tasks"}`,
        x: {domain: [0, 1], label: null, ticks: [0, 0.25, 0.5, 0.75, 1], tickSize: 4,
            tickFormat: (share) => format.percent(share)},
        y: {type: "band", domain: methods, label: null, tickSize: 0, padding: 0.12},
        fy: {domain: lengths, label: null, padding: 0.1, tickFormat: format.length,
            axis: "right"},
        color: {type: "identity"},
        marks: [
            Plot.barX(data, {fy: "length", y: "method", x1: "begin", x2: "end",
                fill: (bar) => outcomeColour(bar.name), insetLeft: 0.5, insetRight: 0.5,
                title: (bar) => `${bar.method}, ${format.length(bar.length)} tokens: ` +
                    `${format.words(bar.name)} ${format.whole(bar.count)} of ` +
                    `${format.whole(bar.n)} (${format.percent(bar.count / bar.n)})`}),
            Plot.text(data.filter((bar) => (bar.end - bar.begin) * (width - left - right) >
                8 + 7 * String(bar.count).length), {fy: "length", y: "method",
                x: (bar) => (bar.begin + bar.end) / 2, text: (bar) => String(bar.count),
                fill: (bar) => outcomeInk(bar.name)}),
        ],
    });
    chart.setAttribute("role", "img");
    return chart;
}

export function outcomes(report, state) {
    const names = inOutcomeOrder(new Set(report.methods.flatMap((method) =>
        report.lengths.flatMap((length) => Object.keys(report.outcomes(method, "", length))))));
    if (names.length === 0) return null;
    const heading = el("h3", {});
    const details = numbers(el("div"));
    const drawing = canvas({class: "chart"}, (width) => draw(report, state.task, names, width));
    state.onchange(() => {
        heading.textContent = state.task || "All tasks";
        drawing.redraw();
        details.replaceChild(table(`Outcomes, ${state.task || "all tasks"}: questions`,
            ["Method", "Document", ...names.map(format.words), "false updates"],
            report.methods.flatMap((method) => report.lengths.flatMap((length) => {
                const counts = report.outcomes(method, state.task, length);
                if (Object.keys(counts).length === 0) return [];
                const updates = report.falseUpdates(method, state.task, length);
                return [[method, format.length(length),
                    ...names.map((name) => format.whole(counts[name] ?? 0)),
                    updates === null ? "" :
                        `${format.whole(updates.changed)} of ${format.whole(updates.of)}`]];
            }))), details.lastChild);
    });
    return section("outcomes", "How questions ended",
        "Bars count questions; on the right, tokens in the document. False updates are changes of " +
        "the memory at sections in which nothing stands that the answer rests on.", heading,
        el("ul", {class: "legend outcomes"}, names.map((name) => el("li", {},
            el("span", {class: "swatch", style: `background:${outcomeColour(name)}`}),
            el("b", {}, format.words(name)),
            outcomeMeaning(name) ? ` ${outcomeMeaning(name)}` : ""))),
        drawing.place, details);
}
