// What llama.cpp says about the same GGUF files, for tests to compare with.
//
//   node llama_reference.mjs REQUEST.json > REPLY.json
//
// Request:
//   {"threads": 2, "kv_type": "F32", "cases": [{
//     "model": "file.gguf",
//     "prompts": [{"tokens": [ids], "greedy": N, "score": [ids]}],
//     "texts": ["to be tokenised", ...]}]}
// Reply, in the same order:
//   {"llama_cpp": release, "cases": [{
//     "prompts": [{"greedy": [{"token": id, "logprob": x, "margin": x}, ...],
//                  "score": [{"logprob": x, "best": id, "best_logprob": x}, ...]}],
//     "texts": [[ids], ...]}]}
//
// "greedy" is llama.cpp's own continuation of the prompt, end tokens not obeyed; "margin" is how far
// the best token's logit is above the second's. "score" gives, for each token of a continuation
// forced upon it, the log-probability llama.cpp gives it at temperature 1 and which token it would
// have taken instead. Log-probabilities are taken in double precision from all logits.
import {readFileSync} from "node:fs";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

// log(sum(exp(logits))) of a Map from token to logit, sorted from the best downwards.
function logOfSum(logits) {
    const best = logits.values().next().value;
    let sum = 0;
    for (const logit of logits.values()) sum += Math.exp(logit - best);
    return best + Math.log(sum);
}

const withLogits = {generateNext: {logits: true, options: {temperature: 0}}};

// Feeds tokens; gives the logits after the last one.
async function logitsAfter(sequence, tokens) {
    const input = tokens.map((token, i) => (i + 1 === tokens.length ? [token, withLogits] : token));
    const output = await sequence.controlledEvaluate(input);
    return output[tokens.length - 1].next.logits;
}

async function continueGreedily(sequence, prompt, count) {
    const out = [];
    let logits = await logitsAfter(sequence, prompt);
    while (out.length < count) {
        const [[token, best], [, second]] = [...firstEntries(logits, 2)];
        out.push({token, logprob: best - logOfSum(logits), margin: best - second});
        if (out.length < count) logits = await logitsAfter(sequence, [token]);
    }
    return out;
}

function* firstEntries(map, count) {
    const entries = map.entries();
    for (let i = 0; i < count; ++i) yield entries.next().value;
}

async function score(sequence, prompt, continuation) {
    // All in one batch: the logits after the prompt and after every token but the last.
    const tokens = [...prompt, ...continuation.slice(0, -1)];
    const output = await sequence.controlledEvaluate(
        tokens.map((token, i) => (i + 1 < prompt.length ? token : [token, withLogits]))
    );
    return continuation.map((token, i) => {
        const logits = output[prompt.length - 1 + i].next.logits;
        const total = logOfSum(logits);
        const [[best, bestLogit]] = [...firstEntries(logits, 1)];
        return {logprob: logits.get(token) - total, best, best_logprob: bestLogit - total};
    });
}

async function runCase(llama, request, item) {
    const model = await llama.loadModel({modelPath: item.model});
    const longest = (item.prompts ?? []).reduce(
        (most, p) => Math.max(most, p.tokens.length + Math.max(p.greedy ?? 0, p.score?.length ?? 0)),
        0
    );
    const reply = {prompts: [], texts: []};
    if (longest > 0) {
        const context = await model.createContext({
            contextSize: Math.max(256, longest + 1),
            batchSize: 512,
            threads: {ideal: request.threads ?? 2, min: request.threads ?? 2},
            flashAttention: true,
            experimentalKvCacheKeyType: request.kv_type ?? "F16",
            experimentalKvCacheValueType: request.kv_type ?? "F16"
        });
        const sequence = context.getSequence();
        for (const prompt of item.prompts) {
            const out = {greedy: [], score: []};
            await sequence.clearHistory();
            if (prompt.greedy > 0)
                out.greedy = await continueGreedily(sequence, prompt.tokens, prompt.greedy);
            await sequence.clearHistory();
            if (prompt.score?.length > 0)
                out.score = await score(sequence, prompt.tokens, prompt.score);
            reply.prompts.push(out);
        }
        await context.dispose();
    }
    for (const text of item.texts ?? []) reply.texts.push(model.tokenize(text, false));
    await model.dispose();
    return reply;
}

const request = JSON.parse(readFileSync(process.argv[2], "utf8"));
const llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
    maxThreads: request.threads ?? 2,
    skipDownload: true
});
const reply = {llama_cpp: llama.llamaCppRelease?.release ?? "", cases: []};
for (const item of request.cases) reply.cases.push(await runCase(llama, request, item));
process.stdout.write(JSON.stringify(reply) + "\n");
await llama.dispose();
