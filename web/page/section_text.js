// The text of one section, with the words that went into the memory marked. Fetched by its bytes
// when it is looked at.
import {el} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {Failure, sessionPath} from "./api.js";
import {marked, sharedRuns} from "./provenance.js";

const KEPT = 30;  // sections, so that stepping to and fro asks for each once

// Texts of a session's sections, by their bytes.
export class SectionTexts {
    #texts = new Map();

    constructor(api, name) {
        this.api = api;
        this.name = name;
    }

    async get([begin, end]) {
        const key = `${begin}-${end}`;
        const known = this.#texts.get(key);
        if (known !== undefined) return known;
        const {text} = await this.api.json("GET",
            sessionPath(this.name, `/text?begin=${begin}&end=${end}`));
        if (this.#texts.size >= KEPT) this.#texts.delete(this.#texts.keys().next().value);
        this.#texts.set(key, text);
        return text;
    }
}

export const markedNodes = (parts) => parts.map(({text, mark}) =>
    (mark ? el("mark", {}, text) : text));

export function sectionPanel(app, texts, onclose) {
    const title = el("h2", {tabindex: "-1"});
    const where = el("p", {class: "small"});
    const body = el("div", {class: "section-text text", tabindex: "0", role: "region"});
    const element = el("section", {class: "card section", hidden: true},
        el("div", {class: "row between"}, title, el("button", {type: "button", class: "quiet icon",
            "aria-label": "Close the section", onclick: () => {
                element.hidden = true;
                onclose();
            }}, "\u2715")), where, body);
    let shown = "";

    // `words`: texts whose words are marked in it. Keeps where it is scrolled to if nothing is new.
    async function show({section, bytes}, words, focus) {
        element.hidden = false;
        const key = JSON.stringify([bytes, words]);
        if (focus) title.focus();
        if (key === shown) return;
        shown = key;
        title.textContent = `Section ${section + 1}`;
        where.textContent = `Bytes ${format.whole(bytes[0])} to ${format.whole(bytes[1])} of the ` +
            "document";
        body.setAttribute("aria-label", `Text of section ${section + 1}`);
        let parts;
        try {
            const text = await texts.get(bytes);
            parts = marked(text, sharedRuns(text, words.join("\n")));
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            if (shown !== key) return;
            shown = "";
            body.replaceChildren(el("i", {}, app.explain(error)));
            return;
        }
        if (shown !== key) return;  // another was chosen meanwhile
        body.replaceChildren(...markedNodes(parts));
        const first = body.querySelector("mark");
        body.scrollTop = first ? first.offsetTop - body.clientHeight / 3 : 0;
    }
    return {element, show};
}
