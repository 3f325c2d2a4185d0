// The form for a new reading: documents (files or pasted text), questions, the model. Uploads what
// was chosen, starts the session and hands over its stream.
import {el} from "../parts/dom.js";
import {Failure, sessionPath} from "./api.js";
import {fileList} from "./file_list.js";

const MOST_QUESTIONS = 32;

// A name nobody has yet, by which its document is known again.
function sessionName(documents) {
    const slug = (documents[0].name ?? "").replace(/\.[^.]*$/, "").normalize("NFKD")
        .replace(/[^\p{L}\p{N}]+/gu, "-").replace(/[^\w-]/g, "").replace(/^-+|-+$/g, "")
        .slice(0, 40);
    const random = crypto.getRandomValues(new Uint8Array(4));
    return `${slug || "reading"}-${Array.from(random, (byte) =>
        byte.toString(16).padStart(2, "0")).join("")}`;
}

// `about`: {models, document}: the server's models; a document it has already, {file_id, filename},
// or null. `started(name, stream)` is called once a session is under way, with {events, close}.
export function compose(app, about, started) {
    let controller = null;  // of what is under way

    const files = fileList(about.document, about.models[0]?.memagent?.max_file_bytes ?? 0);
    const pasted = el("textarea", {id: "pasted", rows: 5, spellcheck: "false",
        placeholder: "Paste text here, or drop files anywhere on this page"});

    const questions = el("ol", {class: "questions"});
    const add = el("button", {type: "button", class: "quiet", onclick: () => {
        addQuestion().focus();
        number();
    }}, "Add a question");

    function addQuestion() {
        const box = el("textarea", {rows: 2, class: "question-box",
            placeholder: "What do you want to know?"});
        const remove = el("button", {type: "button", class: "quiet icon", onclick: () => {
            const next = item.nextElementSibling ?? item.previousElementSibling;
            item.remove();
            number();
            next?.querySelector("textarea").focus();
        }}, "\u2715");
        const item = el("li", {}, box, remove);
        questions.append(item);
        return box;
    }

    function number() {
        const items = [...questions.children];
        items.forEach((item, i) => {
            item.querySelector("textarea").setAttribute("aria-label",
                items.length > 1 ? `Question ${i + 1}` : "Question");
            const remove = item.querySelector("button");
            remove.hidden = items.length === 1;
            remove.setAttribute("aria-label", `Remove question ${i + 1}`);
        });
        add.disabled = items.length >= MOST_QUESTIONS;
    }
    addQuestion();
    number();

    const model = el("select", {id: "model"}, about.models.map(({id}) =>
        el("option", {value: id}, id)));
    const problem = el("div", {class: "problem", role: "alert", hidden: true});
    const bar = el("progress", {max: 1, value: 0, "aria-label": "Upload"});
    const doing = el("span", {});
    const stop = el("button", {type: "button", onclick: () => controller?.abort()}, "Cancel");
    const working = el("div", {class: "working", hidden: true}, doing, bar, stop);
    const submit = el("button", {type: "submit", class: "main"}, "Read and answer");

    function complain(text, where) {
        problem.textContent = text;
        problem.hidden = false;
        where?.focus();
    }

    function busy(text) {
        working.hidden = text === null;
        submit.disabled = text !== null;
        if (text === null) return;
        doing.textContent = text;
        app.announce(text);
    }

    // Uploads what is not on the server yet: [{file_id, mine}].
    async function upload(documents) {
        const uploaded = [];
        try {
            for (const [i, document] of documents.entries()) {
                if (document.file_id) {
                    uploaded.push({file_id: document.file_id, mine: false});
                    continue;
                }
                busy(documents.length > 1
                    ? `Uploading ${document.name} (${i + 1} of ${documents.length})`
                    : `Uploading ${document.name}`);
                const file = await app.api.upload(document.file, document.name,
                    (share) => (bar.value = share), controller.signal);
                uploaded.push({file_id: file.id, mine: true});
            }
            return uploaded;
        } catch (error) {
            await discard(uploaded);
            throw error;
        }
    }

    async function discard(uploaded) {
        await Promise.allSettled(uploaded.filter((one) => one.mine)
            .map((one) => app.api.json("DELETE", `/v1/files/${one.file_id}`)));
    }

    async function begin(documents, asked) {
        const name = sessionName(documents);
        const uploaded = await upload(documents);
        busy("Opening the document");
        bar.removeAttribute("value");
        const streaming = new AbortController();
        const abort = () => streaming.abort();
        controller.signal.addEventListener("abort", abort);
        try {
            const events = await app.api.stream("/v1/chat/completions", {
                model: model.value,
                stream: true,
                messages: [{role: "user", content: uploaded.map(({file_id}) =>
                    ({type: "file", file: {file_id}}))}],
                memagent: {session: name, questions: asked},
            }, streaming.signal);
            controller.signal.removeEventListener("abort", abort);
            // Of several documents the session keeps a copy that joins them.
            if (uploaded.length > 1) await discard(uploaded);
            return {name, events, close: abort};
        } catch (error) {
            // One that was stopped may have begun all the same.
            await app.api.json("POST", sessionPath(name, "/cancel")).catch(() => {});
            await app.api.json("DELETE", sessionPath(name)).catch(() => {});
            await discard(uploaded);
            throw error;
        }
    }

    async function onsubmit(event) {
        event.preventDefault();
        if (controller) return;
        problem.hidden = true;
        const boxes = [...questions.querySelectorAll("textarea")];
        const asked = boxes.map((box) => box.value.trim()).filter((text) => text !== "");
        const documents = files.chosen();
        if (pasted.value.trim() !== "") {
            const file = new File([pasted.value], "pasted text.txt", {type: "text/plain"});
            const bad = await files.check(file);
            if (bad) return complain(bad, pasted);
            documents.push({file, name: file.name});
        }
        if (documents.length === 0) {
            return complain("Choose a file or paste a text to read first.", pasted);
        }
        if (asked.length === 0) return complain("Ask a question first.", boxes[0]);
        controller = new AbortController();
        try {
            const {name, ...stream} = await begin(documents, asked);
            started(name, stream);
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            if (error.kind === "key") app.wantKey(error.message);
            else if (error.kind !== "stopped") complain(app.explain(error));
            else app.announce("Cancelled.");
        } finally {
            controller = null;
            busy(null);
        }
    }

    const form = el("form", {class: "compose", onsubmit, onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    }},
    el("h1", {tabindex: "-1"}, "Ask a document of any length"),
    el("p", {class: "lead"}, "It is read section by section. The model keeps a memory of what " +
        "matters to your question, and answers from it; you can watch it do so."),
    el("fieldset", {class: "card"}, el("legend", {}, "Document"),
        el("label", {class: "unseen", for: "pasted"}, "Text to read"), pasted, files.list,
        el("div", {class: "row"}, files.button,
            el("span", {class: "small"}, files.limit))),
    el("fieldset", {class: "card"}, el("legend", {}, "Questions"), questions, add),
    problem,
    el("div", {class: "row end"},
        el("label", {class: "choice", for: "model"}, el("span", {}, "Model"), model), submit),
    working);
    return {element: form, drop: files.add, stop: () => controller?.abort()};
}
