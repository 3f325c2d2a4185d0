// The page of a training run as a reader meets it, in Debian's Chromium: curves, trajectories and
// recipe; nothing fails, nothing is loaded, nothing a model wrote becomes markup.
//
//   node run_page_test.mjs RENDER_RUN
//
// Exit status 77: there is no Chromium, nothing was tested.
import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, test} from "node:test";
import {pathToFileURL} from "node:url";
import {chromiumMissing, withChromium} from "../../web/browser.mjs";

if (chromiumMissing()) {
    console.log("SKIPPED: no Chromium; install Debian's package chromium to test the run page");
    process.exit(77);
}

const renderer = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "memagent-run-"));
after(() => rmSync(folder, {recursive: true, force: true}));

const RECIPES = {
    sft: {seed: 1, stage: [{name: "first", tokens: 1e6}, {name: "second", tokens: 1e6}]},
    rl: {seed: 1, steps: 900, questions: 4, group: 8},
};
const LOGS = {
    sft: (i) => ({step: i + 1, stage: i < 400 ? "first" : "second", tokens: 2000 * (i + 1),
        loss: 2 / (i + 1), rate: 1e-3, gradient_norm: 1,
        right: {keep: i / 900, update: i / 1000}, tasks: {vt: {update: 0.5}, niah: {keep: 1}}}),
    rl: (i) => ({step: i + 1, reward: i / 1000, best_of_group: 0.9, tasks: {vt: 0.5},
        lengths: {1024: 0.6, 2048: 0.4}, ...(i % 100 ? {} : {held_out: {2048: i / 1000}}), kept_memories: 0.9, entropy: 0.1, kl: 0.01,
        gradient_norm: 1, rollout_seconds: 1, update_seconds: 2}),
};
const EVIL = "</script><img src=x onerror=alert(1)><!--";
const SAMPLES = [{task: "vt", question: `Which? ${EVIL}`, answers: ["A"], tokens: 1000,
    trajectories: [
        {reward: 1, answer: "A", conversations: [
            {kind: "update", section: 0, decision: "keep", response: "keep", memory: "none"},
            {kind: "update", section: 1, decision: "keep", response: "keep", memory: "none"},
            {kind: "update", section: 2, decision: "overwrite", response: "A", memory: `A ${EVIL}`},
            {kind: "answer", section: -1, decision: "answer", response: "A", memory: "A"}]},
        {reward: 0, answer: "", conversations: []}]}];

function render(kind, steps, samples, state) {
    const file = (name) => join(folder, name);
    writeFileSync(file("recipe.json"), JSON.stringify(RECIPES[kind]));
    const lines = Array.from({length: steps}, (_, i) => JSON.stringify(LOGS[kind](i)));
    writeFileSync(file("log.jsonl"), lines.map((line) => `${line}\n`).join("") + '{"cut":');
    writeFileSync(file("samples.json"), JSON.stringify(samples));
    execFileSync(renderer, [kind, file("recipe.json"), file("log.jsonl"), file("samples.json"),
        state, file("run.html")]);
    return pathToFileURL(file("run.html")).href;
}

async function opened(address, use, width = 1180) {
    await withChromium(async (context) => {
        const page = await context.newPage();
        const wrong = [];
        page.on("console", (message) => {
            if (["error", "warning"].includes(message.type())) wrong.push(message.text());
        });
        page.on("pageerror", (error) => wrong.push(String(error)));
        page.on("dialog", (dialog) => {
            wrong.push("a script of the model's ran");
            dialog.dismiss();
        });
        page.on("request", (request) => {
            if (request.url() !== address && !request.url().startsWith("data:")) {
                wrong.push(`asked for ${request.url()}`);
            }
        });
        await page.setViewportSize({width, height: 900});
        await page.goto(address);
        await page.locator("main > *").first().waitFor();
        await use(page);
        assert.deepEqual(wrong, []);
    });
}

test("a warm start has its curves by tokens, with stages", async () => {
    await opened(render("sft", 900, [], "done"), async (page) => {
        assert.match(await page.locator("#head").textContent(), /Done\..*1\.8M of 2M/s);
        await page.locator("#curves figure svg[role=img]").first().waitFor();
        assert.equal(await page.locator("#curves figure").count(), 5);
        assert.match(await page.locator("#curves .lead").textContent(), /first, second begin/);
        // 300 points of three steps each; the last: (897 + 898 + 899) / 3 / 900 = 99.78%.
        assert.match(await page.locator("#curves .legend").first().textContent(), /keep 99\.8%update 90%/);
        assert.match(await page.locator("#recipe pre").textContent(), /"name": "second"/);
        assert.equal(await page.locator("#trajectories").count(), 0);
    });
});

test("trajectories are read as text, and what changed nothing is counted", async () => {
    await opened(render("rl", 900, SAMPLES, "running"), async (page) => {
        assert.match(await page.locator("#head").textContent(), /Under way/);
        const first = page.locator(".trajectory").first();
        await first.locator("summary").click();
        assert.match(await first.textContent(), /Reward 100%.*2 sections changed nothing.*Section 3/s);
        assert.ok((await first.textContent()).includes(EVIL));
        assert.equal(await page.locator("main img").count(), 0);
        assert.equal(await page.locator(".trajectory").count(), 2);
        assert.ok(await page.locator("#curves figure").count() >= 7);
        // Measured at every hundredth step, and one line all the same.
        const heldOut = page.locator("#curves figure", {hasText: "Held-out"});
        assert.match(await heldOut.locator(".legend").textContent(), /2K tokens 80%/);
        const line = await heldOut.locator('g[aria-label="line"] path').getAttribute("d");
        assert.equal(line.split(/[ML]/).length - 1, 9);
    });
});

test("a run without a step says so, and a phone shows no sideways scroll", async () => {
    await opened(render("sft", 0, [], "running"), async (page) => {
        assert.match(await page.locator("main").textContent(), /Nothing has been learnt yet/);
    });
    await opened(render("rl", 5, SAMPLES, "stopped"), async (page) => {
        assert.match(await page.locator("#head").textContent(), /Stopped before its end/);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <=
            document.documentElement.clientWidth));
    }, 360);
});
