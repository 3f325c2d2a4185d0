// Which section a piece of the memory came from, and where two texts say the same words. Pure
// functions of text.
//
// A word of a memory belongs to the change that brought it in: one that a later change leaves where
// it is, as the word diff sees it, keeps its origin. What this cannot see is a model that writes
// the same fact again in other words; it then counts from there.
import {memoryDiff} from "../parts/memory_diff.js";

const WORD = /[\p{L}\p{N}]+(?:[.,'\u2019-][\p{L}\p{N}]+)*/gu;
const COMMON = new Set(("a an and are as at be been but by for from had has have he her his i in " +
    "is it its not of on or she that the their there they this to was were which who will with")
    .split(" "));

// [{word, begin, end}]: words as they are compared, and where they stand.
export function wordsOf(text) {
    return Array.from(text.matchAll(WORD), (match) => ({word: match[0].toLowerCase(),
        begin: match.index, end: match.index + match[0].length}));
}

// Words that tell something by themselves.
const telling = (word) => !COMMON.has(word) && (word.length > 3 || /\p{N}/u.test(word));

// Where `text` says what `other` says, word for word: the longest runs of words, from the left,
// that stand in both and of which at least one tells something. [{begin, end, words}] in `text`.
export function sharedRuns(text, other) {
    const mine = wordsOf(text);
    const theirs = wordsOf(other);
    const places = new Map();
    theirs.forEach(({word}, at) => {
        const list = places.get(word);
        if (!list) places.set(word, [at]);
        else if (list.length < 50) list.push(at);  // bounds the work on texts that repeat a word
    });
    const runs = [];
    for (let at = 0; at < mine.length;) {
        let length = 0;
        for (const place of places.get(mine[at].word) ?? []) {
            let same = 1;
            while (at + same < mine.length && place + same < theirs.length &&
                mine[at + same].word === theirs[place + same].word) ++same;
            length = Math.max(length, same);
        }
        const words = mine.slice(at, at + length);
        if (words.some(({word}) => telling(word))) {
            runs.push({begin: words[0].begin, end: words.at(-1).end,
                words: words.filter(({word}) => telling(word)).length});
        }
        at += Math.max(1, length);
    }
    return runs;
}

// For every character of the last of `memories`, the index of the memory that brought it in.
export function origins(memories) {
    let from = [];
    let before = "";
    memories.forEach((memory, index) => {
        const next = [];
        let at = 0;
        for (const {text, kind} of memoryDiff(before, memory)) {
            if (kind === "same") next.push(...from.slice(at, at + text.length));
            if (kind === "added") for (let i = 0; i < text.length; ++i) next.push(index);
            if (kind !== "added") at += text.length;
        }
        from = next;
        before = memory;
    });
    return from;
}

// As few changes as wrote all that the answer has from the memory, the one that wrote most first:
// {direct: true, changes: [index]}. Where the answer says nothing that the memory says, those that
// wrote most of the memory, and `direct` is false.
export function support(memories, answer) {
    const memory = memories.at(-1) ?? "";
    const from = origins(memories);
    const least = (runs) => {
        const written = new Map();  // change -> the words it wrote
        for (const {begin, end} of runs) {
            for (const one of wordsOf(memory.slice(begin, end))) {
                if (!telling(one.word)) continue;
                const change = from[begin + one.begin];
                if (!written.has(change)) written.set(change, new Set());
                written.get(change).add(one.word);
            }
        }
        const chosen = [];
        while (written.size > 0) {
            const [change, words] = [...written].reduce((best, other) =>
                (other[1].size > best[1].size ? other : best));
            written.delete(change);
            chosen.push(change);
            for (const [other, rest] of written) {
                for (const word of words) rest.delete(word);
                if (rest.size === 0) written.delete(other);
            }
        }
        return chosen;
    };
    const direct = least(sharedRuns(memory, answer));
    return direct.length > 0 ? {direct: true, changes: direct}
        : {direct: false, changes: least([{begin: 0, end: memory.length}])};
}

// Cuts `text` where runs begin and end: [{text, mark}].
export function marked(text, runs) {
    const parts = [];
    let at = 0;
    for (const {begin, end} of runs) {
        if (begin > at) parts.push({text: text.slice(at, begin), mark: false});
        parts.push({text: text.slice(begin, end), mark: true});
        at = end;
    }
    if (at < text.length) parts.push({text: text.slice(at), mark: false});
    return parts;
}

// A few words around the run that tells most, as parts; null if there is none.
export function quote(text, runs, around = 110) {
    if (runs.length === 0) return null;
    const best = runs.reduce((a, b) => (b.words > a.words ? b : a));
    let begin = Math.max(0, best.begin - around);
    let end = Math.min(text.length, best.end + around);
    if (begin > 0) begin += Math.max(0, text.slice(begin, best.begin).search(/\s/) + 1);
    if (end < text.length) {
        const space = text.slice(best.end, end).search(/\s\S*$/);
        if (space >= 0) end = best.end + space;
    }
    const inside = runs.filter((run) => run.begin >= begin && run.end <= end)
        .map((run) => ({...run, begin: run.begin - begin, end: run.end - begin}));
    const parts = marked(text.slice(begin, end), inside);
    if (begin > 0) parts.unshift({text: "\u2026 ", mark: false});
    if (end < text.length) parts.push({text: " \u2026", mark: false});
    return parts;
}
