// What llama.cpp makes of a text with the vocabulary of a GGUF file.
//   node llama_tokenize.mjs TEXT OUT GGUF...
// TEXT: a JSON array of texts. Writes a JSON array: for each file, for each text, its ids.
import {readFileSync, writeFileSync} from "node:fs";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [textPath, outPath, ...models] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(textPath, "utf8"));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.disabled});
const reply = [];
for (const modelPath of models) {
    const model = await llama.loadModel({modelPath, vocabOnly: true});
    reply.push(texts.map((text) => model.tokenize(text, false)));
    await model.dispose();
}
writeFileSync(outPath, JSON.stringify(reply));
process.exit(0);
