// The official openai client, curl and `memagent ask` against `memagent serve` with the model inside
// the program.
//
//   node openai_client_test.mjs MEMAGENT
//
// Exit status 77: the client is not installed (tools/npm_install.sh tests/npm).
import assert from "node:assert/strict";
import {execFileSync, spawnSync} from "node:child_process";
import {createHash} from "node:crypto";
import {createReadStream, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
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
const folder = mkdtempSync(join(tmpdir(), "memagent-serve-"));
const store = join(folder, "sessions.sqlite");
const serve = (...flags) => startServer(memagent, store, ...flags);

// A generated document with its question and answer.
function made(tokens, seed) {
    const [line] = execFileSync(memagent, ["synth", "--task", "niah", "--tokens", tokens, "--seed",
        String(seed), "--model", "builtin:nano", "--count", "1", "--quiet"], {maxBuffer: 1 << 28})
        .toString().split("\n");
    const row = JSON.parse(line);
    return {text: row.context, question: row.question, answer: row.answers[0]};
}

async function metric(url, name) {
    const text = await (await fetch(url.replace(/v1$/, "metrics"))).text();
    return Number(text.split("\n").find((line) => line.startsWith(name)).split(" ").at(-1));
}

let url;
let client;
let row;

before(async () => {
    ({url} = await serve());
    client = new OpenAI({baseURL: url, apiKey: "unused", maxRetries: 0});
    row = made("8K", 3);
});

after(async () => {
    killServers();
    rmSync(folder, {recursive: true});
});

test("the models", async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.equal(names.length, 1);
    assert.equal((await client.models.retrieve(names[0])).owned_by, "memagent");
});

test("an answer over a document in the message", async () => {
    const reply = await client.chat.completions.create({
        model: "memagent",
        messages: [{role: "user", content: `${row.text}\n\n${row.question}`}],
    });
    assert.equal(reply.choices[0].message.content, row.answer);
    assert.equal(reply.choices[0].finish_reason, "stop");
    assert.ok(reply.memagent.sections > 10);
    assert.ok(reply.memagent.memory.includes(row.answer));
    assert.ok(reply.usage.prompt_tokens > reply.memagent.document_tokens);
    assert.equal(reply.usage.total_tokens,
        reply.usage.prompt_tokens + reply.usage.completion_tokens);
});

test("the same as a stream", async () => {
    const stream = await client.chat.completions.create({
        model: "memagent",
        stream: true,
        stream_options: {include_usage: true},
        messages: [{role: "user", content: row.text}, {role: "user", content: row.question}],
    });
    let text = "";
    let usage;
    let reason;
    let sections = 0;
    const memories = [];
    for await (const chunk of stream) {
        text += chunk.choices[0]?.delta?.content ?? "";
        usage = chunk.usage ?? usage;
        reason = chunk.choices[0]?.finish_reason ?? reason;
        if (chunk.memagent?.event !== "progress") continue;
        assert.ok(chunk.memagent.sections > sections);
        sections = chunk.memagent.sections;
        if (chunk.memagent.memory !== undefined) memories.push(chunk.memagent.memory);
    }
    assert.equal(text, row.answer);
    assert.equal(reason, "stop");
    assert.ok(usage.completion_tokens > 0);
    assert.ok(memories.at(-1).includes(row.answer));
});

test("the client's own helper for streams", async () => {
    const stream = client.chat.completions.stream({
        model: "memagent",
        messages: [{role: "user", content: `${row.text}\n\n${row.question}`}],
    });
    assert.equal(await stream.finalContent(), row.answer);
});

test("completions of a prompt", async () => {
    const reply = await client.completions.create({model: "memagent",
        prompt: `${row.text}\n\n${row.question}`});
    assert.equal(reply.choices[0].text, row.answer);
});

test("files", async () => {
    const path = join(folder, "report.txt");
    writeFileSync(path, row.text);
    const file = await client.files.create({file: createReadStream(path), purpose: "user_data"});
    assert.equal(file.filename, "report.txt");
    assert.equal(file.bytes, row.text.length);
    const listed = [];
    for await (const entry of client.files.list()) listed.push(entry.id);
    assert.deepEqual(listed, [file.id]);
    assert.equal((await client.files.retrieve(file.id)).bytes, file.bytes);
    assert.equal(await (await client.files.content(file.id)).text(), row.text);
    const reply = await client.chat.completions.create({model: "memagent", messages: [
        {role: "user", content: [{type: "file", file: {file_id: file.id}},
            {type: "text", text: row.question}]}]});
    assert.equal(reply.choices[0].message.content, row.answer);
    assert.equal((await client.files.delete(file.id)).deleted, true);
    await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
});

test("errors are the client's own classes", async () => {
    const messages = [{role: "user", content: "Hello"}];
    await assert.rejects(client.chat.completions.create({model: "other", messages}),
        (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
    await assert.rejects(client.chat.completions.create({model: "memagent", messages, n: 2}),
        (error) => error instanceof OpenAI.BadRequestError && error.param === "n");
    await assert.rejects(
        client.chat.completions.create({model: "memagent", messages,
            memagent: {section_tokens: "many"}}),
        (error) => error instanceof OpenAI.BadRequestError &&
            error.message.includes("memagent.section_tokens: 'many' is not"));
});

test("keys", async () => {
    const file = join(folder, "keys");
    writeFileSync(file, `alice ${createHash("sha256").update("right").digest("hex")}\n`);
    const guarded = await serve("--api-key-file", file);
    const ask = (apiKey) => new OpenAI({baseURL: guarded.url, apiKey, maxRetries: 0}).models.list();
    await assert.rejects(ask("wrong"), OpenAI.AuthenticationError);
    assert.equal((await ask("right")).data.length, 1);
    guarded.server.kill("SIGTERM");
    assert.equal(await guarded.server.ended, 0);
    assert.ok(guarded.server.log.includes('"client":"alice"'));
    assert.ok(!guarded.server.log.includes("right"));
});

test("a client that has enough is not read for", async () => {
    const long = made("1M", 4);
    const body = {model: "memagent", stream: true,
        messages: [{role: "user", content: `${long.text}\n\n${long.question}`}]};
    const cancelled = () => metric(url, 'memagent_readings_total{outcome="cancelled"}');
    const before = await cancelled();

    const stream = await client.chat.completions.create(body);
    for await (const chunk of stream) if (chunk.memagent?.sections > 3) break;
    await until(async () => await cancelled() === before + 1);

    const controller = new AbortController();
    const aborted = client.chat.completions.create({...body, stream: false},
        {signal: controller.signal});
    await until(async () => await metric(url, "memagent_readings_active") === 1);
    controller.abort();
    await assert.rejects(aborted, OpenAI.APIUserAbortError);
    await until(async () => await cancelled() === before + 2);

    await assert.rejects(client.chat.completions.create({...body, stream: false}, {timeout: 500}),
        OpenAI.APIConnectionTimeoutError);
    await until(async () => await cancelled() === before + 3);
    assert.equal(await metric(url, "memagent_readings_active"), 0);
});

test("a killed server's session goes on with ask, and with another server", async () => {
    const long = made("256K", 6);
    const start = async (name) => {
        const killed = await serve();
        const own = new OpenAI({baseURL: killed.url, apiKey: "unused", maxRetries: 0});
        const stream = await own.chat.completions.create({model: "memagent", stream: true,
            memagent: {session: name},
            messages: [{role: "user", content: `${long.text}\n\n${long.question}`}]});
        await assert.rejects(async () => {
            for await (const chunk of stream) {
                if (chunk.memagent?.sections > 5) killed.server.kill("SIGKILL");
            }
        });
        await killed.server.ended;
    };
    await start("one");
    const shown = () => JSON.parse(execFileSync(memagent,
        ["sessions", "show", "one", "--json", "--store", store]).toString());
    assert.equal(shown().status, "stopped");
    const asked = JSON.parse(execFileSync(memagent,
        ["ask", "--session", "one", "--store", store, "--json"]).toString());
    assert.equal(shown().status, "finished");

    await start("two");
    const next = await serve();
    const session = async (path = "", method = "GET") =>
        (await fetch(`${next.url}/sessions/two${path}`, {method})).json();
    assert.equal((await session()).status, "stopped");
    await session("/resume", "POST");
    await until(async () => (await session()).status === "finished");
    // The same question over the same document, whoever went on with it.
    assert.equal((await session()).questions[0].answer, asked.answer);
    assert.equal((await session("", "DELETE")).deleted, true);
});

test("what is under way ends before the server does", async () => {
    const stopping = await serve();
    const own = new OpenAI({baseURL: stopping.url, apiKey: "unused", maxRetries: 0});
    const stream = await own.chat.completions.create({model: "memagent", stream: true,
        messages: [{role: "user", content: `${row.text}\n\n${row.question}`}]});
    let text = "";
    let told = false;
    for await (const chunk of stream) {
        // At the first event, whatever it tells of: a busy client is sent fewer states.
        if (!told) told = stopping.server.kill("SIGTERM");
        text += chunk.choices[0]?.delta?.content ?? "";
    }
    assert.equal(text, row.answer);
    assert.equal(await stopping.server.ended, 0);
});

const curlMissing = spawnSync("curl", ["--version"]).error !== undefined;
test("curl", {skip: curlMissing}, () => {
    const body = join(folder, "body.json");
    writeFileSync(body, JSON.stringify({stream: true, memagent: {question: row.question},
        messages: [{role: "user", content: row.text}]}));
    const out = execFileSync("curl", ["-sSN", `${url}/chat/completions`, "--json", `@${body}`])
        .toString();
    const events = out.split("\n").filter((line) => line.startsWith("data: {"))
        .map((line) => JSON.parse(line.slice(6)));
    assert.equal(events.map((event) => event.choices[0].delta.content ?? "").join(""), row.answer);
    assert.ok(out.endsWith("data: [DONE]\n\n"));
});

test("memagent ask over our own endpoint", () => {
    const file = join(folder, "document.txt");
    writeFileSync(file, row.text);
    const ask = (...flags) => JSON.parse(execFileSync(memagent,
        ["ask", "--json", "-q", row.question, ...flags, file], {maxBuffer: 1 << 26}).toString());
    const served = ask("--endpoint", url);
    // Settled by what the server says of its model's window.
    assert.equal(served.settings.window_tokens, 2048);
    assert.ok(served.sections > 1);
    assert.ok(served.prompt_tokens > 0);
    assert.equal(typeof served.answer, "string");
});

test("the model of an endpoint is served under its own name, or as memagent", async () => {
    const [{id}] = (await client.models.list()).data;
    const front = await serve("--endpoint", url);
    const own = new OpenAI({baseURL: front.url, apiKey: "unused", maxRetries: 0});
    assert.deepEqual((await own.models.list()).data.map((model) => model.id), [id]);
    for (const model of [id, "memagent"]) {
        assert.equal((await own.models.retrieve(model)).id, id);
        const reply = await own.chat.completions.create({model, max_tokens: 2,
            messages: [{role: "user", content: "Hello"}]});
        assert.equal(reply.model, id);
    }
    await assert.rejects(own.models.retrieve("other"), OpenAI.NotFoundError);
});

test("what cannot be served is said at once", () => {
    const run = (...flags) => {
        try {
            execFileSync(memagent, ["serve", ...flags], {stdio: "pipe"});
        } catch (error) {
            return `${error.status} ${error.stderr}`;
        }
        return "0";
    };
    assert.match(run("--host", "0.0.0.0", "--port", "0"), /^2 .*--host: 0.0.0.0: others can reach/);
    assert.match(run("--port", new URL(url).port), /^2 .*cannot listen/);
    assert.match(run("--port", "70000"), /^2 /);
    assert.match(run("--read", "sometimes"), /^2 .*auto, always or never/);
    assert.match(run("--api-key-file", join(folder, "none")), /^3 .*cannot be read/);
    assert.match(run("--section-tokens", "5000"), /^2 /);
});
