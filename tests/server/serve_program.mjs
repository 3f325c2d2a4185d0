// `memagent serve` as a child process, for tests.
import {spawn} from "node:child_process";

const started = [];

// A server and its base URL, once it says that it is ready. `server.log` is what it has written to
// standard error, `server.ended` its exit code or signal.
export async function startServer(memagent, store, ...flags) {
    const server = spawn(memagent, ["serve", "--port", "0", ...flags],
        {env: {...process.env, MEMAGENT_STORE: store}});
    started.push(server);
    server.log = "";
    server.stderr.on("data", (bytes) => (server.log += bytes));
    server.ended = new Promise((done) => server.on("close", (code, signal) => done(code ?? signal)));
    let out = "";
    const url = await new Promise((ready, failed) => {
        server.stdout.on("data", (bytes) => {
            out += bytes;
            const found = out.match(/at (http:\S+\/v1)\n/);
            if (found) ready(found[1]);
        });
        server.ended.then((code) => failed(new Error(`ended with ${code}: ${server.log}`)));
    });
    return {server, url};
}

export function killServers() {
    for (const server of started) server.kill("SIGKILL");
}

// Until a condition of the server's holds: it learns of a client's end after the client does.
export async function until(holds) {
    while (!await holds()) await new Promise((later) => setTimeout(later, 20));
}
