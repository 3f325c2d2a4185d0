// Running the server: what keys may do, as the official openai client sees it, what the log says and
// does not say, and control tokens in what is read. With the model inside the program.
//
//   node operations_test.mjs MEMAGENT
//
// Exit status 77: the client is not installed (tools/npm_install.sh tests/npm).
import assert from "node:assert/strict";
import {createHash} from "node:crypto";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import net from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, test} from "node:test";
import {pathToFileURL} from "node:url";
import {killServers, startServer, until} from "./serve_program.mjs";

const require = createRequire(new URL("../npm/package.json", import.meta.url));
let OpenAI;
try {
    OpenAI = (await import(pathToFileURL(require.resolve("openai")))).OpenAI;
} catch {
    console.log("SKIPPED: no openai package; run tools/npm_install.sh tests/npm");
    process.exit(77);
}

const memagent = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "memagent-operations-"));
const serve = (name, ...flags) => startServer(memagent, join(folder, `${name}.sqlite`), ...flags);
const hash = (key) => createHash("sha256").update(key).digest("hex");
const user = (content) => ({model: "memagent", messages: [{role: "user", content}]});

after(() => {
    killServers();
    rmSync(folder, {recursive: true});
});

test("limits of a key are the client's RateLimitError, with when to try again", async () => {
    const keys = join(folder, "keys");
    writeFileSync(keys, `alice ${hash("key-of-alice")} requests_per_minute=2\n` +
        `watch ${hash("key-of-watch")} operator\n`);
    const {url} = await serve("limits", "--api-key-file", keys);
    const alice = new OpenAI({baseURL: url, apiKey: "key-of-alice", maxRetries: 0});
    const ask = () => alice.chat.completions.create({...user("Hello"), max_tokens: 4});
    await ask();
    await ask();
    await assert.rejects(ask(), (error) => error instanceof OpenAI.RateLimitError &&
        error.code === "rate_limit_exceeded" && error.message.includes("requests_per_minute") &&
        Number(error.headers.get("retry-after")) > 30);
    await alice.models.list();  // asks nothing of the model
    const metrics = await (await fetch(url.replace(/v1$/, "metrics"),
        {headers: {Authorization: "Bearer key-of-watch"}})).text();
    assert.ok(metrics.includes('memagent_key_requests_total{key="alice"} 2\n'));
    assert.ok(metrics.includes(
        'memagent_key_refused_total{key="alice",limit="requests_per_minute"} 1\n'));
    assert.ok(!metrics.includes("key-of"));
    assert.ok(!metrics.includes(hash("key-of-alice").slice(0, 8)));
});

// Whatever a client may write, in every place where it may write something: none of it is in the
// log, which has a line of JSON for each request all the same.
test("the log has no text of anybody's", async () => {
    const keys = join(folder, "log-keys");
    writeFileSync(keys, `alice ${hash("key-of-alice")}\n`);
    const {server, url} = await serve("log", "--api-key-file", keys);
    const secret = "zebra";
    const client = new OpenAI({baseURL: url, apiKey: "key-of-alice", maxRetries: 0,
        defaultHeaders: {"User-Agent": secret, "X-Note": secret}});
    const document = `${"The quick brown zebra is old.\n".repeat(400)}\nWhat is the zebra?`;
    const refused = (request) => assert.rejects(request, OpenAI.APIError);
    let requests = 0;
    const made = async (request) => {
        ++requests;
        return request;
    };

    await made(client.chat.completions.create(user(document)));
    await made(client.completions.create({model: "memagent", prompt: document}));
    const stream = await made(client.chat.completions.create({...user(document), stream: true,
        memagent: {session: "zebra-session"}}));
    for await (const chunk of stream) assert.ok(chunk.id);
    const file = await made(client.files.create({purpose: "user_data",
        file: new File([document], "zebra.txt")}));
    await made(client.chat.completions.create({model: "memagent", messages: [{role: "user", content:
        [{type: "file", file: {file_id: file.id}}, {type: "text", text: "Which zebra?"}]}]}));
    const binary = await made(client.files.create({purpose: "user_data",
        file: new File(["zebra\0zebra"], "zebra.bin")}));
    await refused(made(client.chat.completions.create({model: "memagent", messages: [{role: "user",
        content: [{type: "file", file: {file_id: binary.id}}, {type: "text", text: "zebra?"}]}]})));
    await refused(made(client.chat.completions.create({...user("Hi"), model: secret})));
    await refused(made(client.chat.completions.create({...user("Hi"), memagent: {zebra: 1}})));
    await refused(made(client.chat.completions.create({...user("Hi"), memagent: {policy: secret}})));
    await refused(made(client.chat.completions.create({model: "memagent",
        messages: [{role: secret, content: secret}]})));
    await refused(made(client.chat.completions.create({...user(document),
        memagent: {read: "never"}})));
    await refused(made(client.files.retrieve(secret)));
    const fetched = (path, options = {}) => made(fetch(new URL(path, url), {...options,
        headers: {Authorization: "Bearer key-of-alice", ...options.headers}}));
    await fetched("/zebra?zebra=zebra");
    await fetched("/v1/sessions/zebra-session/trace");
    await fetched("/v1/models/zebra");
    await fetched("/v1/chat/completions", {method: "POST", body: `{"zebra": ${document}`});
    await made(fetch(new URL("/v1/models", url), {headers: {Authorization: "Bearer zebra"}}));

    server.kill("SIGTERM");
    assert.equal(await server.ended, 0);
    const lines = server.log.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, requests, server.log);
    for (const line of lines) {
        for (const key of ["time", "client", "method", "route", "status", "seconds"]) {
            assert.ok(line[key] !== undefined, `${key} in ${JSON.stringify(line)}`);
        }
    }
    assert.equal(lines.filter((line) => line.client === "alice").length, requests - 1);
    assert.ok(!server.log.toLowerCase().includes(secret), server.log);
    assert.ok(!server.log.includes("key-of-alice"));
});

// A control token is one token; its characters, which are what somebody has written, are several. So
// the count of the tokens tells which of the two the model was given.
test("control tokens in documents and questions are text", async () => {
    const {url} = await serve("control");
    const client = new OpenAI({baseURL: url, apiKey: "unused", maxRetries: 0});
    const chat = async (question, memagent) =>
        client.chat.completions.create({...user(question), max_tokens: 4, memagent});
    const used = async (document, question) => {
        const chatted = (await chat(question)).usage.prompt_tokens;
        const prompt = `${document} ${question}`;
        const completed = (await client.completions.create({model: "memagent", max_tokens: 4,
            prompt})).usage.prompt_tokens;
        // Of one section: an update and an answer, with the question in both.
        const read = await chat(question, {document});
        assert.equal(read.memagent.sections, 1);
        return {chatted, completed, document: read.memagent.document_tokens,
            read: read.usage.prompt_tokens};
    };
    const plain = await used("It is a text.", "What is it?");
    for (const token of ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) {
        const written = await used(`It is a ${token} text.`, `What is ${token} it?`);
        // Three of punctuation and one of letters at least, and a blank.
        for (const kind of ["chatted", "completed", "document", "read"]) {
            assert.ok(written[kind] >= plain[kind] + 4, `${token}: ${kind}: ${written[kind]} ` +
                `tokens instead of ${plain[kind]}`);
        }
        // The document once, the question twice, and not one token more.
        assert.equal(written.read - plain.read,
            written.document - plain.document + 2 * (written.chatted - plain.chatted));
    }
});

// A client that opens connections and says nothing on them takes nothing from the others.
test("others are served while connections are held open", async () => {
    const {server, url} = await serve("slow", "--request-timeout", "1");
    const port = Number(new URL(url).port);
    let closed = 0;
    for (let i = 0; i < 200; ++i) {
        const socket = net.connect(port, "127.0.0.1");
        socket.on("connect", () => socket.write("POST /v1/chat/completions HTTP/1.1\r\nHos"));
        socket.on("data", () => {});
        socket.on("error", () => {});
        socket.on("close", () => ++closed);
    }
    const client = new OpenAI({baseURL: url, apiKey: "unused", maxRetries: 0});
    assert.ok((await client.chat.completions.create({...user("Hello"), max_tokens: 4})).id);
    await until(() => closed === 200);
    server.kill("SIGTERM");
    assert.equal(await server.ended, 0);
});
