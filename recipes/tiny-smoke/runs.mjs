// Training runs by the tiny-smoke recipes: made, gone on with, or found done.
import {execFileSync, spawnSync} from "node:child_process";
import {existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {cpus, loadavg} from "node:os";
import {dirname, join, resolve} from "node:path";
import {fileURLToPath} from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));
export const root = resolve(here, "../..");

// A recipe with some keys changed, {"reading.policy": '"overwrite"', seed: 2}, and its paths made
// absolute, since it is written elsewhere.
export function variant(recipe, changes) {
    let table = "";
    const left = new Map(Object.entries(changes));
    const lines = readFileSync(join(here, recipe), "utf8").split("\n").map((line) => {
        const heading = /^\[+([\w.]+)\]+$/.exec(line);
        if (heading) table = heading[1];
        const key = /^(\w+) = /.exec(line)?.[1];
        if (!key) return line;
        const name = table ? `${table}.${key}` : key;
        if (!left.has(name)) return line.replace(/"(\.\.\/[^"]*|tokenizer\.json|prompts\.toml)"/, (_, path) => `"${join(here, path)}"`);
        const value = left.get(name);
        left.delete(name);
        return `${key} = ${value}`;
    });
    if (left.size > 0) throw new Error(`${recipe} has no ${[...left.keys()].join(", ")}`);
    return lines.join("\n");
}

export function log(folder) {
    return readFileSync(join(folder, "log.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
}

// Trains in `folder` unless that is done; what was begun goes on. The time it took, of all calls, is
// kept beside the run: seconds of the clock, and of the processor.
export function train({program, kind, folder, recipe, threads}) {
    const times = join(folder, "times.json");
    const before = existsSync(times) ? JSON.parse(readFileSync(times, "utf8"))
        : {wall: 0, cpu: 0, done: false};
    if (before.done) return before;
    mkdirSync(folder, {recursive: true});
    const file = join(folder, "recipe.toml");
    writeFileSync(file, recipe);
    const begin = performance.now();
    const resume = existsSync(join(folder, "recipe.json")) ? ["--resume"] : [];
    const run = spawnSync("/usr/bin/time", ["-f", "%U %S", program, "train", kind, "--recipe", file,
        "--out", folder, "--name", "tiny-smoke", "--threads", String(threads), "--quiet", ...resume],
    {encoding: "utf8"});
    const lines = (run.stderr ?? "").trim().split("\n");
    const cpu = lines.at(-1).split(" ").map(Number).reduce((sum, x) => sum + x, 0);
    const after = {wall: before.wall + (performance.now() - begin) / 1000, cpu: before.cpu + (cpu || 0),
        done: run.status === 0};
    writeFileSync(times, JSON.stringify(after));
    if (run.status !== 0) {
        console.error(`${folder}: ${lines.join(" ")}`);
        process.exit(1);
    }
    return after;
}

export function needsTime(name) {
    if (existsSync("/usr/bin/time")) return;
    console.error(`${name}: GNU time is needed: apt-get install time`);
    process.exit(2);
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
// The mean of every ten, for curves.
export function tens(values) {
    const means = [];
    for (let i = 0; i < values.length; i += 10) means.push(rounded(mean(values.slice(i, i + 10))));
    return means;
}
export const rounded = (value) => Math.round(1e4 * value) / 1e4;

export function machine(program) {
    const version = execFileSync(program, ["--version"], {encoding: "utf8"}).trim();
    return {version, cpu: cpus()[0].model, cores: cpus().length, load: loadavg().map((x) => +x.toFixed(1)),
        date: new Date().toISOString().slice(0, 10)};
}
