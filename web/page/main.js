// The page of `memagent serve`: chooses between the form and a reading by the address's fragment,
// and holds what both need. Drives the server's public API alone. Text of documents, models and
// servers becomes text nodes, never markup.
import {el} from "../parts/dom.js";
import {Api, Failure} from "./api.js";
import {compose} from "./compose.js";
import {earlier} from "./earlier.js";
import {view} from "./view.js";

const api = new Api();
const byId = (id) => document.getElementById(id);
let shown = null;  // what stands in main
let sessionName = null;
const streams = new Map();  // of sessions that were just begun, by name

const app = {
    api,
    announce(text) {
        byId("announce").textContent = text;
    },
    explain(error) {
        if (error.kind === "gone") {
            return "The server does not answer. Is it still running? Try again.";
        }
        const what = {413: "That is too large. ", 422: "That cannot be read. ",
            429: "The server is busy. ", 503: "The server cannot take this now. "}[error.status] ??
            (error.kind === "failed" ? "The model or the server failed. " : "");
        return what + error.message.charAt(0).toUpperCase() + error.message.slice(1);
    },
    wantKey: (message) => askForKey(message),
    openSession: () => sessionName,
    changed: () => side.refresh(),
    deleted(name) {
        if (name === sessionName) location.hash = "#/";
    },
};
const side = earlier(app);

function head() {
    const change = el("button", {type: "button", class: "quiet", hidden: api.key === "",
        onclick: () => askForKey("")}, "API key");
    byId("head").replaceChildren(el("a", {class: "brand", href: "#/"},
        el("span", {class: "mark", "aria-hidden": "true"}), "memagent"), change);
}

function place(element) {
    byId("main").replaceChildren(element);
}

function askForKey(message) {
    shown?.stop();
    shown = null;
    const field = el("input", {type: "password", id: "key", autocomplete: "off", required: true});
    place(el("form", {class: "card key", onsubmit: (event) => {
        event.preventDefault();
        api.key = field.value.trim();
        head();
        route();
    }},
    el("h1", {tabindex: "-1"}, "This server wants an API key"),
    message && api.key ? el("p", {class: "problem", role: "alert"}, "The key is wrong.") : null,
    el("label", {for: "key"}, "API key"), field,
    el("p", {class: "small"}, "It stays in this tab and is forgotten when you close it."),
    el("div", {class: "row"}, el("button", {type: "submit", class: "main"}, "Use this key"),
        api.key ? el("button", {type: "button", onclick: () => {
            api.key = "";
            head();
            route();
        }}, "Forget the key") : null)));
    field.focus();
}

function failed(error) {
    if (error.kind === "key") return askForKey(error.message);
    place(el("div", {class: "problem", role: "alert"}, el("p", {}, app.explain(error)),
        el("button", {type: "button", onclick: route}, "Try again")));
}

function showSession(name) {
    const one = view(app, name);
    shown = one;
    place(one.element);
    const stream = streams.get(name);
    streams.delete(name);
    one.start(stream);
}

async function showForm(fileId) {
    const [models, file] = await Promise.all([api.json("GET", "/v1/models"),
        fileId ? api.json("GET", `/v1/files/${encodeURIComponent(fileId)}`) : null]);
    const form = compose(app, {models: models.data,
        document: file && {file_id: file.id, filename: file.filename}},
    (name, stream) => {
        streams.set(name, stream);
        location.hash = `#/s/${encodeURIComponent(name)}`;
    });
    shown = form;
    place(form.element);
    document.title = "memagent";
}

async function route() {
    const here = location.hash;
    const [, kind, argument] = here.match(/^#\/(s|new)\/((?:[^%]|%[0-9A-Fa-f]{2})+)$/) ?? [];
    shown?.stop();
    shown = null;
    sessionName = kind === "s" ? decodeURIComponent(argument) : null;
    try {
        if (kind === "s") showSession(sessionName);
        else await showForm(kind === "new" ? decodeURIComponent(argument) : null);
        side.refresh();
    } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (location.hash === here) failed(error);
    }
}

// Files dropped anywhere go to the form.
function watchDrops() {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && shown?.drop;
    let depth = 0;
    const over = (by) => {
        depth = by === 0 ? 0 : depth + by;
        document.body.classList.toggle("dropping", depth > 0);
    };
    addEventListener("dragenter", (event) => hasFiles(event) && over(1));
    addEventListener("dragleave", (event) => hasFiles(event) && over(-1));
    addEventListener("dragover", (event) => {
        if (hasFiles(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        over(0);
        shown.drop([...event.dataTransfer.files]);
    });
}

document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();  // the fragment says what is shown
    byId("main").focus();
});
head();
byId("earlier").append(...side.elements);
addEventListener("hashchange", route);
watchDrops();
route();
