// The conversations of a trace, replayed token for token through llama.cpp: what `memagent ask` did,
// as a loop over llama.cpp would do it.
//
//   node bench/llama_ask_peer.mjs --model FILE --trace FILE [--order questions|sections] [--threads 2]
//
// The trace is of `memagent ask --trace FILE --trace-prompts` on a local model. Each prompt is
// evaluated up to its last token and each response then decoded one token at a time, with the
// trace's own tokens fed back, so that both sides do the same work. The part of a prompt that the
// one before it began with stays in the KV cache. `questions`: one question after another, a loop
// as anyone would write it; `sections`: all questions on one section before the next, which makes
// the most of that cache with section-first. The last line is one JSON object.
import {readFileSync} from "node:fs";
import {parseArgs} from "node:util";
import {greedy, openLlama} from "./llama.mjs";

const {values: options} = parseArgs({
    options: {
        model: {type: "string"},
        trace: {type: "string"},
        order: {type: "string", default: "questions"},
        threads: {type: "string", default: "2"},
        batch: {type: "string", default: "512"}
    }
});
if (options.model == null || options.trace == null) {
    console.error("llama_ask_peer: --model FILE and --trace FILE are needed");
    process.exit(2);
}
const threads = Number(options.threads);

const conversations = readFileSync(options.trace, "utf8").trim().split("\n").map((line) => JSON.parse(line));
if (options.order === "questions") conversations.sort((a, b) => a.question - b.question);  // stable
const longest = Math.max(...conversations.map((c) => c.prompt.tokens.length + c.generated_tokens));

const begin = performance.now();
const {sequence, release, close} = await openLlama(options.model,
    {contextTokens: longest + 8, threads, batch: Number(options.batch)});

const loaded = performance.now();
let evaluated = 0;
let decoded = 0;
for (const conversation of conversations) {
    const prompt = conversation.prompt.tokens;
    await sequence.adaptStateToTokens(prompt, false);
    const rest = prompt.slice(Math.min(sequence.nextTokenIndex, prompt.length - 1));
    if (sequence.nextTokenIndex >= prompt.length)
        await sequence.eraseContextTokenRanges([{start: prompt.length - 1, end: sequence.nextTokenIndex}]);
    await sequence.controlledEvaluate([...rest.slice(0, -1), [rest.at(-1), greedy]]);
    evaluated += rest.length;
    const response = conversation.response_tokens;
    for (const token of response.slice(0, -1)) await sequence.controlledEvaluate([[token, greedy]]);
    decoded += response.length;
}
const end = performance.now();
console.log(JSON.stringify({
    program: "llama.cpp", release, order: options.order,
    conversations: conversations.length, evaluated_prompt_tokens: evaluated, decoded_tokens: decoded,
    load_seconds: (loaded - begin) / 1000, seconds: (end - loaded) / 1000
}));
await close();
