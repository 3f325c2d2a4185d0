// llama.cpp's speed on a GGUF file, for comparison with `memagent bench` on the same file.
//
//   node bench/llama_peer.mjs --model FILE [--prompt 5000] [--decode 64] [--threads 2]
//                             [--batch 512] [--repeat 3]
//
// Prefill: a prompt of P tokens into an empty context, tokens per second. Decode: N tokens one after
// another right after it. A shorter run before the clock starts loads the file and warms the
// caches. Flash attention is on and the KV cache F16, llama.cpp's own defaults at their fastest.
// The last line is one JSON object with the medians and every repetition.
import {parseArgs} from "node:util";
import {cpus} from "node:os";
import {greedy, openLlama} from "./llama.mjs";

const {values: options} = parseArgs({
    options: {
        model: {type: "string"},
        prompt: {type: "string", default: "5000"},
        decode: {type: "string", default: "64"},
        threads: {type: "string", default: "2"},
        batch: {type: "string", default: "512"},
        repeat: {type: "string", default: "3"}
    }
});
if (options.model == null) {
    console.error("llama_peer: --model FILE is needed");
    process.exit(2);
}
const promptTokens = Number(options.prompt);
const decodeTokens = Number(options.decode);
const threads = Number(options.threads);
const batch = Number(options.batch);
const repeat = Number(options.repeat);

const {model, sequence, release, close} = await openLlama(options.model,
    {contextTokens: promptTokens + decodeTokens + 8, threads, batch});

// Ordinary tokens in no particular order; which ones makes no difference to the time.
function prompt(count) {
    const most = Math.min(model.fileInfo.metadata.tokenizer.ggml.tokens.length, 50000) - 300;
    return Array.from({length: count}, (_, i) => 256 + ((i * 7919) % most));
}

async function run(numPrompt, numDecode) {
    await sequence.clearHistory();
    const tokens = prompt(numPrompt);
    const begin = performance.now();
    const output = await sequence.controlledEvaluate([...tokens.slice(0, -1), [tokens.at(-1), greedy]]);
    const middle = performance.now();
    let token = output.at(-1).next.token;
    for (let i = 0; i < numDecode; ++i)
        token = (await sequence.controlledEvaluate([[token, greedy]]))[0].next.token;
    const end = performance.now();
    return {
        prefill: (numPrompt * 1000) / (middle - begin),
        decode: (numDecode * 1000) / (end - middle)
    };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rounded = (x) => Number(x.toPrecision(5));

await run(Math.min(promptTokens, 256), Math.min(decodeTokens, 8));
const runs = [];
for (let i = 0; i < repeat; ++i) runs.push(await run(promptTokens, decodeTokens));
console.log(JSON.stringify({
    program: "llama.cpp",
    release,
    model: options.model,
    prompt_tokens: promptTokens,
    decode_tokens: decodeTokens,
    threads,
    batch,
    cpu: cpus()[0]?.model ?? "",
    prefill_tokens_per_second: rounded(median(runs.map((r) => r.prefill))),
    decode_tokens_per_second: rounded(median(runs.map((r) => r.decode))),
    repetitions: runs.map((r) => ({prefill: rounded(r.prefill), decode: rounded(r.decode)}))
}));
await close();
