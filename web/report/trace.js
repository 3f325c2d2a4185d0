// The trace viewer: replays one row section by section. A strip over the document shows where the
// memory changed and where evidence stands; below it the memory with its changes marked, the
// evidence and whether the memory holds it, and at the end the response against the accepted
// answers.
import {canvas, el, svg} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {outcomeColour, outcomeInk} from "./looks.js";
import {markValues, memoryDiff} from "../parts/memory_diff.js";
import {Replay} from "./replay.js";

const STATES = {
    ahead: ["\u25cb", "not read yet"],
    noted: ["\u25cf", "in the memory"],
    lost: ["\u2715", "was in the memory, is gone"],
    unnoted: ["\u2013", "read, not in the memory"],
    unknown: ["?", "not known"],
};

export const outcomeBadge = (name) => el("span", {class: "badge",
    style: `background:${outcomeColour(name)};color:${outcomeInk(name)}`}, format.words(name));

function parts(list) {
    return list.map(({text, kind, mark}) => {
        const inner = mark ? el("mark", {}, text) : text;
        if (kind === "added") return el("ins", {}, inner);
        return kind === "removed" ? el("del", {}, inner) : inner;
    });
}

const highlighted = (text, values) => parts(markValues([{text, kind: "same"}], values));

// One path for all changed sections and one for all evidence, so that ten thousand sections cost no
// more than ten.
function strip(replay, step, width, go) {
    const height = 46;
    const [top, bottom] = [14, 38];
    const x = (place) => (Math.min(place, replay.extent) / replay.extent) * (width - 12) + 6;
    const box = ({begin, end}) => {
        const [left, right] = [x(begin), Math.max(x(end), x(begin) + 1.5)];
        return `M${left.toFixed(1)},${top}H${right.toFixed(1)}V${bottom}H${left.toFixed(1)}Z`;
    };
    const spans = replay.spans;
    const current = spans[step];
    const evidence = replay.places.map((place) => `M${x(place).toFixed(1)},${top - 1}l-5,-9h10Z`);
    const borders = spans.length * 3 > width ? [] : spans.slice(1).map(({begin}) =>
        `M${x(begin).toFixed(1)},${top}V${bottom}`);
    const frame = {x: 6, y: top, height: bottom - top, rx: 2};
    return svg("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
        "aria-label": `The document with ${spans.length} sections; the memory changed in ` +
            `${replay.changes.length} of them`,
        onclick: (event) => {
            const left = event.currentTarget.getBoundingClientRect().left;
            const place = ((event.clientX - left - 6) / (width - 12)) * replay.extent;
            const found = spans.findIndex(({end}) => end >= place);
            go(found < 0 ? replay.answerStep : found);
        }},
    svg("rect", {class: "strip-all", ...frame, width: width - 12}),
    svg("rect", {class: "strip-read", ...frame, width: current ? x(current.end) - 6 : width - 12}),
    svg("path", {class: "strip-changed", d: replay.changes.map((at) => box(spans[at])).join("")}),
    svg("path", {class: "strip-borders", d: borders.join("")}),
    svg("path", {class: "strip-evidence", d: evidence.join("")}),
    current ? svg("path", {class: "strip-current", d: box(current)}) : null,
    current ? svg("path", {class: "strip-pointer", d: `M${((x(current.begin) + x(current.end)) / 2)
        .toFixed(1)},${bottom + 1}l-5,7h10Z`}) : null);
}

function answerPanel(row, values) {
    const accepted = (row.answers ?? []).map(String);
    return el("div", {class: "answer"},
        el("dl", {},
            el("dt", {}, "Response"),
            el("dd", {class: "text"}, row.response ? highlighted(String(row.response),
                [...accepted, ...values]) : el("i", {}, "empty")),
            el("dt", {}, row.match === "all" ? "Accepted: all of" : "Accepted"),
            el("dd", {}, accepted.map((answer) => el("code", {}, answer))),
            el("dt", {}, "Verdict"),
            el("dd", {}, row.outcome ? outcomeBadge(row.outcome) : null,
                typeof row.score === "number" ? ` score ${Number(row.score.toFixed(2))}` : "")));
}

export function viewer(row) {
    const replay = new Replay(row);
    // What changed first is more telling than an empty memory.
    let step = replay.changes[0] ?? 0;
    const last = replay.answerStep;

    const drawing = canvas({class: "strip"}, (width) => strip(replay, step, width, go));
    const slider = el("input", {type: "range", min: 0, max: last, step: 1,
        "aria-label": "Section", oninput: () => go(Number(slider.value))});
    const where = el("p", {class: "where", "aria-live": "polite"});
    const memory = el("div", {class: "memory text", tabindex: "0", role: "region",
        "aria-label": "Memory"});
    const memoryTitle = el("h4", {});
    const evidence = el("ol", {class: "evidence"});
    const showRemoved = el("input", {type: "checkbox", checked: true, onchange: draw});

    const nextChange = () => replay.changes.find((at) => at > step) ?? last;
    const previousChange = () => replay.changes.findLast((at) => at < step) ?? 0;
    const button = (text, label, target) => el("button", {type: "button", "aria-label": label,
        title: label, onclick: () => go(target())}, text);
    const buttons = {
        back: [button("\u21e4", "First section (Home)", () => 0),
            button("\u2191 change", "Previous change of the memory (up arrow)", previousChange),
            button("\u2190", "Previous section (left arrow)", () => step - 1)],
        on: [button("\u2192", "Next section (right arrow)", () => step + 1),
            button("\u2193 change", "Next change of the memory (down arrow)", nextChange),
            button("\u21e5", "Answer (End)", () => last)],
    };

    function go(to) {
        step = Math.max(0, Math.min(last, to));
        draw();
    }

    const keys = {
        ArrowLeft: () => step - 1, ArrowRight: () => step + 1,
        ArrowUp: previousChange, ArrowDown: nextChange, Home: () => 0, End: () => last,
    };
    function onkeydown(event) {
        if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
        // A memory that scrolls keeps its own up and down.
        const scrolls = event.target === memory && memory.scrollHeight > memory.clientHeight;
        if (!keys[event.key] || (scrolls && /^(ArrowUp|ArrowDown)$/.test(event.key))) return;
        event.preventDefault();
        go(keys[event.key]());
    }

    function describe() {
        if (step === last) return `Answer, from the memory after ${last} sections`;
        const entry = replay.trace[step];
        const bytes = typeof entry.byte_begin === "number"
            ? `, bytes ${format.whole(entry.byte_begin)}\u2013${format.whole(entry.byte_end)}` : "";
        const decision = entry.decision ? ` (${format.words(entry.decision)})` : "";
        return `Section ${step + 1} of ${last}${bytes}: the memory ` +
            `${replay.changedAt(step) ? "changes" : "stays"}${decision}`;
    }

    function draw() {
        slider.value = step;
        slider.setAttribute("aria-valuetext", describe());
        where.textContent = describe();
        for (const one of buttons.back) one.disabled = step === 0;
        for (const one of buttons.on) one.disabled = step === last;
        const now = replay.memory(step);
        const changes = memoryDiff(step === last ? now : replay.memoryBefore(step), now)
            .filter((part) => showRemoved.checked || part.kind !== "removed");
        memoryTitle.textContent = step === last ? "Memory the answer was given from" : "Memory";
        memory.replaceChildren(...(changes.length
            ? parts(markValues(changes, replay.values)) : [el("i", {}, "Nothing noted yet.")]));
        evidence.replaceChildren(...replay.evidence.map((one, i) => {
            const state = replay.evidenceState(i, step);
            const [sign, meaning] = STATES[state];
            const at = replay.readAt[i];
            return el("li", {class: `is-${state}`},
                el("span", {class: "sign", "aria-hidden": "true"}, sign),
                el("div", {}, el("p", {class: "text"},
                    highlighted(String(one.text ?? ""), (one.values ?? []).map(String))),
                el("p", {class: "small"}, meaning, at === null ? null : " \u00b7 ",
                    at === null ? null : el("button", {type: "button", class: "link",
                        onclick: () => go(at)}, `section ${at + 1}`))));
        }));
        drawing.redraw();
    }

    const facts = [row.method, format.length(row.length ?? row.document_tokens),
        row.document_tokens ? `${format.whole(row.document_tokens)} tokens` : null, row.id];
    const head = [
        el("p", {class: "small"}, facts.filter(Boolean).join(" \u00b7 ")),
        el("h3", {class: "question text"}, String(row.question ?? "")),
    ];
    if (last === 0) {
        return el("article", {class: "viewer"}, head, answerPanel(row, replay.values),
            el("p", {class: "note"}, "No trace was kept of this reading."));
    }
    const node = el("article", {class: "viewer", tabindex: "0", onkeydown,
        "aria-label": "Replay of one reading; arrow keys step through it"}, head,
    answerPanel(row, replay.values), drawing.place,
    el("ul", {class: "legend strip-key"},
        el("li", {}, el("span", {class: "swatch changed"}), "memory changed"),
        replay.places.length
            ? el("li", {}, el("span", {class: "arrow"}, "\u25bc"), "evidence") : null,
        el("li", {}, el("span", {class: "swatch current"}), "this section")),
    slider,
    el("div", {class: "controls"}, buttons.back, buttons.on,
        el("label", {class: "check"}, showRemoved, "show what was removed")),
    where,
    el("div", {class: "two"},
        el("div", {}, memoryTitle, memory),
        replay.evidence.length ? el("div", {}, el("h4", {}, "Evidence"), evidence) : null));
    draw();
    return node;
}
