// Debian's Chromium, to look at pages with: for tests and for screenshots. Gives no browser that
// Playwright downloads, and none that talks to anyone by itself.
import {existsSync, mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {chromium} from "playwright-core";

const PROGRAM = process.env.MEMAGENT_CHROMIUM || "/usr/bin/chromium";

export const chromiumMissing = () => !existsSync(PROGRAM);

// A browser of its own: {context, close}.
export async function openChromium() {
    const profile = mkdtempSync(join(tmpdir(), "memagent-chromium-"));
    const takeAway = () => rmSync(profile, {recursive: true, force: true, maxRetries: 5});
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: PROGRAM,
        headless: true,
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    }).catch((error) => {
        takeAway();
        throw error;
    });
    const close = async () => {
        try {
            await context.close();
        } finally {
            takeAway();
        }
    };
    return {context, close};
}

// Calls use(context) with a browser of its own and takes it away afterwards.
export async function withChromium(use) {
    const {context, close} = await openChromium();
    try {
        return await use(context);
    } finally {
        await close();
    }
}
