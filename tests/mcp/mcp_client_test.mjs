// The official client of the Model Context Protocol drives `memagent mcp` with the model inside the
// program.
//
//   node mcp_client_test.mjs MEMAGENT
//
// Exit status 77: the client is not installed (tools/npm_install.sh tests/npm).
import assert from "node:assert/strict";
import {execFileSync, spawn} from "node:child_process";
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {createInterface} from "node:readline";
import {after, before, test} from "node:test";
import {pathToFileURL} from "node:url";

const require = createRequire(new URL("../npm/package.json", import.meta.url));
let Client;
let StdioClientTransport;
try {
    const load = (path) =>
        import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/client/${path}`)));
    ({Client} = await load("index.js"));
    ({StdioClientTransport} = await load("stdio.js"));
} catch {
    console.log("SKIPPED: no @modelcontextprotocol/sdk; run tools/npm_install.sh tests/npm");
    process.exit(77);
}

const memagent = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "memagent-mcp-"));
const root = join(folder, "documents");
const store = join(folder, "sessions.sqlite");
const clients = [];

// A client of its own server.
async function connect(...flags) {
    const transport = new StdioClientTransport({command: memagent, cwd: root, stderr: "pipe",
        args: ["mcp", "--store", store, ...flags]});
    const client = new Client({name: "test", version: "1"});
    client.log = "";
    transport.stderr.on("data", (bytes) => (client.log += bytes));
    await client.connect(transport);
    clients.push(client);
    return client;
}

const tool = (client, name, args, options) =>
    client.callTool({name, arguments: args}, undefined, options);
const ask = (client, args, options) => tool(client, "ask_documents", args, options);
const status = async (client, session) =>
    (await tool(client, "session_status", session ? {session} : {})).structuredContent.sessions;
const says = async (call) => {
    const result = await call;
    assert.equal(result.isError, true);
    assert.equal(result.structuredContent, undefined);
    return result.content[0].text;
};

// A generated document in a file of the folder, with its question and answer.
function made(file, tokens, seed) {
    const [line] = execFileSync(memagent, ["synth", "--task", "niah", "--tokens", tokens, "--seed",
        String(seed), "--model", "builtin:nano", "--count", "1", "--quiet"], {maxBuffer: 1 << 28})
        .toString().split("\n");
    const row = JSON.parse(line);
    writeFileSync(join(root, file), row.context);
    return {file, text: row.context, question: row.question, answer: row.answers[0]};
}

let client;
let row;

before(async () => {
    mkdirSync(root);
    row = made("report.txt", "8K", 3);
    client = await connect();
    // What the tools say of their results is checked by the client from here on.
    await client.listTools();
});

after(async () => {
    for (const one of clients) await one.close();
    rmSync(folder, {recursive: true});
});

test("who it is", async () => {
    assert.equal(client.getServerVersion().name, "memagent");
    assert.match(execFileSync(memagent, ["--version"]).toString(),
        new RegExp(`memagent ${client.getServerVersion().version} `));
    assert.ok(client.getServerCapabilities().tools);
    assert.match(client.getInstructions(), /ask_documents/);
    await client.ping();
});

test("its tools", async () => {
    const {tools} = await client.listTools();
    assert.deepEqual(tools.map((one) => one.name), ["ask_documents", "session_status"]);
    for (const one of tools) assert.equal(one.inputSchema.type, "object");
});

test("an answer over a file, with progress", async () => {
    const seen = [];
    const result = await ask(client, {question: row.question, files: [row.file]},
        {onprogress: (progress) => seen.push(progress)});
    assert.equal(result.isError, false);
    const {answers, sections, document_tokens: tokens, seconds} = result.structuredContent;
    assert.equal(answers[0].answer, row.answer);
    assert.ok(answers[0].memory.includes(row.answer));
    assert.ok(sections > 10 && tokens > 7000 && seconds > 0);
    assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
    // The client lets go of what comes together with the result.
    assert.ok(seen.length > 0);
    for (let i = 1; i < seen.length; ++i) assert.ok(seen[i].progress > seen[i - 1].progress);
    assert.equal(seen[0].total, 100);
    assert.match(seen[0].message, /sections?, \d+ tokens read/);
});

test("several questions over a text", async () => {
    const result = await ask(client, {questions: [row.question, row.question], text: row.text});
    assert.deepEqual(result.structuredContent.answers.map((one) => one.answer),
        [row.answer, row.answer]);
    assert.equal(result.structuredContent.document, "text");
});

test("calls at once, and others between them", async () => {
    const long = made("long.txt", "64K", 5);
    let done = 0;
    const calls = [0, 1, 2].map(async () => {
        const result = await ask(client, {question: long.question, files: [long.file]});
        ++done;
        return result.structuredContent.answers[0].answer;
    });
    await client.ping();
    await status(client);
    assert.equal(done, 0);
    assert.deepEqual(await Promise.all(calls), [long.answer, long.answer, long.answer]);
});

test("a cancelled call's session goes on, here and with ask", async () => {
    const long = made("longer.txt", "256K", 6);
    const asked = {question: long.question, files: [long.file]};
    const whole = (await ask(client, asked)).structuredContent.answers[0];
    for (const session of ["here", "ask"]) {
        const stop = new AbortController();
        await assert.rejects(ask(client, {...asked, session}, {
            signal: stop.signal,
            onprogress: () => stop.abort(),
        }));
        let [shown] = await status(client, session);
        while (shown.status === "running") [shown] = await status(client, session);
        assert.equal(shown.status, "stopped");
        assert.ok(shown.questions[0].sections > 0);
        assert.ok(shown.questions[0].sections < whole.sections);
        assert.equal(shown.questions[0].finished, false);
    }
    const here = (await ask(client, {session: "here"})).structuredContent;
    assert.equal(here.session, "here");
    const byAsk = JSON.parse(execFileSync(memagent,
        ["ask", "--session", "ask", "--store", store, "--json"]).toString());
    for (const answer of [here.answers[0], byAsk.answers[0]]) {
        assert.equal(answer.answer, whole.answer);
        assert.equal(answer.memory, whole.memory);
        assert.equal(answer.sections, whole.sections);
    }
    const sessions = await status(client);
    assert.deepEqual(sessions.map((one) => one.status), ["finished", "finished"]);
    assert.equal((await status(client, "ask"))[0].questions[0].answer, whole.answer);
});

test("only what lies under the folders is read", async () => {
    writeFileSync(join(folder, "secret.txt"), row.text);
    symlinkSync(join(folder, "secret.txt"), join(root, "innocent.txt"));
    for (const file of ["../secret.txt", join(folder, "secret.txt"), "innocent.txt",
        "/etc/passwd"]) {
        assert.match(await says(ask(client, {question: "Who?", files: [file]})),
            /lies outside of the folders.*--root/);
    }
    const wider = await connect("--root", folder, "--root", root, "--quiet");
    for (const file of ["secret.txt", "innocent.txt", row.file]) {
        const result = await ask(wider, {question: row.question, files: [file]});
        assert.equal(result.structuredContent.answers[0].answer, row.answer);
    }
    assert.equal(wider.log, "");
});

test("errors", async () => {
    assert.match(await says(ask(client, {question: "Who?", files: ["none.txt"]})), /no such file/);
    assert.match(await says(tool(client, "session_status", {session: "none"})), /none of that name/);
    await assert.rejects(tool(client, "no_such_tool", {}), {code: -32602});
    await assert.rejects(ask(client, {question: 7, text: "x"}), {code: -32602});
    await assert.rejects(client.listResources(), /./);
});

test("an endpoint that is not there is the tool's error", async () => {
    const lost = await connect("--endpoint", "http://127.0.0.1:9/v1", "--attempts", "1");
    await lost.ping();
    assert.match(await says(ask(lost, {question: "Who?", text: "It."})), /127\.0\.0\.1:9/);
});

test("the log has no text of documents", () => {
    for (const line of client.log.trim().split("\n")) {
        assert.deepEqual(Object.keys(JSON.parse(line)), ["call", "tool", "outcome", "seconds"]);
    }
    assert.ok(client.log.includes('"outcome":"stopped"'));
});

// What no proper client sends. Every line is answered, and nothing but messages comes out.
test("hostile lines, and the end of the input", async () => {
    const server = spawn(memagent, ["mcp", "--store", store], {cwd: root});
    const replies = createInterface({input: server.stdout})[Symbol.asyncIterator]();
    const reply = async (line) => {
        server.stdin.write(line);
        server.stdin.write("\n");
        return JSON.parse((await replies.next()).value);
    };
    assert.equal((await reply("nonsense")).error.code, -32700);
    assert.equal((await reply(Buffer.from([0x22, 0xff, 0x22]))).error.code, -32700);
    assert.equal((await reply("[".repeat(1_000_000))).error.code, -32700);
    assert.equal((await reply(`"${"x".repeat(17 << 20)}"`)).error.code, -32600);
    assert.equal((await reply('{"jsonrpc":"2.0","id":[],"method":{}}')).error.code, -32600);
    const begin = {jsonrpc: "2.0", id: 1, method: "initialize",
        params: {protocolVersion: "2024-11-05", capabilities: {},
            clientInfo: {name: "test", version: "1"}}};
    assert.equal((await reply(JSON.stringify(begin))).result.protocolVersion, "2024-11-05");
    const long = made("longest.txt", "1M", 7);
    server.stdin.write(JSON.stringify({jsonrpc: "2.0", id: 2, method: "tools/call", params: {
        name: "ask_documents", _meta: {progressToken: 1},
        arguments: {question: long.question, files: [long.file], session: "cut"}}}) + "\n");
    assert.equal(JSON.parse((await replies.next()).value).method, "notifications/progress");
    const ended = new Promise((done) => server.on("exit", (code, signal) => done(code ?? signal)));
    server.stdin.end();
    assert.equal(await ended, 0);
    const shown = JSON.parse(execFileSync(memagent,
        ["sessions", "show", "cut", "--json", "--store", store]).toString());
    assert.equal(shown.status, "stopped");
    assert.ok(shown.questions[0].sections > 0);
});

test("what cannot be is said before anything is read", () => {
    const run = (flags, cwd) => {
        try {
            execFileSync(memagent, ["mcp", ...flags], {stdio: ["ignore", "pipe", "pipe"], cwd});
        } catch (error) {
            assert.equal(error.stdout.length, 0);
            return `${error.status} ${error.stderr}`;
        }
        return "0";
    };
    assert.match(run(["--root", join(folder, "none")]), /^2 .*--root: .*is no folder/);
    assert.match(run(["--model", join(folder, "none")]), /^3 /);
    assert.match(run([], "/"), /^2 .*name the folders with --root/);
    assert.equal(run(["--root", root], "/"), "0");
});
