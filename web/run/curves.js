// A chart of some numbers of a run's log against its steps or tokens, with a legend and the last
// values. Lines differ by more than colour.
import * as Plot from "@observablehq/plot";
import {canvas, el, svg} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {methodLook} from "../report/looks.js";

const MARGIN = {marginLeft: 48, marginRight: 12, marginTop: 10, marginBottom: 26};

function legend(series, show) {
    return el("ul", {class: "legend"}, series.map(({name, values}, i) => {
        const look = methodLook(i);
        const last = values.filter((value) => value !== null).at(-1);
        return el("li", {},
            svg("svg", {width: 34, height: 12, viewBox: "-17 -6 34 12", "aria-hidden": "true"},
                svg("line", {x1: -16, x2: 16, style: `stroke:${look.colour}`,
                    "stroke-width": look.width, "stroke-dasharray": look.dash})),
            `${name} ${last === undefined ? format.missing : show(last)}`);
    }));
}

// {title, series: [{name, values: [number or null, by step]}], show, domain, log, sparse, stages}:
// `at` is where on the axis each step stands; `stages` are [place, name] where another part begins.
// Lines are broken where a number is missing, unless it is one that most steps do not have: `sparse`.
export function chart({title, series, show = format.rough, domain = null, log = false, sparse = false},
    at, xTitle, stages = []) {
    const data = series.flatMap(({name, values}, i) => values.map((value, step) => ({
        name, i, at: at[step], value: log && !(value > 0) ? null : value,
    }))).filter(({value}) => !sparse || value !== null);
    const values = data.map(({value}) => value).filter((value) => value !== null);
    if (values.length === 0) return null;
    const drawing = canvas({class: "chart"}, (width) => {
        const plot = Plot.plot({
            width, height: Math.max(190, Math.min(260, width * 0.55)), ...MARGIN,
            style: {background: "none", fontSize: "12px", color: "var(--soft)"},
            ariaLabel: `${title} against ${xTitle}`,
            x: {label: null, domain: [at[0], at.length > 1 ? at.at(-1) : at[0] + 1],
                ticks: Math.max(2, Math.floor(width / 90)), tickFormat: format.rough},
            y: {label: null, tickSize: 0, tickFormat: show, ticks: 5,
                type: log ? "log" : "linear", ...(domain ? {domain} : {nice: true})},
            marks: [
                Plot.gridY({stroke: "var(--line)", strokeOpacity: 1, ticks: 5}),
                Plot.ruleX(stages.slice(1), {x: ([place]) => place, stroke: "var(--edge)",
                    strokeDasharray: "3 3"}),
                ...series.map((_, i) => {
                    const look = methodLook(i);
                    return Plot.line(data.filter((point) => point.i === i), {x: "at", y: "value",
                        stroke: look.colour, strokeWidth: look.width - 0.3,
                        strokeDasharray: look.dash || undefined});
                }),
                Plot.tip(data.filter(({value}) => value !== null), Plot.pointer({x: "at",
                    y: "value", fill: "var(--raised)", stroke: "var(--edge)", fontSize: 12,
                    title: (d) => `${d.name}: ${show(d.value)}\n${xTitle} ${format.whole(d.at)}`})),
            ],
        });
        plot.setAttribute("role", "img");
        return plot;
    });
    return el("figure", {}, el("figcaption", {}, title),
        legend(series, show), drawing.place,
        el("p", {class: "axis"}, xTitle));
}
