// Many streaming clients at once against `memagent serve` with the model inside the program.
//
//   node bench/serve_load.mjs MEMAGENT [CLIENTS]
//
// Each client opens a connection of its own and streams one short chat; all are open at the same
// time. The model is shared by them, so times are the model's; what is measured is that nothing
// fails and what a stream costs in memory. The last line is JSON.
import {spawn} from "node:child_process";
import {readFileSync} from "node:fs";
import http from "node:http";
import {cpus} from "node:os";

const [memagent, count = "1000"] = process.argv.slice(2);
const clients = Number(count);
const server = spawn(memagent, ["serve", "--port", "0", "--quiet", "--max-concurrent",
    String(2 * clients)], {stdio: ["ignore", "pipe", "inherit"]});
const url = await new Promise((ready) => server.stdout.on("data", (bytes) => {
    const found = String(bytes).match(/at (http:\S+)\n/);
    if (found) ready(found[1]);
}));
const status = (key) => Number(readFileSync(`/proc/${server.pid}/status`, "utf8")
    .match(new RegExp(`${key}:\\s+(\\d+)`))[1]);

const body = JSON.stringify({stream: true, max_tokens: 16,
    messages: [{role: "user", content: "Say something."}]});
function stream() {
    return new Promise((done) => {
        const began = performance.now();
        let first = 0;
        let text = "";
        const request = http.request(`${url}/chat/completions`, {method: "POST", agent: false,
            headers: {"Content-Type": "application/json", "Content-Length": body.length}},
        (response) => {
            first = performance.now() - began;
            response.on("data", (bytes) => (text += bytes));
            response.on("end", () => done({first, whole: performance.now() - began,
                failed: !text.endsWith("data: [DONE]\n\n")}));
        });
        request.on("error", () => done({failed: true}));
        request.end(body);
    });
}

await stream();
const idle = status("VmRSS");
const began = performance.now();
let most = {threads: 0, kib: 0};
const watch = setInterval(() => {
    const threads = status("Threads");
    if (threads > most.threads) most = {threads, kib: status("VmRSS")};
}, 20);
const results = await Promise.all(Array.from({length: clients}, stream));
clearInterval(watch);
const seconds = (performance.now() - began) / 1000;
server.kill("SIGTERM");

const good = results.filter((result) => !result.failed);
const percentile = (key, p) => {
    const sorted = good.map((result) => result[key]).sort((a, b) => a - b);
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]);
};
console.log(JSON.stringify({clients, failures: clients - good.length, seconds,
    first_event_ms: {p50: percentile("first", 0.5), p99: percentile("first", 0.99)},
    whole_ms: {p50: percentile("whole", 0.5), p99: percentile("whole", 0.99)},
    most_threads: most.threads,
    kib_per_stream: Math.round((most.kib - idle) / Math.max(1, most.threads)),
    machine: cpus()[0].model, cores: cpus().length}));
