// Builds a page of this folder into one HTML file with nothing outside it, and that file into a C++
// source that holds it as a string.
//
//   node build.mjs PAGE OUTPUT NAME
//
// PAGE is a folder with index.html, main.js and style.css; NAME the string_view in namespace
// memagent that OUTPUT.cc defines; OUTPUT.html is the page and OUTPUT.d lists the files it was made
// of, for Ninja. The page may run its own script, known by its hash, and nothing else; it may load
// nothing at all, unless its index.html adds to the policy. Knows nothing about what a page shows.
import {createHash} from "node:crypto";
import {readFileSync, writeFileSync} from "node:fs";
import {resolve} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

// The longest string literal that C++ compilers must accept is 65,536 bytes; a character has 4 at
// most.
const PIECES = /[^]{1,16000}/gu;
const DELIMITER = "~~html~~";

const folder = fileURLToPath(new URL(".", import.meta.url));
const here = (path) => resolve(folder, path);

async function bundle(file, inputs) {
    const result = await build({
        absWorkingDir: folder,
        entryPoints: [file],
        bundle: true,
        minify: true,
        write: false,
        format: "iife",
        target: ["es2022"],
        charset: "utf8",
        legalComments: "none",
        metafile: true,
        logLevel: "warning",
    });
    inputs.push(...Object.keys(result.metafile.inputs).map(here));
    return result.outputFiles[0].text.trim();
}

// Puts `value` where `mark` stands, which must be exactly once.
function fill(html, mark, value) {
    const parts = html.split(mark);
    if (parts.length !== 2) throw new Error(`${mark} stands ${parts.length - 1} times, not once`);
    return parts[0] + value + parts[1];
}

// Text inside <script> ends at the first "</script", whatever the script means by it.
const inScript = (code) => code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--");

function asSource(html, name) {
    if (html.includes(`)${DELIMITER}"`)) throw new Error(`the page contains )${DELIMITER}"`);
    const literals = html.match(PIECES).map((piece) => `\n    R"${DELIMITER}(${piece})${DELIMITER}"`)
        .join("");
    return `// Made by web/build.mjs.\n#include <string_view>\n\nnamespace memagent {\n\n` +
        `extern const std::string_view ${name};\nconst std::string_view ${name} =${literals};\n\n` +
        `}  // namespace memagent\n`;
}

const [page, output, name] = process.argv.slice(2);
const inputs = [here(`${page}/index.html`)];
const script = inScript(await bundle(here(`${page}/main.js`), inputs));
const style = await bundle(here(`${page}/style.css`), inputs);
const hash = createHash("sha256").update(script).digest("base64");
const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; ` +
    `img-src data:; base-uri 'none'; form-action 'none'`;

let html = readFileSync(inputs[0], "utf8");
html = fill(html, "%POLICY%", policy);
html = fill(html, "%STYLE%", style);
html = fill(html, "%SCRIPT%", script);
writeFileSync(`${output}.html`, html);
writeFileSync(`${output}.cc`, asSource(html, name));
const escaped = (path) => path.replace(/[ #]/g, "\\$&");
writeFileSync(`${output}.d`, `${escaped(output)}.cc: ${inputs.map(escaped).join(" ")}\n`);
