// A PostgreSQL server of a test's own: Debian's package, in a temporary folder, reached through a
// socket there and by nobody else. As tests/support/postgres_server.h, for tests in Node.js.
import {spawn, spawnSync} from "node:child_process";
import {chownSync, existsSync, mkdtempSync, readdirSync, rmSync} from "node:fs";
import {join} from "node:path";

const NOBODY = 65534;

// Where Debian installs its programs; null: it is not installed (tools/setup.sh test).
export function postgresPrograms() {
    const all = "/usr/lib/postgresql";
    const versions = existsSync(all) ? readdirSync(all).map(Number).sort((a, b) => b - a) : [];
    const folders = versions.map((version) => `${all}/${version}/bin`);
    return folders.find((folder) => existsSync(`${folder}/initdb`)) ?? null;
}

export class Postgres {
    async start() {
        const programs = postgresPrograms();
        this.folder = mkdtempSync("/tmp/memagent-postgres-");  // a socket's path must be short
        // It refuses to run as root.
        const root = process.getuid() === 0;
        if (root) chownSync(this.folder, NOBODY, NOBODY);
        const options = {cwd: "/", stdio: "pipe", env: {...process.env, LC_ALL: "C"},
            ...(root ? {uid: NOBODY, gid: NOBODY} : {})};
        const data = join(this.folder, "data");
        const made = spawnSync(join(programs, "initdb"), ["-D", data, "-U", "memagent", "-A",
            "trust", "-E", "UTF8", "--no-sync"], options);
        if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
        this.server = spawn(join(programs, "postgres"), ["-D", data, "-k", this.folder, "-c",
            "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"], options);
        this.ended = new Promise((done) => this.server.on("exit", done));
        let log = "";
        await new Promise((ready, failed) => {
            this.server.stderr.on("data", (bytes) => {
                log += bytes;
                if (log.includes("ready to accept connections")) ready();
            });
            this.ended.then(() => failed(new Error(`PostgreSQL ended: ${log}`)));
        });
        return `postgres://memagent@/postgres?host=${this.folder}`;
    }

    async stop() {
        this.server.kill("SIGQUIT");
        await this.ended;
        rmSync(this.folder, {recursive: true, force: true});
    }
}
