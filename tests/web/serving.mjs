// `memagent serve` as a child of the test: over a model, with its own store and files.
import {spawn} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

export class Served {
    // `store`: a database; else a file of its own.
    constructor(memagent, flags, store = null) {
        this.memagent = memagent;
        this.flags = flags;
        this.folder = mkdtempSync(join(tmpdir(), "memagent-page-"));
        this.store = store ?? join(this.folder, "sessions.sqlite");
        this.port = 0;
        this.log = "";
    }

    // Starts it, again at the same port; gives the page's address.
    async start() {
        const child = spawn(this.memagent, ["serve", "--port", String(this.port), "--store",
            this.store, "--files", join(this.folder, "files"), ...this.flags]);
        this.child = child;
        this.ended = new Promise((done) => child.on("exit", done));
        child.stderr.on("data", (bytes) => (this.log += bytes));
        let out = "";
        await new Promise((ready, failed) => {
            child.stdout.on("data", (bytes) => {
                out += bytes;
                const found = out.match(/at (http:\S+)\/v1\n/);
                if (!found) return;
                this.url = found[1];
                this.port = new URL(found[1]).port;
                ready();
            });
            this.ended.then(() => failed(new Error(`ended: ${this.log}`)));
        });
        return this.url;
    }

    async kill() {
        this.child.kill("SIGKILL");
        await this.ended;
    }

    async close() {
        await this.kill();
        rmSync(this.folder, {recursive: true, force: true});
    }
}
