// The page of `memagent serve` as its users meet it, in Debian's Chromium: the real program over a
// scripted model, so that what must be shown is known and a reading stands still where a test wants
// to look at it.
//
//   node serve_page_test.mjs MEMAGENT
//
// Exit status 77: there is no Chromium, nothing was tested.
import assert from "node:assert/strict";
import {createHash} from "node:crypto";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, afterEach, before, test} from "node:test";
import {chromiumMissing, openChromium} from "../../web/browser.mjs";
import {QUESTIONS, sampleDocument} from "./sample_document.mjs";
import {ScriptedModel} from "./scripted_model.mjs";
import {Served} from "./serving.mjs";

if (chromiumMissing()) {
    console.log("SKIPPED: no Chromium; install Debian's package chromium to test the page");
    process.exit(77);
}

const memagent = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "memagent-page-test-"));
const model = new ScriptedModel();
const ANSWER = "The lighthouse at Vell Point was built in 1874 by the engineer Ada Lindqvist.";
let endpoint;
let served;
let context;
let close;

const flags = () => ["--endpoint", endpoint, "--section-tokens", "500", "--memory-tokens", "300",
    "--output-tokens", "200", "--question-tokens", "200", "--max-file", "200000"];

before(async () => {
    endpoint = await model.start();
    served = new Served(memagent, flags());
    await served.start();
    ({context, close} = await openChromium());
});
afterEach(() => {
    model.before = async () => {};
});
after(async () => {
    await close?.();
    await served.close();
    model.stop();
    rmSync(folder, {recursive: true, force: true});
});

function file(name, content) {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
}

// Opens the page and fails for whatever it complains about, or asks of anyone but its server.
// `expected`: complaints of the browser's own about replies the test provokes.
async function opened({width = 1200, height = 900, path = "/", url = served.url, expected = /^$/,
    ...media} = {}, use) {
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);  // machines are busy; ctest ends what never comes
    const wrong = [];
    page.on("console", (message) => {
        if (!["error", "warning"].includes(message.type())) return;
        if (!expected.test(message.text())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (request) => {
        if (!request.url().startsWith(`${url}/`) && !request.url().startsWith("data:")) {
            wrong.push(`asked for ${request.url()}`);
        }
    });
    try {
        await page.setViewportSize({width, height});
        await page.emulateMedia(media);
        await page.goto(url + path);
        await use(page);
        assert.deepEqual(wrong, []);
    } finally {
        await page.close();
    }
}

async function ask(page, {files = [], text = "", questions}) {
    await page.locator(".compose").waitFor();
    if (files.length > 0) await page.locator("input[type=file]").setInputFiles(files);
    if (text) await page.getByLabel("Text to read").fill(text);
    for (const [i, question] of questions.entries()) {
        if (i > 0) await page.getByRole("button", {name: "Add a question"}).click();
        await page.getByRole("textbox", {name: /^Question/}).nth(i).fill(question);
    }
    await page.getByRole("button", {name: "Read and answer"}).click();
}

const finished = (page) => page.locator(".state.finished").waitFor();
const answerText = (page) => page.getByRole("region", {name: "Answer"}).textContent();
const api = async (path, options = {}) =>
    (await fetch(`${served.url}/v1${path}`, options)).json();

// Lets `count` updates pass, holds the next until released; `reached` when it is there.
function holdAfter(count) {
    let release;
    let arrive;
    const released = new Promise((done) => (release = done));
    const reached = new Promise((done) => (arrive = done));
    let seen = 0;
    model.before = async ({kind}) => {
        if (kind !== "update" || ++seen <= count) return;
        arrive();
        await released;
    };
    return {reached, release};
}

test("a file is uploaded, read, and answered with the sections that support it", async () => {
    await opened({}, async (page) => {
        await ask(page, {files: [file("chronicle.txt", sampleDocument())],
            questions: [QUESTIONS.lighthouse]});
        await finished(page);
        assert.equal(await answerText(page), ANSWER);
        assert.equal(await page.locator("h1").textContent(), "chronicle.txt");
        // The same as the API says.
        const {data: [session]} = await api("/sessions");
        assert.equal(session.questions[0].answer, ANSWER);
        assert.equal(session.document.filename, "chronicle.txt");
        assert.match(await page.locator(".state").textContent(),
            new RegExp(`after ${session.questions[0].sections} sections`));

        const support = page.locator(".support li");
        assert.equal(await support.count(), 1);
        assert.equal(await support.first().locator("mark").textContent(), ANSWER.slice(0, -1));
        // One click to the section, whose text is the document's.
        await support.first().getByRole("button").click();
        const section = page.locator(".section-text");
        await section.locator("mark").first().waitFor();
        assert.ok(sampleDocument().includes(await section.textContent()));
        assert.ok((await section.locator("mark").allTextContents()).join().includes("Ada Lindqvist"));
        const box = await section.locator("mark").first().boundingBox();
        const frame = await section.boundingBox();
        assert.ok(box.y >= frame.y && box.y < frame.y + frame.height, "scrolled to the words");
    });
});

test("the memory's changes are marked, and stepped through along the strip", async () => {
    const {data: [session]} = await api("/sessions");
    const {data: steps} = await api(`/sessions/${session.id}/steps`);
    const changed = steps.filter((step) => step.memory !== undefined);
    assert.ok(changed.length >= 3);
    await opened({path: `/#/s/${session.id}`}, async (page) => {
        await finished(page);
        const memory = page.getByRole("region", {name: "Memory"});
        const slider = page.getByRole("slider");
        assert.equal(await slider.getAttribute("aria-valuemax"), String(changed.length));
        await slider.focus();
        await page.keyboard.press("Home");
        let before = "Nothing noted yet.";
        for (const [i, step] of changed.entries()) {
            assert.equal(await slider.getAttribute("aria-valuetext"),
                `Change ${i + 1} of ${changed.length}, section ${step.section + 1}`);
            const texts = await memory.evaluate((node) => {
                const without = (tag) => {
                    const copy = node.cloneNode(true);
                    copy.querySelectorAll(tag).forEach((one) => one.remove());
                    return copy.textContent;
                };
                return [without("del"), without("ins")];
            });
            assert.equal(texts[0], step.memory);
            if (i > 0) assert.equal(texts[1], before);
            before = step.memory;
            await page.keyboard.press("ArrowRight");
        }
        // The strip's left end is the first change.
        const box = await slider.boundingBox();
        await slider.click({position: {x: 10, y: box.height / 2}});
        assert.equal(await slider.getAttribute("aria-valuenow"), "1");
        await page.getByRole("button", {name: "Later change"}).click();
        assert.equal(await slider.getAttribute("aria-valuenow"), "2");
    });
});

test("a reload in the middle finds the reading and goes on showing it", async () => {
    const hold = holdAfter(20);
    await opened({}, async (page) => {
        await ask(page, {files: [file("chronicle.txt", sampleDocument())],
            questions: [QUESTIONS.lighthouse]});
        await hold.reached;
        await page.getByText("20 sections read").waitFor();
        const bar = page.getByRole("progressbar", {name: "Read so far"});
        const read = Number(await bar.getAttribute("value"));
        assert.ok(read > 0.2 && read < 1);
        await page.reload();
        await page.getByText("20 sections read").waitFor();
        assert.equal(Number(await bar.getAttribute("value")), read);
        assert.match(await page.locator(".where").textContent(), /^Change \d+ of \d+, by section/);
        const current = page.locator(".sessions [aria-current]");
        await current.first().waitFor();  // the list comes on its own
        assert.equal(await current.count(), 1);
        hold.release();
        await finished(page);
        assert.equal(await answerText(page), ANSWER);
    });
});

test("several questions over a pasted text", async () => {
    await opened({}, async (page) => {
        await ask(page, {text: sampleDocument(200),
            questions: [QUESTIONS.lighthouse, QUESTIONS.lantern, QUESTIONS.ferry]});
        await finished(page);
        const tabs = page.getByRole("tab");
        assert.equal(await tabs.count(), 3);
        const answers = [];
        for (let i = 0; i < 3; ++i) {
            await tabs.nth(i).click();
            assert.equal(await page.locator(".question").textContent(),
                Object.values(QUESTIONS)[i]);
            answers.push(await answerText(page));
        }
        const {data: [session]} = await api("/sessions");
        assert.deepEqual(answers, session.questions.map((one) => one.answer));
        assert.equal(answers[0], ANSWER);
        assert.match(answers[1], /lantern/);
        assert.match(answers[2], /nine shillings/);
        assert.equal(session.document.filename, "pasted text.txt");
        await page.keyboard.press("Home");
        assert.equal(await tabs.first().getAttribute("aria-selected"), "true");
        assert.equal(await tabs.first().evaluate((tab) => tab === document.activeElement), true);
    });
});

test("several files dropped anywhere are one document; an earlier reading is opened", async () => {
    await opened({}, async (page) => {
        await page.locator(".compose").waitFor();
        const transfer = await page.evaluateHandle((texts) => {
            const data = new DataTransfer();
            texts.forEach((text, i) => data.items.add(new File([text], `part ${i + 1}.txt`)));
            return data;
        }, [sampleDocument(40), "The ferry to Oskar Island cost two crowns in 1899."]);
        await page.locator("body").dispatchEvent("dragenter", {dataTransfer: transfer});
        assert.equal(await page.locator("body.dropping").count(), 1);
        await page.locator("body").dispatchEvent("drop", {dataTransfer: transfer});
        assert.equal(await page.locator("body.dropping").count(), 0);
        await page.getByText("part 2.txt").waitFor();
        await ask(page, {questions: [QUESTIONS.ferry]});
        await finished(page);
        assert.match(await page.locator(".memory").textContent(), /two crowns/);
        // The parts went into the session's own document, and are not kept beside it.
        const {data: [session, other]} = await api("/sessions");
        const names = (await api("/files")).data.map((one) => one.filename);
        assert.ok(names.includes(session.document.filename));
        assert.ok(!names.some((name) => name.startsWith("part ")));

        await page.locator(`.sessions a[href="#/s/${other.id}"]`).click();
        await page.locator("h1", {hasText: other.document.filename}).waitFor();
        assert.equal(await page.locator(".sessions [aria-current]").getAttribute("href"),
            `#/s/${other.id}`);
    });
});

test("cancelled, resumed, asked again about, deleted with its document", async () => {
    const hold = holdAfter(5);
    await opened({}, async (page) => {
        await ask(page, {files: [file("mine.txt", sampleDocument(100))],
            questions: [QUESTIONS.lighthouse]});
        await hold.reached;
        await page.locator(".status").getByRole("button", {name: "Cancel"}).click();
        await page.locator(".state.stopped").waitFor();
        hold.release();
        await page.getByRole("button", {name: "Go on reading"}).click();
        await finished(page);
        assert.equal(await answerText(page), ANSWER);
        const {data: [first]} = await api("/sessions");

        await page.getByRole("link", {name: "Ask more about this document"}).click();
        await ask(page, {questions: [QUESTIONS.ferry]});
        await finished(page);
        const {data: [second]} = await api("/sessions");
        assert.equal(second.document.file_id, first.document.file_id);

        // Its document is kept as long as another session reads it.
        const files = async () => (await api("/files")).data.map((one) => one.id);
        for (const [session, kept] of [[second, true], [first, false]]) {
            const entry = page.locator(".sessions li", {has: page.locator(
                `a[href="#/s/${session.id}"]`)});
            await entry.hover();
            await entry.getByRole("button", {name: "Delete"}).click();
            assert.equal((await api(`/sessions/${session.id}`)).id, session.id);
            await entry.getByRole("button", {name: "Really delete"}).click();
            await entry.waitFor({state: "detached"});
            assert.equal((await files()).includes(first.document.file_id), kept);
        }
        await page.locator(".compose").waitFor();
    });
});

test("script in documents, questions, names and memories is text", async () => {
    const attack = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'" +
        "</script> lighthouse at Vell Point was built by <b>nobody</b>.";
    await opened({expected: /inline script violates|Refused to execute inline script/}, async (page) => {
        await ask(page, {files: [file("<img src=x onerror=alert(1)>.txt",
            `${attack}\n${sampleDocument(60)}`)], questions: [`${QUESTIONS.lighthouse} ${attack}`]});
        await finished(page);
        await page.getByRole("button", {name: /^Show section/}).last().click();
        await page.locator(".section-text mark").first().waitFor();
        assert.ok((await page.locator(".memory").textContent()).includes("<b>nobody</b>"));
        assert.ok((await page.locator(".question").textContent()).includes("<script>"));
        assert.equal(await page.locator("main img, main script, main b, aside img").count(), 0);
        assert.doesNotMatch(await page.title(), /hacked/);
        // What the policy stops, should markup get in after all.
        const ran = await page.evaluate(() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            return window.ran === true;
        });
        assert.equal(ran, false);
    });
});

test("what cannot be read is said before anything is sent", async () => {
    await opened({}, async (page) => {
        await page.locator(".compose").waitFor();
        await page.locator("input[type=file]").setInputFiles([
            file("picture.png", Buffer.from([0x89, 0x50, 0x4E, 0x47, 0, 0, 0, 13])),
            file("large.txt", "x".repeat(200_001)), file("empty.txt", "")]);
        const bad = page.locator(".files .bad");
        await bad.nth(2).waitFor();
        assert.match(await bad.nth(0).textContent(), /picture.png is not text/);
        assert.match(await bad.nth(1).textContent(), /large.txt is too large: it has 200 kB, and this server takes 200 kB at most/);
        assert.match(await bad.nth(2).textContent(), /empty.txt is empty/);
        await page.getByRole("textbox", {name: "Question"}).fill("Who?");
        await page.getByRole("button", {name: "Read and answer"}).click();
        assert.match(await page.getByRole("alert").textContent(), /Choose a file or paste a text/);
        assert.equal((await api("/files")).data.some((one) => /large|picture/.test(one.filename)),
            false);
    });
});

test("what the server refuses is told in its words", async () => {
    await opened({expected: /status of 4\d\d/}, async (page) => {
        const before_ = (await api("/files")).data.length;
        // Control characters all through: text to the page's quick look, not to the server.
        await ask(page, {files: [file("odd.txt", "\x01\x02\x03ab".repeat(1000))],
            questions: ["Who?"]});
        const alert = page.getByRole("alert");
        await alert.waitFor();
        assert.match(await alert.textContent(), /That cannot be read.*control characters/);
        // Nothing of it stays on the server.
        assert.equal((await api("/files")).data.length, before_);
        await page.getByRole("button", {name: "Remove odd.txt"}).click();
        await page.getByLabel("Text to read").fill("A text.");
        await page.getByRole("textbox", {name: "Question"}).fill("long ".repeat(2000));
        await page.getByRole("button", {name: "Read and answer"}).click();
        await page.getByText(/more than its budget of 200/).waitFor();
        await page.goto(`${served.url}/#/s/none`);
        await page.getByText("There is no such reading").waitFor();
    });
});

test("a model that fails is told, and the reading goes on from there", async () => {
    await opened({expected: /status of 5\d\d/}, async (page) => {
        let failing = true;
        let seen = 0;
        model.before = async () => {
            if (++seen > 5 && failing) throw new Error("the accelerator is on fire");
        };
        await ask(page, {files: [file("chronicle.txt", sampleDocument(100))],
            questions: [QUESTIONS.lighthouse]});
        await page.locator(".state.stopped").waitFor();
        assert.match(await page.getByRole("alert").first().textContent(),
            /model or the server failed.*the accelerator is on fire/);
        failing = false;
        await page.getByRole("button", {name: "Go on reading"}).click();
        await finished(page);
        assert.equal(await answerText(page), ANSWER);
    });
});

test("a server that is gone is looked for until it is back", async () => {
    const hold = holdAfter(10);
    await opened({expected: /ERR_/}, async (page) => {
        await ask(page, {files: [file("chronicle.txt", sampleDocument(200))],
            questions: [QUESTIONS.lighthouse]});
        await hold.reached;
        await page.getByText("10 sections read").waitFor();
        await served.kill();
        await page.getByText(/The server does not answer/).first().waitFor();
        assert.equal(await page.locator(".where").isVisible(), true);
        hold.release();
        await served.start();
        // The reading stopped with its server; nothing of it is lost.
        await page.locator(".state.stopped").waitFor();
        await page.getByText(/The server does not answer/).first().waitFor({state: "hidden"});
        await page.getByRole("button", {name: "Go on reading"}).click();
        await finished(page);
        assert.equal(await answerText(page), ANSWER);
    });
});

test("a server with keys asks for one, and keeps it for the tab alone", async () => {
    const keys = file("keys", `alice ${createHash("sha256").update("right").digest("hex")}\n`);
    const guarded = new Served(memagent, [...flags(), "--api-key-file", keys]);
    await guarded.start();
    try {
        await opened({url: guarded.url, expected: /status of 401/}, async (page) => {
            const field = page.getByLabel("API key", {exact: true});
            await field.fill("wrong");
            await page.getByRole("button", {name: "Use this key"}).click();
            await page.getByText("The key is wrong.").waitFor();
            await field.fill("right");
            await page.getByRole("button", {name: "Use this key"}).click();
            await ask(page, {text: sampleDocument(60), questions: [QUESTIONS.lighthouse]});
            await finished(page);
            await page.reload();
            await finished(page);
            assert.deepEqual(await page.evaluate(() => [localStorage.length,
                sessionStorage.length, document.cookie]), [0, 1, ""]);
        });
        // Another tab knows nothing of it.
        await opened({url: guarded.url, expected: /status of 401/}, async (page) => {
            await page.getByLabel("API key", {exact: true}).waitFor();
        });
    } finally {
        await guarded.close();
    }
});

test("by keyboard, on a phone, dark and light, with names for everything", async () => {
    const {data: [session]} = await api("/sessions");
    for (const path of ["/", `/#/s/${session.id}`]) {
        for (const media of [{width: 360, height: 760, colorScheme: "dark"},
            {width: 1200, height: 800, colorScheme: "light"}]) {
            await opened({path, ...media}, async (page) => {
                await page.locator("main h1").waitFor();
                await page.locator(".sessions li").first().waitFor({state: "attached"});
                if (path !== "/") await finished(page);
                assert.equal(await page.evaluate(() => document.documentElement.scrollWidth -
                    document.documentElement.clientWidth), 0, "no sideways scrolling");
                const nameless = await page.evaluate(() => [...document.querySelectorAll(
                    "button, a, input:not([hidden]), select, textarea, [role=slider], progress")]
                    .filter((node) => node.checkVisibility() && !node.textContent.trim() &&
                        !node.getAttribute("aria-label") && !node.labels?.length)
                    .map((node) => node.outerHTML));
                assert.deepEqual(nameless, []);
                const faint = await page.evaluate(contrastFailures);
                assert.deepEqual(faint, []);
            });
        }
    }
    await opened({}, async (page) => {
        await page.locator(".compose").waitFor();
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");  // the skip link
        assert.equal(await page.evaluate(() => document.activeElement.id), "main");
        await page.keyboard.press("Tab");
        await page.keyboard.type("The lighthouse at Vell Point was built in 1874.");
        await page.keyboard.press("Tab");  // the files' button
        await page.keyboard.press("Tab");
        await page.keyboard.type(QUESTIONS.lighthouse);
        await page.keyboard.press("Control+Enter");
        await finished(page);
        assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
        assert.match(await page.getByRole("status").textContent(), /^Answered: The lighthouse/);
    });
});

// Texts whose contrast is below 4.5 to 1 (WCAG 2.1, 1.4.3). Runs in the page.
function contrastFailures() {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = channels(colour).slice(0, 3).map((value) => {
            const share = value / 255;
            return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const opaque = (node) => {
        const colour = getComputedStyle(node).backgroundColor;
        const [, , , alpha = 1] = channels(colour);
        return alpha > 0 ? colour : node.parentElement ? opaque(node.parentElement) : "rgb(255,255,255)";
    };
    const failures = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const node = walk.currentNode.parentElement;
        if (!walk.currentNode.textContent.trim() || !node.checkVisibility({checkOpacity: true}) ||
            node.closest("script, .unseen, .skip, :disabled, option, .sessions button")) continue;
        const [one, other] = [luminance(getComputedStyle(node).color), luminance(opaque(node))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) failures.push(`${ratio.toFixed(2)} ${node.textContent.slice(0, 40)}`);
    }
    return failures;
}
