// The rows of the evaluation, to filter and to choose one from for the trace viewer.
import {choice, el, section} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {inOutcomeOrder} from "./looks.js";
import {outcomeBadge, viewer} from "./trace.js";

const PAGE = 12;

export function rows(report, state) {
    if (report.rows.length === 0) return null;
    const filter = {task: "", length: "", method: "", outcome: "", text: ""};
    let shown = PAGE;
    let chosen = null;

    const body = el("tbody");
    const count = el("p", {class: "small", "aria-live": "polite"});
    const more = el("button", {type: "button", onclick: () => {
        shown += 4 * PAGE;
        list();
    }}, "Show more");
    const place = el("div", {class: "viewer-place"});

    const matching = () => report.rows.filter((row) =>
        ["task", "length", "method", "outcome"].every((field) =>
            filter[field] === "" || String(row[field]) === filter[field]) &&
        (filter.text === "" || [row.id, row.question, row.response, ...(row.answers ?? [])]
            .join("\n").toLowerCase().includes(filter.text)));

    function open(row, focus) {
        chosen = row;
        const view = viewer(row);
        place.replaceChildren(view);
        list();
        if (focus) {
            view.focus({preventScroll: true});
            view.scrollIntoView({block: "start"});
        }
    }

    function line(row) {
        return el("tr", {class: row === chosen ? "chosen" : null},
            el("td", {}, el("button", {type: "button", class: "link text",
                "aria-pressed": String(row === chosen), onclick: () => open(row, true)},
            clipped(row.question))),
            el("td", {}, row.task), el("td", {}, format.length(row.length)),
            el("td", {}, row.method),
            el("td", {}, row.outcome ? outcomeBadge(row.outcome) : format.missing),
            el("td", {class: "number"},
                typeof row.score === "number" ? String(Number(row.score.toFixed(2)))
                    : format.missing));
    }

    function list() {
        const found = matching();
        body.replaceChildren(...found.slice(0, shown).map(line));
        count.textContent = found.length === 0 ? "No row matches."
            : `${format.whole(found.length)} of ${format.whole(report.rows.length)} rows`;
        more.hidden = found.length <= shown;
    }

    const pick = (field, label, values) => choice(label, [["", "all"], ...values], "", (value) => {
        filter[field] = value;
        shown = PAGE;
        list();
    });
    const of = (field) => [...new Set(report.rows.map((row) => row[field]))].filter(Boolean);
    const search = el("input", {type: "search", oninput: () => {
        filter.text = search.value.trim().toLowerCase();
        shown = PAGE;
        list();
    }});
    const taskChoice = pick("task", "Task", of("task").map((name) => [name, name]));
    const filters = el("div", {class: "filters"},
        taskChoice,
        pick("length", "Length", of("length").sort((a, b) => a - b)
            .map((length) => [String(length), format.length(length)])),
        pick("method", "Method", of("method").map((name) => [name, name])),
        pick("outcome", "Outcome", inOutcomeOrder(of("outcome"))
            .map((name) => [name, format.words(name)])),
        el("label", {class: "choice"}, el("span", {}, "Text"), search));

    state.onchange(() => {
        const has = report.rows.some((row) => row.task === state.task);
        filter.task = has ? state.task : "";
        taskChoice.querySelector("select").value = filter.task;
        list();
    });

    const traced = report.rows.filter((row) => row.trace?.length > 0);
    open(traced.find((row) => row.outcome === "lost") ?? traced.find((row) => row.score < 1) ??
        traced[0] ?? report.rows[0], false);
    return section("rows", "Readings, replayed",
        "Every question asked. Choose one to see how it was read, section by section.",
        filters, count,
        el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows"},
            el("table", {class: "rows"}, el("thead", {}, el("tr", {},
                ["Question", "Task", "Length", "Method", "Outcome", "Score"].map((head) =>
                    el("th", {scope: "col"}, head)))), body)),
        more, place);
}

function clipped(question) {
    const text = String(question ?? "(no question)");
    return text.length > 140 ? `${text.slice(0, 140)}\u2026` : text;
}
