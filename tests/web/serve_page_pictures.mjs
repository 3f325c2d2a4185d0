// Pictures of the server's page for the documentation, over the scripted model of its tests: the
// program is real, the model is not.
//
//   node tests/web/serve_page_pictures.mjs MEMAGENT FOLDER
import {mkdirSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {withChromium} from "../../web/browser.mjs";
import {QUESTIONS, sampleDocument} from "./sample_document.mjs";
import {ScriptedModel} from "./scripted_model.mjs";
import {Served} from "./serving.mjs";

const [memagent, folder] = process.argv.slice(2);
if (!folder) {
    console.error("usage: serve_page_pictures.mjs MEMAGENT FOLDER");
    process.exit(2);
}
mkdirSync(folder, {recursive: true});
const file = (name) => resolve(folder, `${name}.png`);
const model = new ScriptedModel();
const served = new Served(memagent, ["--endpoint", await model.start(), "--section-tokens", "500",
    "--memory-tokens", "300", "--output-tokens", "200", "--question-tokens", "200"]);
const url = await served.start();

async function pictures(context) {
    const page = await context.newPage();
    const document = join(served.folder, "chronicle of vell.txt");
    writeFileSync(document, sampleDocument(700));
    const asked = [QUESTIONS.lighthouse, QUESTIONS.lantern];

    const fill = async (colorScheme, width, height) => {
        await page.emulateMedia({colorScheme});
        await page.setViewportSize({width, height});
        await page.goto(`${url}/#/`);
        await page.locator(".compose").waitFor();
        await page.locator("input[type=file]").setInputFiles(document);
        for (const [i, question] of asked.entries()) {
            if (i > 0) await page.getByRole("button", {name: "Add a question"}).click();
            await page.locator(".question-box").nth(i).fill(question);
        }
    };
    await fill("light", 1180, 860);
    await page.screenshot({path: file("page-ask")});

    // Stands still in the middle.
    let seen = 0;
    let release;
    const released = new Promise((done) => (release = done));
    model.before = async ({kind}) => {
        if (kind === "update" && ++seen > 84) await released;
    };
    await page.getByRole("button", {name: "Read and answer"}).click();
    await page.getByText("42 sections read").waitFor();
    await page.getByRole("button", {name: /^Show section/}).click();
    await page.locator(".section-text mark").first().waitFor();
    const whole = async (name) => page.screenshot({path: file(name), fullPage: true});
    await page.emulateMedia({colorScheme: "dark"});
    await page.mouse.move(0, 0);
    await whole("page-reading-dark");
    await page.emulateMedia({colorScheme: "light"});
    await whole("page-reading-light");
    release();
    await page.locator(".state.finished").waitFor();
    await page.locator(".support mark").first().waitFor();
    await whole("page-answer-light");
    await page.emulateMedia({colorScheme: "dark"});
    await whole("page-answer-dark");
    await page.setViewportSize({width: 390, height: 844});
    await page.reload();
    await page.locator(".support mark").first().waitFor();
    await page.emulateMedia({colorScheme: "light"});
    await whole("page-phone");
    await page.setViewportSize({width: 390, height: 844});
    await fill("dark", 390, 844);
    await whole("page-phone-ask-dark");
}

try {
    await withChromium(pictures);
} finally {
    await served.close();
    model.stop();
}
