// The files of deploy/ that no program but their own can check: the unit of systemd by
// systemd-analyze, and every flag that they and docs/deploy.md give to memagent by its own help.
//
//   node deploy_test.mjs MEMAGENT
import assert from "node:assert/strict";
import {execFileSync, spawnSync} from "node:child_process";
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {test} from "node:test";

const memagent = process.argv[2];
const read = (file) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

const noSystemd = spawnSync("systemd-analyze", ["--version"]).error !== undefined;
test("the unit", {skip: noSystemd && "no systemd-analyze"}, () => {
    const folder = mkdtempSync(join(tmpdir(), "memagent-deploy-"));
    const file = join(folder, "memagent.service");
    const verify = (text) => {
        writeFileSync(file, text);
        const {status, stderr} = spawnSync("systemd-analyze", ["verify", file]);
        return `${status} ${stderr}`.trim();
    };
    const unit = read("deploy/memagent.service");
    assert.ok(unit.includes("/usr/local/bin/memagent"));
    const installed = unit.replaceAll("/usr/local/bin/memagent", memagent);
    assert.equal(verify(installed), "0");
    assert.notEqual(verify(installed.replace("NoNewPrivileges", "NoNewPrivilege")), "0");
    rmSync(folder, {recursive: true});
});

test("flags given to memagent exist", () => {
    const help = execFileSync(memagent, ["serve", "--help"]).toString();
    let flags = 0;
    for (const file of ["deploy/memagent.service", "deploy/environment.example",
        "deploy/Containerfile", "docs/deploy.md"]) {
        // Lines that go on after a backslash are one.
        for (const line of read(file).replaceAll("\\\n", " ").split("\n")) {
            const given = line.match(/(memagent serve|MEMAGENT_FLAGS=|"memagent", "serve"| memagent --)(.*)/);
            if (!given || line.startsWith("#")) continue;
            for (const [flag] of given[0].matchAll(/--[a-z][a-z-]+/g)) {
                assert.ok(help.includes(`${flag} `), `${file}: memagent serve has no ${flag}`);
                ++flags;
            }
        }
    }
    assert.ok(flags > 10);
});

// Nothing here can build the image: what its file takes from the repository is looked up at least.
test("what the container is built from is there", () => {
    const text = read("deploy/Containerfile").replaceAll("\\\n", " ");
    const ignored = read(".dockerignore").split("\n").filter(Boolean);
    const copied = [...text.matchAll(/^COPY (?!--from)(.*) (\S+)$/gm)].flatMap(([, sources]) =>
        sources.split(" "));
    assert.ok(copied.length >= 6);
    for (const source of copied) {
        assert.ok(existsSync(new URL(`../../${source}`, import.meta.url)), source);
        assert.ok(!ignored.includes(source), `${source} is in .dockerignore`);
    }
    const run = [...text.matchAll(/^RUN .*$/gm)].join("\n");
    // Each npm folder that is installed before the sources come is installed as it is elsewhere.
    for (const [, folder] of run.matchAll(/npm_install\.sh (\S+)/g)) {
        for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
            assert.ok(copied.includes(`${folder}/${file}`), `${folder}/${file} is not copied`);
        }
    }
    for (const [, part] of run.matchAll(/setup\.sh (\w+)/g)) {
        assert.match(read("tools/setup.sh"), new RegExp(`^#   tools/setup.sh ${part} `, "m"));
    }
    const presets = JSON.parse(read("CMakePresets.json")).configurePresets.map((one) => one.name);
    for (const [, preset] of run.matchAll(/--preset (\w+)/g)) assert.ok(presets.includes(preset));
    for (const [, option] of run.matchAll(/-D(\w+)=/g)) {
        assert.match(read("CMakeLists.txt"), new RegExp(`option\\(${option} `), option);
    }
});
