// What changed from one memory to the next, word by word, and where values of the evidence stand in
// it. Pure functions of text; they know nothing of the page.
import {diffWordsWithSpace} from "diff";

// How many insertions and deletions to look for before calling it a new text altogether.
const MAX_EDITS = 2000;

// [{text, kind: "same" | "added" | "removed"}]: without the removed parts the new text, without
// the added ones the old.
export function memoryDiff(before, after) {
    if (before === after) return after === "" ? [] : [{text: after, kind: "same"}];
    const changes = diffWordsWithSpace(before, after, {maxEditLength: MAX_EDITS}) ?? [
        {value: before, removed: true}, {value: after, added: true}];
    return changes.filter((change) => change.value !== "").map((change) => ({text: change.value,
        kind: change.added ? "added" : change.removed ? "removed" : "same"}));
}

// The same with each run of changes as one removal and one addition: what stays between two changes
// and has no word in it (a space, a full stop) goes with them.
export function tidied(parts) {
    const result = [];
    let removed = "";
    let added = "";
    const flush = () => {
        if (removed !== "") result.push({text: removed, kind: "removed"});
        if (added !== "") result.push({text: added, kind: "added"});
        removed = added = "";
    };
    parts.forEach(({text, kind}, i) => {
        const between = kind === "same" && i > 0 && i < parts.length - 1 && !/[\p{L}\p{N}]/u.test(text);
        if (kind === "same" && !between) {
            flush();
            result.push({text, kind});
            return;
        }
        if (kind !== "added") removed += text;
        if (kind !== "removed") added += text;
    });
    flush();
    return byLines(result);
}

// A change that stands alone can often be told in several ways: of the lines "- a", "- b" the first
// is gone, or its text and the next one's dash. It is told so that it begins with a line, if it can.
function byLines(parts) {
    const result = parts.map((part) => ({...part}));
    for (let i = 1; i + 1 < result.length; ++i) {
        const [before, change, next] = result.slice(i - 1, i + 2);
        if (change.kind === "same" || before.kind !== "same" || next.kind !== "same") continue;
        const line = before.text.slice(before.text.lastIndexOf("\n") + 1);
        const begins = line.length < before.text.length || i === 1;
        if (line === "" || !begins || !change.text.endsWith(line)) continue;
        before.text = before.text.slice(0, before.text.length - line.length);
        change.text = line + change.text.slice(0, change.text.length - line.length);
        next.text = line + next.text;
    }
    return result.filter((part) => part.text !== "");
}

// A value as whole words, in any case.
export function valuePattern(value) {
    const escaped = value.trim().replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/\s+/g, "\\s+");
    return escaped ? new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "giu") : null;
}

export function contains(text, value) {
    const pattern = valuePattern(String(value));
    return pattern !== null && pattern.test(text);
}

// Cuts parts where a value begins or ends; parts of the new text that belong to one get `mark`.
// A value may stretch over several parts.
export function markValues(parts, values) {
    const text = parts.filter((part) => part.kind !== "removed").map((part) => part.text).join("");
    const marked = new Uint8Array(text.length);
    for (const value of values) {
        const pattern = valuePattern(String(value));
        if (pattern === null) continue;
        for (const match of text.matchAll(pattern)) {
            marked.fill(1, match.index, match.index + match[0].length);
        }
    }
    let at = 0;
    return parts.flatMap((part) => {
        if (part.kind === "removed") return [{...part, mark: false}];
        const cut = [];
        for (let begin = 0; begin < part.text.length;) {
            const mark = marked[at + begin] === 1;
            let end = begin + 1;
            while (end < part.text.length && (marked[at + end] === 1) === mark) ++end;
            cut.push({text: part.text.slice(begin, end), kind: part.kind, mark});
            begin = end;
        }
        at += part.text.length;
        return cut;
    });
}
