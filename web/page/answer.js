// The answer, and the sections that wrote what it says into the memory, each with its own words.
import {el} from "../parts/dom.js";
import {Failure} from "./api.js";
import {quote, sharedRuns, support} from "./provenance.js";
import {markedNodes} from "./section_text.js";

const SHOWN = 4;

// `open(change)` shows the section behind a change.
export function answerPanel(app, texts, open) {
    const text = el("div", {class: "answer-text text", tabindex: "0", role: "region",
        "aria-label": "Answer"});
    const copy = el("button", {type: "button", class: "quiet", onclick: async () => {
        await navigator.clipboard.writeText(text.textContent);
        app.announce("Copied.");
    }}, "Copy");
    const why = el("p", {class: "small"});
    const list = el("ol", {class: "support"});
    const element = el("section", {class: "card answer", hidden: true},
        el("div", {class: "row between"}, el("h2", {}, "Answer"), copy), text, why, list);
    let drawn = "";

    function drawSupport({answer, changes, readable}) {
        const found = support(changes.map((one) => one.memory), answer);
        const shown = found.changes.slice(0, SHOWN);
        why.textContent = shown.length === 0 ? "No section left anything in the memory."
            : found.direct ? "Sections that support it, by the words the memory has from them:"
                : "The memory does not say this in the same words. It was last written by:";
        list.replaceChildren(...shown.map((change) => {
            const one = changes[change];
            const words = el("blockquote", {class: "text"});
            const name = `Section ${one.section + 1}`;
            if (readable) fillQuote(words, one, answer);
            return el("li", {}, readable ? el("button", {type: "button", class: "link",
                "aria-label": `Show ${name.toLowerCase()}`, onclick: () => open(change)}, name)
                : name, words);
        }));
    }

    async function fillQuote(place, change, answer) {
        try {
            const section = await texts.get(change.bytes);
            const inAnswer = quote(section, sharedRuns(section, answer));
            const parts = inAnswer ?? quote(section, sharedRuns(section, change.memory));
            place.replaceChildren(...markedNodes(parts ?? []));
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            place.replaceChildren(el("i", {}, app.explain(error)));
        }
    }

    return {
        element,
        draw(state) {
            const given = state.answer !== null;
            element.hidden = !given && state.words === "";
            if (element.hidden) return;
            element.classList.toggle("coming", !given);
            copy.hidden = !given;
            const now = given ? state.answer : state.words;
            if (text.textContent !== now) text.textContent = now;
            if (given && now === "") {
                text.replaceChildren(el("i", {}, "The model gave an empty answer."));
            }
            const key = given ? JSON.stringify([state.question, state.changes.length, now]) : "";
            if (key === drawn) return;
            drawn = key;
            why.hidden = list.hidden = !given;
            if (given) drawSupport(state);
        },
    };
}
