// The page over a store that machines share (a real PostgreSQL): readings that wait for a worker,
// are read by one, or were given up by one; and a list of more of them than are shown at once.
//
//   node shared_page_test.mjs MEMAGENT [FOLDER]        FOLDER: for pictures of what is tested
//
// Exit status 77: there is no Chromium or no PostgreSQL, nothing was tested.
import assert from "node:assert/strict";
import {spawn, spawnSync} from "node:child_process";
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {chromiumMissing, openChromium} from "../../web/browser.mjs";
import {Postgres, postgresPrograms} from "./postgres.mjs";
import {QUESTIONS, sampleDocument} from "./sample_document.mjs";
import {ScriptedModel} from "./scripted_model.mjs";
import {Served} from "./serving.mjs";

if (chromiumMissing() || !postgresPrograms()) {
    console.log("SKIPPED: no Chromium or no PostgreSQL; `make test` installs both");
    process.exit(77);
}

const [memagent, pictures] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "memagent-shared-page-"));
const ANSWER = "The lighthouse at Vell Point was built in 1874 by the engineer Ada Lindqvist.";
const model = new ScriptedModel();
const small = new ScriptedModel({contextTokens: 600});  // the same, but sees less at once
const postgres = new Postgres();
let endpoint;
let smallEndpoint;
let served;
let context;
let close;

const settings = ["--section-tokens", "500", "--memory-tokens", "300", "--output-tokens", "200",
    "--question-tokens", "200"];

before(async () => {
    endpoint = await model.start();
    smallEndpoint = await small.start();
    const store = await postgres.start();
    served = new Served(memagent, ["--endpoint", endpoint, ...settings, "--no-queue"], store);
    await served.start();
    ({context, close} = await openChromium());
});
after(async () => {
    await close?.();
    await served.close();
    await postgres.stop();
    model.stop();
    small.stop();
    rmSync(folder, {recursive: true, force: true});
});

// Puts a session into the queue, as an operator does, over a file that the server never sees.
function queue(name) {
    const document = join(folder, `${name}.txt`);
    writeFileSync(document, sampleDocument(60));
    return new Promise((done, failed) => {
        const child = spawn(memagent, ["ask", "-q", QUESTIONS.lighthouse, document, "--session",
            name, "--store", served.store, "--queue", "--quiet", "--endpoint", endpoint,
            ...settings]);
        let errors = "";
        child.stderr.on("data", (bytes) => (errors += bytes));
        child.on("exit", (code) => {
            rmSync(document);
            if (code === 0) done();
            else failed(new Error(errors));
        });
    });
}

function worker(where) {
    const child = spawn(memagent, ["worker", "--endpoint", where, "--store", served.store,
        "--until-empty"], {stdio: "ignore"});
    return new Promise((done) => child.on("exit", done));
}

async function opened(path, use) {
    const page = await context.newPage();
    page.setDefaultTimeout(200_000);  // tries of a model that is down are ever further apart
    const wrong = [];
    page.on("console", (message) => wrong.push(message.text()));
    page.on("pageerror", (error) => wrong.push(String(error)));
    try {
        await page.setViewportSize({width: 1200, height: 900});
        await page.goto(served.url + path);
        await use(page);
        assert.deepEqual(wrong, []);
    } finally {
        await page.close();
    }
}

async function picture(page, name) {
    if (!pictures) return;
    mkdirSync(pictures, {recursive: true});
    await page.mouse.move(0, 0);
    await page.screenshot({path: join(pictures, `${name}.png`), fullPage: true});
}

const entry = (page, name) => page.locator(`.sessions a[href="#/s/${name}"]`);

test("a queued reading is waited for, watched while a worker reads it, and answered", async () => {
    await queue("waits");
    await opened("/#/s/waits", async (page) => {
        const state = page.locator(".state");
        await page.locator(".state.queued").waitFor();
        assert.equal(await state.textContent(), "Waiting for its turn");
        assert.match(await entry(page, "waits").textContent(), /Waiting .* waits\.txt/);
        assert.equal(await page.locator("h1").textContent(), "waits.txt");
        assert.equal(await page.getByRole("button", {name: "Go on reading"}).isVisible(), false);
        assert.equal(await page.getByRole("alert").isVisible(), false);
        await picture(page, "queued");

        let release;
        const released = new Promise((go) => (release = go));
        let seen = 0;
        model.before = async ({kind}) => {
            if (kind === "update" && ++seen > 3) await released;
        };
        const done = worker(endpoint);
        await page.getByText("3 sections read").waitFor();
        assert.match(await state.textContent(), /^Reading/);
        release();
        await page.locator(".state.finished").waitFor();
        assert.equal(await done, 0);
        assert.equal(await page.getByRole("region", {name: "Answer"}).textContent(), ANSWER);
        // The server has no file of it: the text of a section comes from the store.
        await page.locator(".support li").first().getByRole("button").click();
        await page.locator(".section-text mark").first().waitFor();
        assert.ok(sampleDocument(60).includes(await page.locator(".section-text").textContent()));
        await picture(page, "finished by a worker");
    });
});

test("cancelled while it waits, and queued again", async () => {
    await queue("later");
    await opened("/#/s/later", async (page) => {
        await page.locator(".state.queued").waitFor();
        await page.locator(".status").getByRole("button", {name: "Cancel"}).click();
        await page.locator(".state.stopped").waitFor();
        assert.equal(await page.locator(".state").textContent(), "Stopped");
        model.before = async () => {};
        await page.getByRole("button", {name: "Go on reading"}).click();  // by this server
        await page.locator(".state.finished").waitFor();
    });
});

test("what no worker can read has failed, and says why", async () => {
    await queue("cannot");
    assert.equal(await worker(smallEndpoint), 0);
    await opened("/#/s/cannot", async (page) => {
        await page.locator(".state.failed").waitFor();
        assert.equal(await page.locator(".state").textContent(), "Failed");
        assert.match(await page.getByRole("alert").textContent(),
            /It cannot be read: .*window.*600/);
        assert.match(await entry(page, "cannot").textContent(), /Failed/);
        await picture(page, "failed");
        // A server whose model suits it goes on.
        await page.getByRole("button", {name: "Go on reading"}).click();
        await page.locator(".state.finished").waitFor();
        assert.equal(await page.getByRole("alert").isVisible(), false);
    });
});

test("a model that is down is told while the reading waits to be tried again", async () => {
    await queue("again");
    const failing = async () => {
        throw new Error("the accelerator is on fire");
    };
    model.before = failing;
    const done = worker(endpoint);
    await opened("/#/s/again", async (page) => {
        // Each for itself: it is tried again all the while.
        await page.getByText("Waiting to be tried again").waitFor();
        await page.getByRole("alert").filter({hasText: "the accelerator is on fire"}).waitFor();
        await picture(page, "tried again");
        model.before = async () => {};
        await page.locator(".state.finished").waitFor();
        assert.equal(await page.getByRole("alert").isVisible(), false);
    });
    assert.equal(await done, 0);
});

test("older readings are a press away", async () => {
    const sql = `INSERT INTO memagent.session(name, settings, sources, document_name,
        document_bytes, document_hash) SELECT convert_to('many ' || i, 'UTF8'), '{}', '{}',
        'many.txt', 1, 1 FROM generate_series(1, 120) AS i;
        INSERT INTO memagent.episode(session_id, question_index, question) SELECT id, 0,
        convert_to('Question ' || id, 'UTF8') FROM memagent.session WHERE name LIKE 'many%';`;
    const done = spawnSync(join(postgresPrograms(), "psql"), [served.store, "-q", "-c", sql]);
    assert.equal(done.status, 0, String(done.stderr));
    await opened("/", async (page) => {
        const entries = page.locator(".sessions li");
        await entries.nth(49).waitFor();
        assert.equal(await entries.count(), 50);
        const more = page.getByRole("button", {name: "Show older ones"});
        await more.click();
        await entries.nth(99).waitFor();
        // By keyboard one is where the list went on.
        assert.equal(await entries.nth(50).locator("a").evaluate((link) =>
            link === document.activeElement), true);
        await picture(page, "older");
        await more.click();
        await entries.nth(123).waitFor();
        assert.equal(await entries.count(), 124);
        assert.equal(await more.isVisible(), false);
        const names = await entries.locator("a").evaluateAll((links) =>
            links.map((link) => link.getAttribute("href")));
        assert.equal(new Set(names).size, 124);
        assert.equal(names.at(-1), "#/s/waits");
    });
});
