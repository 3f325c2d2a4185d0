// What an answer costs against document length: tokens through the model, and seconds. The
// quadratic or linear growth of a method is the slope here, both axes being logarithmic.
import {canvas, el, numbers, section, table} from "../parts/dom.js";
import {curves, legend} from "./charts.js";
import * as format from "../parts/format.js";
import {meanName} from "./accuracy.js";

const MEASURES = [
    {field: "computed", title: "Tokens computed per question", show: format.rough,
        unit: "tokens"},
    {field: "seconds", title: "Seconds per question", show: (value) =>
        format.seconds(value), unit: ""},
];

function points(report, task, {field, show, unit}) {
    return report.methods.flatMap((method) => report.lengths.map((length) => {
        const cost = report.cost(method, task, length);
        const value = cost[field] > 0 ? cost[field] : null;
        const parts = field === "computed" && value !== null
            ? `\nprompts ${format.rough(cost.read)}, of which from the cache ` +
                `${format.rough(cost.cached)}\ngenerated ${format.rough(cost.generated)}` : "";
        return {method, length, value, low: null, high: null,
            title: `${method}, ${format.length(length)} tokens\n${show(value)} ${unit}${parts}`};
    }));
}

const TIMES = [0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 360000, 3600000];

// Powers of ten, or smaller steps where there are few of those; times in the units of clocks.
function logTicks(values, field) {
    const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
    if (field === "seconds" && high - low > 1.5) {
        return TIMES.filter((time) => Math.log10(time) >= low - 0.1 &&
            Math.log10(time) <= high + 0.1);
    }
    const steps = high - low < 1.2 ? [1, 2, 5] : high - low > 5 ? [1] : [1, 3];
    const ticks = [];
    for (let power = Math.floor(low); power <= Math.ceil(high); ++power) {
        ticks.push(...steps.map((step) => step * 10 ** power));
    }
    return ticks.filter((tick) => Math.log10(tick) >= low - 0.05 && Math.log10(tick) <= high + 0.05);
}

function chart(report, task, measure, width) {
    const data = points(report, task, measure);
    const values = data.map((point) => point.value).filter((value) => value !== null);
    if (values.length === 0) {
        return el("p", {class: "note"}, `Not recorded for ${task || "these tasks"}.`);
    }
    return curves(data, {
        width, height: Math.max(220, Math.min(300, width * 0.6)),
        methods: report.methods, lengths: report.lengths,
        label: `${measure.title} against document length, ${task || meanName}`,
        y: {type: "log", domain: [Math.min(...values) * 0.8, Math.max(...values) * 1.25],
            ticks: logTicks(values, measure.field), tickFormat: measure.show},
    });
}

function numbersOf(report, task) {
    return table(`Cost per question, ${task || "all tasks"}`,
        ["Method", "Document", "Prompt tokens", "from the cache", "Generated", "Seconds"],
        report.methods.flatMap((method) => report.lengths.map((length) => {
            const cost = report.cost(method, task, length);
            return [method, format.length(length), format.rough(cost.read),
                format.rough(cost.cached), format.rough(cost.generated),
                format.rough(cost.seconds)];
        })));
}

export function cost(report, state) {
    const heading = el("h3", {});
    const details = numbers(el("div"));
    const charts = MEASURES.map((measure) => ({measure, drawing: canvas({class: "chart"},
        (width) => chart(report, state.task, measure, width))}));
    state.onchange(() => {
        heading.textContent = state.task || "All tasks, average question";
        details.replaceChild(numbersOf(report, state.task), details.lastChild);
        for (const {drawing} of charts) drawing.redraw();
    });
    return section("cost", "Cost by document length",
        "What the model computed for a question, prompts (without what came from the cache) and " +
        "generated tokens together, and how long it took. Both axes are logarithmic.",
        heading, legend(report.methods, report.methods),
        el("div", {class: "figures"}, charts.map(({measure, drawing}) =>
            el("figure", {}, el("figcaption", {}, measure.title), drawing.place,
                el("p", {class: "axis"}, "tokens in the document")))),
        details);
}
