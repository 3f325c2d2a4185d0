// What the charts of the report have in common: axes of document length, the legend of methods,
// the scale of scores. SVG by Observable Plot; colours are CSS variables, so that dark mode and
// paper need no second drawing.
import * as Plot from "@observablehq/plot";
import {el, svg} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {methodLook} from "./looks.js";

export {Plot};

// Lengths that can carry a label without touching the next one.
function labelled(lengths, width) {
    if (lengths.length < 2) return lengths;
    const [first, last] = [Math.log2(lengths[0]), Math.log2(lengths.at(-1))];
    const at = (length) => ((Math.log2(length) - first) / (last - first || 1)) * width;
    const kept = [lengths.at(-1)];
    for (const length of lengths.slice(0, -1).reverse()) {
        if (at(kept[0]) - at(length) >= 38) kept.unshift(length);
    }
    return kept;
}

// Document length, logarithmic.
export function lengthAxis(lengths, width) {
    const domain = lengths.length > 1 ? [lengths[0], lengths.at(-1)]
        : [(lengths[0] ?? 1) / 2, (lengths[0] ?? 1) * 2];
    return {
        type: "log", base: 2, domain, label: null, tickSize: 4,
        ticks: labelled(lengths, width), tickFormat: format.length,
    };
}

export function legend(methods, all) {
    return el("ul", {class: "legend"}, methods.map((method) => {
        const look = methodLook(all.indexOf(method));
        return el("li", {},
            svg("svg", {width: 34, height: 12, viewBox: "-17 -6 34 12", "aria-hidden": "true"},
                svg("line", {x1: -16, x2: 16, style: `stroke:${look.colour}`,
                    "stroke-width": look.width, "stroke-dasharray": look.dash}),
                svg("path", {d: symbolPath(look.symbol), style: `fill:${look.colour}`})),
            method);
    }));
}

// The symbols Plot draws, at the size of its dots.
function symbolPath(symbol) {
    return {
        circle: "M4,0A4,4,0,1,1,-4,0A4,4,0,1,1,4,0Z",
        square: "M-3.6,-3.6H3.6V3.6H-3.6Z",
        triangle: "M0,-5L4.4,2.6H-4.4Z",
        diamond: "M0,-5.4L3.2,0L0,5.4L-3.2,0Z",
        star: "M0,-5.2L1.2,-1.6L5,-1.6L1.9,.6L3.1,4.2L0,2L-3.1,4.2L-1.9,.6L-5,-1.6L-1.2,-1.6Z",
    }[symbol];
}

// Curves of methods over length. points: [{method, length, value, low, high, part, title}]; a null
// value is a gap; `part` marks a value that is not comparable with its neighbours, drawn hollow and
// joined to nothing.
export function curves(points, {width, height, methods, lengths, label, y}) {
    const margin = {marginLeft: 44, marginRight: 14, marginTop: 14, marginBottom: 28};
    const shown = points.filter((point) => point.value !== null);
    const perMethod = methods.flatMap((method, i) => {
        const look = methodLook(i);
        const own = points.filter((point) => point.method === method);
        const joined = own.map((point) => (point.part ? {...point, value: null} : point));
        const dots = (data, fill) => Plot.dot(data, {x: "length", y: "value", r: 3.6,
            symbol: look.symbol, fill, stroke: look.colour, strokeWidth: 1.6});
        return [
            Plot.areaY(joined, {x: "length", fill: look.colour, fillOpacity: 0.13,
                y1: (d) => (d.value === null ? null : d.low),
                y2: (d) => (d.value === null ? null : d.high)}),
            Plot.line(joined, {x: "length", y: "value", stroke: look.colour,
                strokeWidth: look.width, strokeDasharray: look.dash || undefined}),
            dots(own.filter((point) => point.value !== null && !point.part), look.colour),
            dots(own.filter((point) => point.value !== null && point.part), "var(--paper)"),
        ];
    });
    const chart = Plot.plot({
        width, height, ...margin,
        style: {background: "none", fontSize: "12px", color: "var(--soft)"},
        ariaLabel: label,
        x: lengthAxis(lengths, width - margin.marginLeft - margin.marginRight),
        y: {label: null, axis: null, ...y},
        marks: [
            // Ticks as data: a logarithmic scale would leave out the labels of some.
            Plot.axisY(y.ticks, {text: (tick) => y.tickFormat(tick), tickSize: 0}),
            Plot.gridY({stroke: "var(--line)", strokeOpacity: 1, ticks: y.ticks}),
            Plot.ruleX(lengths, {stroke: "var(--line)", strokeOpacity: 0.5}),
            // The method the report is about is drawn last, on top.
            ...perMethod.slice(4), ...perMethod.slice(0, 4),
            Plot.tip(shown, Plot.pointer({x: "length", y: "value", title: "title",
                fill: "var(--raised)", stroke: "var(--edge)", fontSize: 12, lineHeight: 1.25})),
        ],
    });
    chart.setAttribute("role", "img");
    return chart;
}

// The key to the colours of scores.
export function scoreKey() {
    return el("div", {class: "key", "aria-hidden": "true"}, "0%",
        ...Array.from({length: 10}, (_, i) => el("span", {class: `step s${i}`})), "100%",
        el("span", {class: "step none"}), "not run");
}
