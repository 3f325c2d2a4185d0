// llama.cpp as the peers use it: on the CPU, nothing built or downloaded, flash attention on, the KV
// cache F16, which are its defaults at their fastest.
import {createRequire} from "node:module";
import {fileURLToPath, pathToFileURL} from "node:url";

// The package is installed for the tests (make test), not for this folder.
const packages = createRequire(fileURLToPath(new URL("../tests/npm/", import.meta.url)));
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(packages.resolve("node-llama-cpp")));

// One sequence in a context of `contextTokens` over a GGUF file.
export async function openLlama(modelPath, {contextTokens, threads, batch}) {
    const llama = await getLlama({
        gpu: false,
        build: "never",
        logLevel: LlamaLogLevel.error,
        maxThreads: threads,
        skipDownload: true
    });
    const model = await llama.loadModel({modelPath});
    const context = await model.createContext({
        contextSize: contextTokens,
        batchSize: batch,
        threads: {ideal: threads, min: threads},
        flashAttention: true
    });
    return {
        model,
        release: llama.llamaCppRelease?.release ?? "",
        sequence: context.getSequence(),
        async close() {
            await context.dispose();
            await model.dispose();
            await llama.dispose();
        }
    };
}

export const greedy = {generateNext: {token: true, options: {temperature: 0}}};
