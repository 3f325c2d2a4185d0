// The server's public API, as docs/serve.md describes it, and what can go wrong with it. Knows
// nothing of the page.
import {EventLines} from "./sse.js";

const KEY = "memagent-api-key";

// `kind`: "gone" (no reply came), "key" (it wants another), "refused" (the request is at fault),
// "failed" (the server or its model is), "stopped" (by the user).
export class Failure extends Error {
    constructor(kind, message, status = 0) {
        super(message);
        this.kind = kind;
        this.status = status;
    }
}

const gone = () => new Failure("gone", "The server does not answer.");
const stopped = () => new Failure("stopped", "Stopped.");

function failureOf(status, text) {
    let message = "";
    try {
        message = JSON.parse(text).error.message;
    } catch {
        // Something between the page and the server has answered.
    }
    const kind = status === 401 ? "key" : status < 500 ? "refused" : "failed";
    return new Failure(kind, message || `The server answered with status ${status}.`, status);
}

export class Api {
    // Keys live as long as the tab, in nothing but its own storage.
    get key() {
        return sessionStorage.getItem(KEY) ?? "";
    }

    set key(value) {
        if (value) sessionStorage.setItem(KEY, value);
        else sessionStorage.removeItem(KEY);
    }

    #headers() {
        return this.key ? {Authorization: `Bearer ${this.key}`} : {};
    }

    async #fetch(method, path, body, signal) {
        const headers = this.#headers();
        if (body !== undefined) headers["Content-Type"] = "application/json";
        let response;
        try {
            response = await fetch(path, {method, headers, signal, cache: "no-store",
                body: body === undefined ? undefined : JSON.stringify(body)});
        } catch {
            throw signal?.aborted ? stopped() : gone();
        }
        if (response.ok) return response;
        throw failureOf(response.status, await response.text().catch(() => ""));
    }

    async json(method, path, body, signal) {
        const response = await this.#fetch(method, path, body, signal);
        try {
            return await response.json();
        } catch {
            throw signal?.aborted ? stopped() : gone();
        }
    }

    // The stream of a request that has been accepted: an asynchronous iterator of its events.
    async stream(path, body, signal) {
        const response = await this.#fetch("POST", path, body, signal);
        return this.#events(response.body.pipeThrough(new TextDecoderStream()).getReader(), signal);
    }

    async* #events(reader, signal) {
        const lines = new EventLines();
        while (true) {
            let piece;
            try {
                piece = await reader.read();
            } catch {
                throw signal?.aborted ? stopped() : gone();
            }
            if (piece.done) throw gone();
            for (const data of lines.push(piece.value)) {
                if (data === "[DONE]") return;
                const event = JSON.parse(data);
                if (event.error) throw new Failure("failed", event.error.message);
                yield event;
            }
        }
    }

    // Not fetch(), which does not tell how far an upload is.
    upload(file, name, onProgress, signal) {
        return new Promise((done, failed) => {
            const request = new XMLHttpRequest();
            request.open("POST", "/v1/files");
            for (const [header, value] of Object.entries(this.#headers())) {
                request.setRequestHeader(header, value);
            }
            request.upload.addEventListener("progress", (event) => {
                if (event.lengthComputable) onProgress(event.loaded / event.total);
            });
            request.addEventListener("load", () => {
                if (request.status === 200) done(JSON.parse(request.responseText));
                else failed(failureOf(request.status, request.responseText));
            });
            request.addEventListener("error", () => failed(gone()));
            request.addEventListener("abort", () => failed(stopped()));
            signal.addEventListener("abort", () => request.abort());
            const form = new FormData();
            form.append("purpose", PAGE_PURPOSE);
            form.append("file", file, name);
            request.send(form);
        });
    }
}

// Marks files that the page uploaded, and may therefore delete with their last session.
export const PAGE_PURPOSE = "memagent_page";

export const sessionPath = (name, rest = "") => `/v1/sessions/${encodeURIComponent(name)}${rest}`;
