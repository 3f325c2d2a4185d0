// The files of deploy/ for nginx and Caddy, as they are but for names and ports, with the program
// behind them: streams come while they are read, a client that goes cancels its reading, large
// uploads pass, and metrics are not for the public.
//
//   node proxy_test.mjs MEMAGENT nginx|caddy
//
// Exit status 77: there is no such program, neither in build/debian (tools/unpack_debian.sh) nor
// on the path.
import assert from "node:assert/strict";
import {execFileSync, spawn, spawnSync} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {fileURLToPath} from "node:url";
import {killServers, startServer, until} from "./serve_program.mjs";

const [memagent, name] = process.argv.slice(2);
const source = fileURLToPath(new URL("../../", import.meta.url));
const program = [join(source, "build/debian/usr/sbin", name),
    join(source, "build/debian/usr/bin", name), name]
    .find((path) => !spawnSync(path, [name === "nginx" ? "-v" : "version"]).error);
const openssl = !spawnSync("openssl", ["version"]).error;
if (program === undefined || (name === "nginx" && !openssl)) {
    console.log(`SKIPPED: no ${name}; run tools/unpack_debian.sh nginx caddy`);
    process.exit(77);
}

const folder = mkdtempSync(join(tmpdir(), "memagent-proxy-"));
let direct;
let base;
let proxy;

const freePort = () => new Promise((found) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
        const {port} = server.address();
        server.close(() => found(port));
    });
});

// A file of deploy/ with these texts replaced, each of which has to be in it.
function adapted(file, replacements) {
    let text = readFileSync(join(source, "deploy", file), "utf8");
    for (const [from, to] of replacements) {
        assert.ok(text.includes(from), `${file} has no ${from}`);
        text = text.replaceAll(from, to);
    }
    return text;
}

function startNginx(port, upstream) {
    const key = join(folder, "key.pem");
    const certificate = join(folder, "certificate.pem");
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], {stdio: "ignore"});
    writeFileSync(join(folder, "memagent.conf"), adapted("nginx.conf", [
        ["127.0.0.1:8080", upstream], ["listen 443", `listen 127.0.0.1:${port}`],
        ["memagent.example.com", "localhost"],
        ["/etc/ssl/memagent/fullchain.pem", certificate], ["/etc/ssl/memagent/key.pem", key]]));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join("\n");
    writeFileSync(join(folder, "nginx.conf"), `daemon off; pid ${join(folder, "pid")};\n` +
        `error_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n` +
        `include ${join(folder, "memagent.conf")};\n}\n`);
    const flags = ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")];
    execFileSync(program, ["-t", ...flags], {stdio: "pipe"});
    return [`https://127.0.0.1:${port}`, spawn(program, flags, {stdio: ["ignore", "ignore", "pipe"]})];
}

function startCaddy(port, upstream) {
    const file = join(folder, "Caddyfile");
    writeFileSync(file, "{\n\tadmin off\n}\n" + adapted("Caddyfile", [
        ["127.0.0.1:8080", upstream], ["memagent.example.com", `http://127.0.0.1:${port}`]]));
    const env = {...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder};
    const flags = ["--config", file, "--adapter", "caddyfile"];
    execFileSync(program, ["validate", ...flags], {stdio: "pipe", env});
    return [`http://127.0.0.1:${port}`,
        spawn(program, ["run", ...flags], {stdio: ["ignore", "ignore", "pipe"], env})];
}

function ask(path, {method = "GET", headers = {}, body} = {}, onData = () => {}) {
    const {request} = base.startsWith("https") ? https : http;
    return new Promise((done, failed) => {
        const asked = request(`${base}${path}`, {method, headers, rejectUnauthorized: false},
            (response) => {
                const parts = [];
                response.on("data", (bytes) => {
                    parts.push(bytes);
                    onData(bytes, asked);
                });
                response.on("end", () => done({status: response.statusCode,
                    body: Buffer.concat(parts)}));
                response.on("error", failed);
            });
        asked.on("error", failed);
        asked.end(body);
    });
}

async function metric(metricName) {
    const text = await (await fetch(direct.replace(/v1$/, "metrics"))).text();
    return Number(text.split("\n").find((line) => line.startsWith(metricName)).split(" ").at(-1));
}

before(async () => {
    ({url: direct} = await startServer(memagent, join(folder, "sessions.sqlite")));
    const start = name === "nginx" ? startNginx : startCaddy;
    [base, proxy] = start(await freePort(), new URL(direct).host);
    let said = "";
    proxy.stderr.on("data", (bytes) => (said += bytes));
    let ended = false;
    proxy.on("exit", () => (ended = true));
    await until(async () => {
        assert.ok(!ended, said);
        return (await ask("/health").catch(() => ({}))).status === 200;
    });
});

after(() => {
    proxy?.kill("SIGTERM");
    killServers();
    rmSync(folder, {recursive: true, force: true});
});

test("what is asked for is answered", async () => {
    assert.equal((await ask("/v1/models")).status, 200);
    assert.equal((await ask("/metrics")).status, 404);
});

test("progress comes while a document is read, and who goes away is not read for", async () => {
    const body = JSON.stringify({stream: true, memagent: {question: "What is old?"},
        messages: [{role: "user", content: "The quick brown fox is old.\n".repeat(200_000)}]});
    let readings = -1;
    await assert.rejects(ask("/v1/chat/completions", {method: "POST", body,
        headers: {"Content-Type": "application/json"}}, async (bytes, asked) => {
        if (readings >= 0 || !bytes.includes('"event":"progress"')) return;
        readings = 0;
        readings = await metric("memagent_readings_active");
        asked.destroy();
    }));
    await until(async () => await metric('memagent_readings_total{outcome="cancelled"}') === 1);
    assert.equal(readings, 1);
});

test("a large upload passes", async () => {
    const content = Buffer.alloc(20 << 20, "All work and no play.\n");
    const body = Buffer.concat([Buffer.from("--b\r\nContent-Disposition: form-data; " +
        'name="file"; filename="large.txt"\r\n\r\n'), content, Buffer.from("\r\n--b--\r\n")]);
    const uploaded = await ask("/v1/files", {method: "POST", body,
        headers: {"Content-Type": "multipart/form-data; boundary=b",
            "Content-Length": body.length}});
    assert.equal(uploaded.status, 200, String(uploaded.body));
    const {id} = JSON.parse(uploaded.body);
    const back = await ask(`/v1/files/${id}/content`);
    assert.ok(back.body.equals(content));
});
