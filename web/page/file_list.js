// The documents that were chosen for a reading: what they are, whether the server would take them.
import {el} from "../parts/dom.js";
import * as format from "../parts/format.js";

const LOOKED_AT = 64 << 10;

// What the server refuses (src/document/file_source.cc), said before the upload; null if it is
// text.
export async function notText(file) {
    const bytes = new Uint8Array(await file.slice(0, LOOKED_AT).arrayBuffer());
    if (bytes.length === 0) return "is empty";
    const mark = (bytes[0] << 8) | bytes[1];
    if (mark === 0xFFFE || mark === 0xFEFF) return "is UTF-16 text: save it as UTF-8 first";
    if (String.fromCharCode(...bytes.slice(0, 5)) === "%PDF-") {
        return "is a PDF: convert it to text first, e.g. with pdftotext";
    }
    if (bytes.includes(0)) {
        return "is not text: convert it to plain text first (of a PDF or Word file, its text)";
    }
    return null;
}

// `known`: {file_id, filename} of a document the server has already, or null.
export function fileList(known, mostBytes) {
    let chosen = known ? [{file_id: known.file_id, name: known.filename}] : [];
    const list = el("ul", {class: "files"});
    const input = el("input", {type: "file", multiple: true, hidden: true, onchange: () => {
        add([...input.files]);
        input.value = "";
    }});
    const button = el("span", {}, input, el("button", {type: "button",
        onclick: () => input.click()}, "Choose files\u2026"));

    async function check(file) {
        if (mostBytes > 0 && file.size > mostBytes) {
            return `${file.name} is too large: it has ${format.bytes(file.size)}, and this ` +
                `server takes ${format.bytes(mostBytes)} at most.`;
        }
        const reason = await notText(file).catch(() => "cannot be read: choose it again");
        return reason ? `${file.name} ${reason}.` : null;
    }

    async function add(files) {
        for (const file of files) {
            const bad = await check(file);
            const one = {file, name: file.name, bad};
            chosen.push(one);
        }
        draw();
    }

    function draw() {
        list.hidden = chosen.length === 0;
        list.replaceChildren(...chosen.map((one) => el("li", {class: one.bad ? "bad" : ""},
            el("span", {class: "name text"}, one.bad ?? one.name),
            el("span", {class: "small"}, one.bad ? "" : one.file ? format.bytes(one.file.size)
                : "on the server"),
            el("button", {type: "button", class: "quiet icon", "aria-label": `Remove ${one.name}`,
                onclick: () => {
                    chosen = chosen.filter((other) => other !== one);
                    draw();
                    button.querySelector("button").focus();
                }}, "\u2715"))));
        list.setAttribute("aria-live", "polite");
    }
    draw();
    return {list, button, add, check, chosen: () => chosen.filter((one) => !one.bad),
        limit: mostBytes > 0 ? `Plain text, up to ${format.bytes(mostBytes)}` : "Plain text"};
}
