// Pictures of a report: desktop in light and dark, phone, the trace viewer, paper; and its beginning
// down to the curves and down to the scores, which the documentation shows (docs/images/nano.png and
// report.png).
//
//   node web/report/screenshot.mjs REPORT.html FOLDER
import {mkdirSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";
import {withChromium} from "../browser.mjs";

const [report, folder] = process.argv.slice(2);
if (!folder) {
    console.error("usage: screenshot.mjs REPORT.html FOLDER");
    process.exit(2);
}
mkdirSync(folder, {recursive: true});
const address = pathToFileURL(resolve(report)).href;

const VIEWS = [
    {name: "report-light", width: 1180, height: 900, colorScheme: "light"},
    {name: "report-dark", width: 1180, height: 900, colorScheme: "dark"},
    {name: "report-phone", width: 360, height: 760, colorScheme: "light"},
];

await withChromium(async (context) => {
    const page = await context.newPage();
    const file = (name) => resolve(folder, `${name}.png`);
    for (const {name, width, height, colorScheme} of VIEWS) {
        await page.setViewportSize({width, height});
        await page.emulateMedia({colorScheme});
        await page.goto(address);
        await page.locator("#accuracy svg").first().waitFor();
        await page.screenshot({path: file(name)});
        await page.screenshot({path: file(`${name}-whole`), fullPage: true});
        const viewer = page.locator(".viewer");
        if (await viewer.count()) await viewer.screenshot({path: file(`${name}-trace`)});
    }
    await page.emulateMedia({colorScheme: "light"});
    await page.setViewportSize({width: 960, height: 900});
    await page.goto(address);
    for (const [name, last] of [["curves", "#accuracy"], ["report", "#scores"]]) {
        const part = await page.locator(last).boundingBox();
        await page.screenshot({path: file(name), fullPage: true,
            clip: {x: 0, y: 0, width: 960, height: Math.ceil(part.y + part.height + 24)}});
    }
    await page.setViewportSize({width: 1180, height: 900});
    await page.pdf({path: resolve(folder, "report-print.pdf"), format: "A4"});
});
