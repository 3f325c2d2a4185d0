// The report page as a reader meets it, in Debian's Chromium: nothing fails, nothing is loaded,
// nothing a model wrote becomes markup; keyboard, paper, phone, both colour schemes.
//
//   node report_page_test.mjs RENDER_REPORT
//
// Exit status 77: there is no Chromium, nothing was tested.
import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {fileURLToPath, pathToFileURL} from "node:url";
import {chromiumMissing, openChromium} from "../../web/browser.mjs";

if (chromiumMissing()) {
    console.log("SKIPPED: no Chromium; install Debian's package chromium to test the report page");
    process.exit(77);
}

const renderer = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "memagent-report-"));

// The address of a report file made of JSON text.
function render(name, json) {
    const [from, to] = [join(folder, `${name}.json`), join(folder, `${name}.html`)];
    writeFileSync(from, json);
    execFileSync(renderer, [from, to]);
    return pathToFileURL(to).href;
}

let sample;
let context;
let close;

before(async () => {
    const script = fileURLToPath(new URL("sample_report.mjs", import.meta.url));
    sample = render("sample", execFileSync(process.execPath, [script], {maxBuffer: 1 << 26}));
    ({context, close} = await openChromium());
});
after(async () => {
    await close?.();
    rmSync(folder, {recursive: true, force: true});
});

// Opens a report and fails for whatever it complains about or asks for.
async function opened(address, {width = 1180, height = 900, ...media} = {}, use) {
    const page = await context.newPage();
    const wrong = [];
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (request) => {
        if (request.url() !== address && !request.url().startsWith("data:")) {
            wrong.push(`asked for ${request.url()}`);
        }
    });
    try {
        await page.setViewportSize({width, height});
        await page.emulateMedia(media);
        await page.goto(address);
        await page.locator("main > *").first().waitFor();
        await use(page);
        assert.deepEqual(wrong, []);
    } finally {
        await page.close();
    }
}

const overflow = (page) => page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("curves, tables, heat maps, cost, outcomes and readings are there", async () => {
    await opened(sample, {}, async (page) => {
        await page.locator("#accuracy .chart svg").first().waitFor();
        assert.equal(await page.locator("#accuracy > .chart [aria-label=line] path").count(), 3);
        assert.equal(await page.locator("#accuracy .stamp svg").count(), 6);
        assert.equal(await page.locator("#scores table.scores").count(), 3);
        assert.equal(await page.locator("#depth figure:visible svg").count(), 3);
        assert.equal(await page.locator("#hops figure:visible svg").count(), 3);
        assert.equal(await page.locator("#cost .chart svg").count(), 2);
        // From 4 to 4,000 seconds: every tick has its label.
        assert.deepEqual(await page.locator("#cost .chart").nth(1)
            .locator('[aria-label="y-axis tick label"] text').allTextContents(),
        ["10 s", "1 min", "10 min", "1 h"]);
        assert.ok(await page.locator("#outcomes [aria-label=bar] rect").count() > 20);
        assert.match(await page.locator("#outcomes tbody tr").first().locator("td").last()
            .textContent(), /^\d+ of \d+/);
        assert.equal(await page.locator("#rows tbody tr").count(), 12);
    });
});

test("cells that were not run are gaps", async () => {
    await opened(sample, {}, async (page) => {
        const row = page.locator("#scores table").first().locator("tr", {hasText: "common_words"});
        assert.equal(await row.locator("td").last().textContent(), "\u2013");
        // A mean over five of six tasks is a hollow mark that no line reaches.
        const hollow = await page.locator('#accuracy > .chart [aria-label=dot][fill="var(--paper)"] *')
            .count();
        assert.ok(hollow > 0);
    });
});

test("what the first method gains is told where both were run", async () => {
    await opened(sample, {}, async (page) => {
        const row = page.locator(".gains tbody tr").first();
        // 0.08 * 1 - 0.05 = 0.03, from -0.01 to 0.07; 0.08 * 2 - 0.05 = 0.11, from 0.07 on.
        assert.equal(await row.locator("td").nth(1).textContent(), "+3.0 \u22121.0 to +7.0");
        assert.equal(await row.locator("td").nth(1).locator("strong").count(), 0);
        assert.equal(await row.locator("td").nth(2).locator("strong").textContent(), "+11.0");
        assert.equal(await row.locator("td").last().textContent(), "\u2013");
    });
});

test("scores show their interval, and on a phone the whole name of a task", async () => {
    await opened(sample, {width: 360, height: 760}, async (page) => {
        const table = page.locator("#scores table").first();
        const row = table.locator("tbody tr").first();
        const {score, ci_low: low, ci_high: high} = JSON.parse(
            await page.locator("#report").textContent()).cells[0];
        const shown = [score, low, high].map((share) => Math.round(100 * share));
        assert.equal(await row.locator("td").first().textContent(),
            `${shown[0]} ${shown[1]}\u2013${shown[2]}`);
        const cut = await table.locator("tbody th").evaluateAll((names) =>
            names.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));
        assert.deepEqual(cut, []);
        assert.equal(await row.locator("th").textContent(), "niah_single_1");
    });
});

test("choosing a task changes every section", async () => {
    await opened(sample, {}, async (page) => {
        const path = page.locator("#accuracy > .chart [aria-label=line] path").first();
        const before_ = await path.getAttribute("d");
        await page.locator("#bar select").selectOption("niah_multikey_3");
        assert.notEqual(await path.getAttribute("d"), before_);
        for (const id of ["accuracy", "depth", "cost", "outcomes"]) {
            assert.match(await page.locator(`#${id} h3`).first().textContent(), /niah_multikey_3/);
        }
        const tasks = await page.locator("#rows tbody td:nth-child(2)").allTextContents();
        assert.deepEqual([...new Set(tasks)], ["niah_multikey_3"]);
        assert.ok(await page.locator("#hops .note").isVisible());
    });
});

test("arrow keys step through a trace", async () => {
    await opened(sample, {}, async (page) => {
        const viewer = page.locator(".viewer");
        const memory = page.locator(".viewer .memory");
        await viewer.focus();
        await page.keyboard.press("Home");
        assert.match(await page.locator(".where").textContent(), /^Section 1 of 7/);
        assert.equal(await memory.textContent(), "Nothing noted yet.");
        await page.keyboard.press("ArrowDown");
        assert.match(await memory.locator("ins").first().textContent(), /harbour master/);
        const noted = await memory.textContent();
        assert.equal(await memory.locator("mark").count(), 1);
        await page.keyboard.press("ArrowRight");
        assert.notEqual(await memory.textContent(), noted);
        await page.keyboard.press("ArrowDown");
        assert.ok(await memory.locator("del").count() > 0);
        assert.match(await page.locator(".evidence").textContent(), /was in the memory, is gone/);
        await page.keyboard.press("End");
        assert.match(await page.locator(".where").textContent(), /^Answer/);
        await page.keyboard.press("ArrowUp");
        assert.ok(await memory.locator("del").count() > 0);
        // The slider is stepped by its own keys, not twice.
        await page.locator(".viewer input[type=range]").focus();
        await page.keyboard.press("Home");
        await page.keyboard.press("ArrowRight");
        assert.match(await page.locator(".where").textContent(), /^Section 2 of 7/);
    });
});

test("rows can be filtered, chosen and are all reachable", async () => {
    await opened(sample, {}, async (page) => {
        await page.locator("#rows select").nth(3).selectOption("lost");
        const outcomes = await page.locator("#rows tbody td:nth-child(5)").allTextContents();
        assert.deepEqual([...new Set(outcomes)], ["lost"]);
        await page.locator("#rows tbody button").nth(1).click();
        assert.ok(await page.locator(".viewer").evaluate((node) => node === document.activeElement));
        await page.locator("#rows input[type=search]").fill("no such words");
        assert.match(await page.locator("#rows").textContent(), /No row matches/);
    });
});

test("hostile text is text", async () => {
    await opened(sample, {}, async (page) => {
        assert.doesNotMatch(await page.title(), /taken over/);
        assert.equal(await page.locator("script").count(), 2);
        assert.equal(await page.locator("img").count(), 0);
        await page.locator("#rows select").first().selectOption({index: 6});
        await page.locator("#rows tbody button").first().click();
        assert.match(await page.locator(".viewer .question").textContent(), /<script>document/);
        await page.keyboard.press("End");
        assert.doesNotMatch(await page.title(), /taken over/);
    });
});

test("a phone needs no sideways scrolling", async () => {
    await opened(sample, {width: 360, height: 760}, async (page) => {
        await page.locator("#accuracy .chart svg").first().waitFor();
        assert.equal(await overflow(page), 0);
        for (const task of ["world_bridge", "variable_tracking"]) {
            await page.locator("#bar select").selectOption(task);
            assert.equal(await overflow(page), 0);
        }
        for (const one of await page.locator("details > summary:visible").all()) await one.click();
        assert.equal(await overflow(page), 0);
    });
});

test("dark and light differ, paper is always light", async () => {
    const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await opened(sample, {colorScheme: "light"}, async (page) =>
        assert.equal(await paper(page), "rgb(255, 255, 255)"));
    await opened(sample, {colorScheme: "dark"}, async (page) => {
        assert.notEqual(await paper(page), "rgb(255, 255, 255)");
        await page.emulateMedia({colorScheme: "dark", media: "print"});
        assert.equal(await paper(page), "rgb(255, 255, 255)");
    });
});

test("paper shows every method's table and no controls", async () => {
    await opened(sample, {media: "print"}, async (page) => {
        assert.equal(await page.locator("#scores table.scores:visible").count(), 3);
        assert.equal(await page.locator("select:visible, input:visible").count(), 0);
        assert.ok(await page.locator(".viewer").isVisible());
        assert.ok((await page.pdf({format: "A4"})).length > 10000);
    });
});

test("text stands out from what is behind it", async () => {
    // WCAG 2.1's contrast, at least 4.5 for text.
    const ratio = (one, two) => (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const pairs = [["ink", "paper"], ["soft", "paper"], ["soft", "sunk"], ["link", "paper"],
        ["added-ink", "added"], ["removed-ink", "removed"], ["value-ink", "value"],
        ...Array.from({length: 10}, (_, i) => [`t${i}`, `s${i}`]),
        ...Array.from({length: 8}, (_, i) => [`outcome-ink-${i}`, `outcome-${i}`]),
        ["outcome-ink-other", "outcome-other"]];
    for (const colorScheme of ["light", "dark"]) {
        await opened(sample, {colorScheme}, async (page) => {
            const luminances = await page.evaluate((names) => {
                const style = getComputedStyle(document.documentElement);
                return Object.fromEntries(names.map((name) => {
                    const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
                    const [r, g, b] = [0, 2, 4].map((at) => {
                        const c = parseInt(hex.slice(at, at + 2), 16) / 255;
                        return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
                    });
                    return [name, 0.2126 * r + 0.7152 * g + 0.0722 * b];
                }));
            }, [...new Set(pairs.flat())]);
            for (const [ink, ground] of pairs) {
                const found = ratio(luminances[ink], luminances[ground]);
                assert.ok(found >= 4.5, `${ink} on ${ground}, ${colorScheme}: ${found.toFixed(2)}`);
            }
        });
    }
});

test("reports with little in them", async () => {
    const reports = {
        empty: "{}",
        one: JSON.stringify({model: "m", cells: [{method: "memory", task: "t", length: 8192, n: 5,
            score: 0.4}]}),
        bare: JSON.stringify({rows: [{method: "memory", task: "t", length: 8192, question: "q"},
            {}]}),
        odd: JSON.stringify({lengths: [0, -1, "x"], cells: [{score: 0.5}, null, 4],
            rows: [null, {evidence: [{}], trace: [{}, {memory: "m"}]}], settings: null}),
    };
    for (const [name, json] of Object.entries(reports)) {
        await opened(render(name, json), {}, async (page) => {
            assert.equal(await page.locator("[role=alert]").count(), 0, name);
            assert.ok((await page.locator("main").textContent()).length > 10, name);
        });
    }
});
