// Models of random weights for measuring: their answers mean nothing, their speed is that of trained
// ones. Made once, under build/bench.
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync} from "node:fs";
import {fileURLToPath} from "node:url";

export const root = fileURLToPath(new URL("../", import.meta.url));
export const folder = `${root}build/bench`;
mkdirSync(folder, {recursive: true});

// The GGUF file of a shape that `program model init` knows.
export function randomModel(program, shape, type = "Q8_0") {
    const path = `${folder}/${shape}-${type}.gguf`;
    if (!existsSync(path))
        execFileSync(program, ["model", "init", shape, path, "--type", type, "--seed", "1"]);
    return path;
}
