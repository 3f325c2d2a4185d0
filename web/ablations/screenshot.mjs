// Draws the figure of docs/results/ablations.md.
//
//   node web/ablations/screenshot.mjs docs/results/ablations.json docs/images/ablations.png
import {readFileSync} from "node:fs";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";
import {withChromium} from "../browser.mjs";

const [results, picture] = process.argv.slice(2);
if (!picture) {
    console.error("usage: screenshot.mjs ABLATIONS.json PICTURE.png");
    process.exit(2);
}

async function bundle(name) {
    const made = await build({entryPoints: [fileURLToPath(new URL(name, import.meta.url))], bundle: true,
        write: false, format: "iife", target: ["es2022"], logLevel: "warning"});
    return made.outputFiles[0].text.replaceAll("</script", "<\\/script");
}

const data = readFileSync(results, "utf8").replaceAll("<", "\\u003c");
const html = `<!doctype html><html lang="en"><meta charset="utf-8"><style>${await bundle("style.css")}</style>` +
    `<body><main id="main"></main><script type="application/json" id="data">${data}</script>` +
    `<script>${await bundle("main.js")}</script></body></html>`;

await withChromium(async (context) => {
    const page = await context.newPage();
    await page.setViewportSize({width: 1120, height: 700});
    await page.emulateMedia({colorScheme: "light"});
    await page.setContent(html);
    await page.locator("figure svg[role=img]").nth(1).waitFor();
    await page.locator("#main").screenshot({path: picture});
});
