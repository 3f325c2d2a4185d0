// An OpenAI-compatible endpoint whose "model" follows a script, so that a test knows what must be
// shown and decides when: it notes the sentences that share telling words with the question, and
// answers with the note that shares most. Stands in for a model in tests and in pictures of the
// page.
import {createServer} from "node:http";

const STOP = new Set(["about", "after", "does", "from", "have", "that", "their", "there", "they",
    "this", "what", "when", "where", "which", "while", "with", "many", "much"]);
const telling = (text) => [...new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
    .filter((word) => word.length > 3 && !STOP.has(word)).map((word) => word.slice(0, 5)))];
const shared = (text, words) => {
    const own = new Set(telling(text));
    return words.filter((word) => own.has(word)).length;
};
const inside = (prompt, tag) => prompt.match(new RegExp(`<${tag}>\n([^]*?)\n</${tag}>`))?.[1] ?? "";

export class ScriptedModel {
    // Awaited before each response: before({kind: "update" | "answer", question, section}). May
    // throw: the endpoint then answers with status 400, which is not tried again.
    before = async () => {};
    mostNotes = 3;

    constructor({contextTokens = 2048} = {}) {
        this.contextTokens = contextTokens;
    }

    respond(prompt) {
        const question = inside(prompt, "question");
        const memory = inside(prompt, "memory");
        const words = telling(question);
        const notes = memory === "Nothing noted yet." ? [] : memory.split("\n");
        if (!prompt.includes("<section>")) {
            const best = notes.reduce((one, other) =>
                (shared(other, words) > shared(one, words) ? other : one), "");
            return best.replace(/^- /, "") || "The document does not say.";
        }
        const sentences = inside(prompt, "section").replace(/\s+/g, " ").match(/[^.!?]+[.!?]/g) ?? [];
        for (const sentence of sentences.map((text) => text.trim())) {
            if (shared(sentence, words) < 2 || notes.includes(`- ${sentence}`)) continue;
            notes.push(`- ${sentence}`);
        }
        while (notes.length > this.mostNotes) {
            const least = Math.min(...notes.map((note) => shared(note, words)));
            notes.splice(notes.findIndex((note) => shared(note, words) === least), 1);
        }
        return notes.join("\n") || "Nothing noted yet.";
    }

    async #chat(request, response) {
        let body = "";
        for await (const piece of request) body += piece;
        const {messages, stream} = JSON.parse(body);
        const prompt = messages.at(-1).content;
        const kind = prompt.includes("<section>") ? "update" : "answer";
        try {
            await this.before({kind, question: inside(prompt, "question"),
                section: inside(prompt, "section")});
        } catch (error) {
            response.writeHead(400, {"Content-Type": "application/json"});
            response.end(JSON.stringify({error: {message: error.message}}));
            return;
        }
        const text = this.respond(prompt);
        const count = (words) => Math.ceil(words.length / 4);
        const usage = {prompt_tokens: count(prompt), completion_tokens: count(text)};
        if (!stream) {
            response.writeHead(200, {"Content-Type": "application/json"});
            response.end(JSON.stringify({choices: [{index: 0, finish_reason: "stop",
                message: {role: "assistant", content: text}}], usage}));
            return;
        }
        response.writeHead(200, {"Content-Type": "text/event-stream"});
        const send = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
        for (const piece of text.match(/.{1,12}/gs) ?? []) {
            send({choices: [{index: 0, delta: {content: piece}}]});
        }
        send({choices: [{index: 0, delta: {}, finish_reason: "stop"}]});
        send({choices: [], usage});
        response.end("data: [DONE]\n\n");
    }

    // Listens on a port that is free; gives the base URL.
    async start() {
        this.server = createServer((request, response) => {
            if (request.url === "/v1/chat/completions") return void this.#chat(request, response);
            response.writeHead(request.url === "/v1/models" ? 200 : 404,
                {"Content-Type": "application/json"});
            response.end(request.url === "/v1/models" ? JSON.stringify({object: "list",
                data: [{id: "scripted-4b", object: "model", max_model_len: this.contextTokens}]}) : "{}");
        });
        await new Promise((ready) => this.server.listen(0, "127.0.0.1", ready));
        return `http://127.0.0.1:${this.server.address().port}/v1`;
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }
}
