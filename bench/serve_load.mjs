// Many streaming clients at once against the server.
//
//   node bench/serve_load.mjs build/release/memagent [CLIENTS]
//   node bench/serve_load.mjs build/release/bench/scripted_server [CLIENTS [BATCH]]
//
// With memagent, each client streams one short chat with the model inside the program: that nothing
// fails, and what a stream costs in memory. The model is shared by all, so times are the model's.
//
// With the scripted server, whose model puts the time into every word and every memory, it is what
// the server adds: from when the model had a word, or a memory, to when this client has read the
// event with it. Clients and server share the machine, and this one thread reads all streams: its
// own work is in the figures. Four loads, one after the other:
//
//   idle      streams that have begun and wait for their first word: memory
//   words     answers that grow by a word a second each
//   readings  memories that change once a second each
//   at once   readings whose model answers at once, BATCH of them together (64, as many as
//             our engine computes at a time): the server has all it can do
//
// Each client opens a connection of its own; all are open at the same time. The last line is JSON.
import {spawn} from "node:child_process";
import {readFileSync} from "node:fs";
import net from "node:net";
import {cpus, loadavg} from "node:os";
import {basename} from "node:path";

const [program, count = "1000", batch = "64"] = process.argv.slice(2);
const clients = Number(count);
const scripted = basename(program) === "scripted_server";
const flags = scripted ? ["--batch", batch] : ["serve", "--port", "0", "--quiet"];
const server = spawn(program, [...flags, "--max-concurrent", String(2 * clients)],
    {stdio: ["ignore", "pipe", "inherit"]});
const url = new URL(await new Promise((ready) => server.stdout.on("data", (bytes) => {
    const found = String(bytes).match(/at (http:\S+)\n/);
    if (found) ready(found[1]);
})));
const status = (key) => Number(readFileSync(`/proc/${server.pid}/status`, "utf8")
    .match(new RegExp(`${key}:\\s+(\\d+)`))[1]);
const processorMs = () => {
    const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
};

// One stream over a socket of its own. `onBegun` is called at its first event; `seen.delays` gets,
// for each time that comes for the first time, the nanoseconds since then.
function stream(body, onBegun, seen) {
    const text = JSON.stringify({stream: true, ...body});
    return new Promise((done) => {
        const began = performance.now();
        const result = {first: 0, whole: 0, failed: true};
        let rest = "";
        let latest = 0;
        const socket = net.connect(Number(url.port), url.hostname, () => socket.write(
            `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
            `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`));
        socket.on("data", (bytes) => {
            const now = Number(process.hrtime.bigint());
            rest += bytes.latin1Slice();
            if (result.first === 0 && rest.includes("data: ")) {
                result.first = performance.now() - began;
                onBegun();
            }
            const end = rest.lastIndexOf("\n\n");
            if (end < 0) return;
            for (const [, digits] of rest.slice(0, end).matchAll(/@(\d+)/g)) {
                const time = Number(digits);
                if (time <= latest) continue;  // the summary has the last memory again
                latest = time;
                seen.delays.push(now - time);
                seen.first ??= now;
                seen.last = now;
            }
            if (rest.includes("data: [DONE]\n\n")) result.failed = false;
            rest = rest.slice(end);
        });
        socket.on("error", () => {});
        socket.on("close", () => done({...result, whole: performance.now() - began}));
    });
}

const percentile = (numbers, p) => {
    const sorted = [...numbers].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
};
const rounded = (number) => Math.round(number * 100) / 100;

// All clients with one kind of request. Memory is looked at when all have begun.
async function load(name, body) {
    const seen = {delays: []};
    const before = {kib: status("VmRSS"), ms: processorMs()};
    const own = process.cpuUsage();
    const began = performance.now();
    let begun = 0;
    let kib = 0;
    let threads = 0;
    const results = await Promise.all(Array.from({length: clients}, () => stream(body, () => {
        if (++begun < clients) return;
        kib = status("VmRSS");
        threads = status("Threads");
    }, seen)));
    const seconds = (performance.now() - began) / 1000;
    const used = process.cpuUsage(own);
    const good = results.filter((result) => !result.failed);
    const ms = (key, p) => Math.round(percentile(good.map((result) => result[key]), p));
    const serverMs = processorMs() - before.ms;
    const report = {failures: clients - good.length, seconds: rounded(seconds), threads,
        kib_per_stream: rounded((kib - before.kib) / clients),
        server_cores: rounded(serverMs / 1000 / seconds),
        clients_cores: rounded((used.user + used.system) / 1e6 / seconds)};
    if (name === "idle") return report;
    const {delays} = seen;
    if (delays.length === 0) {
        return {...report, first_event_ms: {p50: ms("first", 0.5), p99: ms("first", 0.99)},
            whole_ms: {p50: ms("whole", 0.5), p99: ms("whole", 0.99)}};
    }
    const delay = (p) => rounded(percentile(delays, p) / 1e6);
    // While they come: what a model waits before its first is not the server's time.
    const busy = (seen.last - seen.first) / 1e9;
    return {...report, events: delays.length, events_per_s: Math.round(delays.length / busy),
        server_us_per_event: Math.round(1000 * serverMs / delays.length),
        overhead_ms: {p50: delay(0.5), p90: delay(0.9), p99: delay(0.99), p999: delay(0.999),
            max: delay(1)}};
}

const chat = (content) => ({messages: [{role: "user", content}]});
const reading = (sections, content) => ({...chat(content),
    memagent: {document: "a".repeat(500 * sections)}});
const loads = scripted ? {
    idle: chat("first_ms=5000"),
    words: chat("first_ms=3000 pace_ms=1000 words=20"),
    readings: reading(20, "first_ms=3000 pace_ms=1000"),
    "at once": reading(20, "first_ms=3000 pace_ms=0"),
} : {chats: {...chat("Say something."), max_tokens: 16}};

await stream(Object.values(loads).at(-1), () => {}, {delays: []});  // warm-up
const report = {clients, ...(scripted && {batch: Number(batch)}),
    load_before: rounded(loadavg()[0])};
for (const [name, body] of Object.entries(loads)) {
    report[name] = await load(name, body);
    console.log(name, JSON.stringify(report[name]));
}
server.kill("SIGTERM");
console.log(JSON.stringify({...report, machine: cpus()[0].model, cores: cpus().length}));
