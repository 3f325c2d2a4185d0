// The official openai client asks a question about a message of a million tokens.
//
//   node examples/million_tokens.mjs build/release/memagent [TOKENS]
//
// Starts `memagent serve` with the model inside the program, makes a document with one fact in it
// (`memagent synth`), and puts it into one user message with a question after it, as any client of
// the API would. Prints what comes back. The client is found among the npm packages of the tests
// (tools/npm_install.sh tests/npm).
import {execFileSync, spawn} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {pathToFileURL} from "node:url";

const [memagent = "build/release/memagent", tokens = "1M"] = process.argv.slice(2);
const require = createRequire(new URL("../tests/npm/package.json", import.meta.url));
let entry;
try {
    entry = require.resolve("openai");
} catch {
    console.log("no openai package: run tools/npm_install.sh tests/npm");
    process.exit(77);
}
const {default: OpenAI} = await import(pathToFileURL(entry));
const {version} = JSON.parse(readFileSync(join(dirname(entry), "package.json")));

// A row of a task file: context, question, answers.
const row = JSON.parse(execFileSync(memagent, ["synth", "--task", "niah_single_2", "--tokens", tokens,
    "--model", "builtin:nano", "--seed", "0", "--count", "1", "--quiet"], {maxBuffer: 1 << 30}));

const folder = mkdtempSync(join(tmpdir(), "memagent-example-"));
const server = spawn(memagent, ["serve", "--port", "0", "--quiet",
    "--store", join(folder, "sessions.sqlite")], {stdio: ["ignore", "pipe", "inherit"]});
const ready = await new Promise((found) => server.stdout.once("data", (bytes) => found(`${bytes}`)));
const baseURL = ready.match(/http:\S+/)[0];
try {
    console.log(`openai ${version}, ${baseURL.replace(/\d+\/v1/, "PORT/v1")}`);
    const client = new OpenAI({baseURL, apiKey: "unused"});
    for await (const model of client.models.list()) {
        console.log(`model ${model.id}: sees ${model.memagent.window_tokens} tokens at once`);
    }
    console.log(`one message of ${row.context.length} characters, then: ${row.question}`);

    const began = performance.now();
    const stream = await client.chat.completions.create({
        model: "memagent",
        stream: true,
        stream_options: {include_usage: true},
        messages: [{role: "user", content: `${row.context}\n\n${row.question}`}],
    });
    let answer = "";
    let usage;
    let told = 0;
    for await (const chunk of stream) {
        answer += chunk.choices[0]?.delta?.content ?? "";
        usage = chunk.usage ?? usage;
        const state = chunk.memagent;
        if (state?.event !== "progress") continue;
        if (state.memory !== undefined) {
            console.log(`  section ${state.section}, bytes ${state.bytes[0]} to ${state.bytes[1]}: ` +
                `the memory is now ${JSON.stringify(state.memory)}`);
        }
        if (state.fraction >= told + 0.25) {
            told = Math.floor(state.fraction * 4) / 4;
            console.log(`  ${100 * told} % read: ${state.document_tokens} tokens, ` +
                `${state.sections} sections`);
        }
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`answer after ${seconds} s: ${answer}`);
    console.log(`the document says: ${row.answers[0]}`);
    console.log(`usage: ${usage.prompt_tokens} prompt tokens, ` +
        `${usage.completion_tokens} completion tokens`);
    if (!answer.includes(row.answers[0])) process.exitCode = 1;
} finally {
    server.kill("SIGTERM");
    await new Promise((ended) => server.on("exit", ended));
    rmSync(folder, {recursive: true});
}
