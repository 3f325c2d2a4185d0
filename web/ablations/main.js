// The figure of docs/results/ablations.md: accuracy by length, and reward while it is learnt, as reports
// and runs draw them. Bands are from the lowest seed to the highest.
import {chart} from "../run/curves.js";
import {canvas, el} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {curves, legend} from "../report/charts.js";

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function accuracy({lengths, results}) {
    const methods = results.map(({name}) => name);
    const points = results.flatMap(({name, seeds}) => lengths.map((length, i) => {
        const scores = seeds.map(({score}) => score[i]);
        return {method: name, length, value: mean(scores), low: Math.min(...scores), high: Math.max(...scores),
            part: false, title: name};
    }));
    const drawing = canvas({class: "chart"}, (width) => curves(points, {
        width, height: 330, methods, lengths, label: "Accuracy against document length",
        y: {domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: (share) => format.percent(share)},
    }));
    return el("figure", {}, el("figcaption", {}, "Right answers, by tokens in the document"),
        legend(methods, methods), drawing.place);
}

function learning({results}) {
    const learnt = results.filter(({credit}) => credit);
    const points = learnt[0].seeds[0].reward.length;
    const at = Array.from({length: points}, (_, i) => 10 * (i + 1));
    return chart({
        title: "Mean reward while it is learnt, by steps", domain: [0, 1], show: (share) => format.percent(share),
        series: learnt.map(({name, seeds}) => ({name,
            values: at.map((_, i) => mean(seeds.map(({reward}) => reward[i])))})),
    }, at, "steps");
}

const data = JSON.parse(document.getElementById("data").textContent);
document.getElementById("main").append(accuracy(data), learning(data));
