// The parts of the server's page that are pure functions: events out of pieces, a reading put
// together from its steps, where a memory's words came from. Run by Node.js alone.
import assert from "node:assert/strict";
import {test} from "node:test";
import * as format from "../../web/parts/format.js";
import {memoryDiff, tidied} from "../../web/parts/memory_diff.js";
import {notText} from "../../web/page/file_list.js";
import {marked, origins, quote, sharedRuns, support} from "../../web/page/provenance.js";
import {Reading, spoken, TimeLeft} from "../../web/page/reading.js";
import {EventLines} from "../../web/page/sse.js";

test("events are the same however they arrive", () => {
    const text = 'data: {"a":1}\n\n: reading\n\ndata:two\r\n\r\ndata: x\ndata: y\n\nevent: z\n\ndata: [DONE]\n\n';
    for (let size = 1; size <= text.length; ++size) {
        const lines = new EventLines();
        const events = [];
        for (let at = 0; at < text.length; at += size) {
            events.push(...lines.push(text.slice(at, at + size)));
        }
        assert.deepEqual(events, ['{"a":1}', "two", "x\ny", "[DONE]"]);
    }
    assert.deepEqual(new EventLines().push("data: not ended\n"), []);
});

function session(more = {}) {
    return {id: "s", status: "running", document_bytes: 100, settings: {passes: 2},
        questions: [{question: "x?"}, {question: "y?"}], ...more};
}
const update = (question, pass, section, memory) => ({question, kind: "update", pass, section,
    bytes: [section * 20, section * 20 + 20], decision: memory ? "overwrite" : "keep",
    ...(memory ? {memory} : {})});

// Two passes over five sections of 20 bytes. Question 0 is in pass 1 behind section 1, so at
// (1 + 40/100) / 2 = 0.7; question 1 in pass 0 behind section 2, at 60/100 / 2 = 0.3.
test("a reading is the sum of its steps, in whatever pieces they come", () => {
    const steps = [update(0, 0, 0, "m"), update(1, 0, 2), update(0, 1, 1, "n")];
    const whole = new Reading();
    assert.equal(whole.fraction, 0);
    assert.equal(whole.take({data: steps, next: 3, session: session()}), true);
    const pieces = new Reading();
    steps.forEach((step, i) => pieces.take({data: [step], next: i + 1, session: session()}));
    assert.deepEqual(pieces.questions, whole.questions);
    assert.equal(whole.take({data: [], next: 3, session: session()}), false);
    assert.ok(Math.abs(whole.fraction - 0.5) < 1e-12);
    assert.deepEqual(whole.questions[0].changes.map((one) => one.memory), ["m", "n"]);
    assert.deepEqual([whole.before(0, 0), whole.before(0, 1)], ["", "m"]);
    assert.deepEqual(whole.questions[1].changes, []);
    // One that stopped reading early has no more to read.
    whole.take({data: [], next: 3, session: session({questions: [
        {question: "x?", reading_done: true, answer: "a"}, {question: "y?"}]})});
    assert.ok(Math.abs(whole.fraction - 0.65) < 1e-12);
    assert.deepEqual([whole.answer(0), whole.answer(1)], ["a", null]);
    whole.take({data: [], next: 3, session: session({status: "finished"})});
    assert.equal(whole.fraction, 1);
});

// From 0.2 at second 10 to 0.4 at second 30: a hundredth a second, so 60 s are left then, and 55
// five seconds later.
test("time left is told from two states on", () => {
    const time = new TimeLeft();
    time.note(10, 0.2);
    assert.equal(time.left(10), null);
    time.note(20, 0.2);
    assert.equal(time.left(20), null);
    time.note(30, 0.4);
    assert.ok(Math.abs(time.left(30) - 60) < 1e-9);
    assert.ok(Math.abs(time.left(35) - 55) < 1e-9);
    // Three times as much is left as was read in 90 seconds, 70 of which were waiting.
    assert.ok(Math.abs(time.left(100) - 270) < 1e-9);
    // What was long ago no longer counts: from 0.5 at second 110 to 0.9 at second 180.
    time.note(110, 0.5);
    time.note(120, 0.6);
    time.note(180, 0.9);
    assert.ok(Math.abs(time.left(180) - 0.1 / (0.4 / 70)) < 1e-9);
});

test("times and sizes as people say them", () => {
    assert.deepEqual([3, 12, 54, 59, 60, 95, 3000, 3600, 5400, 7300].map(spoken),
        ["a few seconds", "20 seconds", "60 seconds", "1 minute", "1 minute", "2 minutes",
            "50 minutes", "1 hour", "1 hour 30 minutes", "2 hours"]);
    assert.deepEqual([0, 999, 1000, 1499, 9_999_999, 4_294_967_296, undefined].map(format.bytes),
        ["0 bytes", "999 bytes", "1.0 kB", "1.5 kB", "10.0 MB", "4.3 GB", "\u2013"]);
});

test("runs of words that two texts share", () => {
    const text = "The lighthouse was built in 1874, by the engineer.";
    const runs = sharedRuns(text, "Built in 1874 by THE engineer who left");
    assert.deepEqual(runs.map(({begin, end}) => text.slice(begin, end)),
        ["built in 1874, by the engineer"]);
    assert.equal(runs[0].words, 3);
    assert.deepEqual(sharedRuns("it is of the", "it is of the"), []);
    assert.deepEqual(sharedRuns("", "a"), []);
    assert.deepEqual(sharedRuns("7 \u00e4pfel", "\u00c4pfel 7").length, 2);
    // Two million comparisons at most, whatever the texts.
    assert.equal(sharedRuns("lamp ".repeat(2000), "lamp ".repeat(2000)).length, 1);
});

const memories = ["The harbour froze.", "The harbour froze. Brandt kept watch until 1891.",
    "Brandt kept watch until 1891. The ferry sank."];

test("words belong to the change that brought them", () => {
    const from = origins(memories);
    assert.equal(from.length, memories[2].length);
    const at = (word) => from[memories[2].indexOf(word)];
    assert.deepEqual([at("Brandt"), at("1891"), at("ferry"), at("sank")], [1, 1, 2, 2]);
    assert.deepEqual(origins([]), []);
});

test("an answer rests on as few changes as wrote it", () => {
    assert.deepEqual(support(memories, "Brandt kept watch"), {direct: true, changes: [1]});
    assert.deepEqual(support(memories, "Until 1891, when the ferry sank, Brandt kept watch."),
        {direct: true, changes: [1, 2]});
    // Every word of change 0 that is in the answer is change 1's, too: it adds nothing.
    assert.deepEqual(support(["lighthouse of Vell.", "lighthouse of Vell. The lighthouse of Vell, 1874."],
        "The lighthouse of Vell, 1874"), {direct: true, changes: [1]});
    assert.deepEqual(support(memories, "Nobody knows."), {direct: false, changes: [1, 2]});
    assert.deepEqual(support([], "Nobody knows."), {direct: false, changes: []});
});

test("marks and quotes lose no character", () => {
    const text = `${"word ".repeat(60)}the lamp of Vell ${"more ".repeat(60)}`;
    const runs = sharedRuns(text, "lamp of Vell");
    assert.equal(marked(text, runs).map((part) => part.text).join(""), text);
    assert.deepEqual(marked(text, runs).filter((part) => part.mark).map((part) => part.text),
        ["lamp of Vell"]);
    const words = quote(text, runs, 20);
    assert.equal(words.map((part) => part.text).join(""), "\u2026 word word word the lamp of Vell more more more \u2026");
    assert.equal(quote(text, []), null);
    assert.equal(quote("lamp", sharedRuns("lamp", "lamp")).map((part) => part.text).join(""), "lamp");
});

test("changes are told apart from what stays, without losing either", () => {
    for (const [before, now] of [["Nothing noted yet.", "- The lamp was lit."], ["", "a"], ["a b", "a b"],
        ["one two three four", "one 2 3 four"], ["a", ""], ["- a\n- b\n- b\n- c", "- b\n- c"],
        ["a b a b a b", "a b"], ["x\nx\nx", "x\nx\nx\nx"], ["- a\n- b", "- b\n- a"]]) {
        const parts = tidied(memoryDiff(before, now));
        const without = (kind) => parts.filter((part) => part.kind !== kind).map((part) => part.text).join("");
        assert.equal(without("added"), before);
        assert.equal(without("removed"), now);
    }
    assert.deepEqual(tidied(memoryDiff("one two three four", "one 2 3 four")), [
        {text: "one ", kind: "same"}, {text: "two three", kind: "removed"},
        {text: "2 3", kind: "added"}, {text: " four", kind: "same"}]);
    // Lines come and go as a whole.
    for (const [before, now, parts] of [
        ["- The lamp burns.\n- The ferry is late.", "- The ferry is late.",
            [["- The lamp burns.\n", "removed"], ["- The ferry is late.", "same"]]],
        ["- A gate.\n- The lamp burns.\n- The ferry is late.", "- A gate.\n- The ferry is late.",
            [["- A gate.\n", "same"], ["- The lamp burns.\n", "removed"],
                ["- The ferry is late.", "same"]]],
        ["- The ferry is late.", "- The lamp burns.\n- The ferry is late.",
            [["- The lamp burns.\n", "added"], ["- The ferry is late.", "same"]]]]) {
        assert.deepEqual(tidied(memoryDiff(before, now)),
            parts.map(([text, kind]) => ({text, kind})));
    }
});

test("what is not text is known by its first bytes", async () => {
    const look = (bytes) => notText(new Blob([new Uint8Array(bytes)]));
    assert.equal(await look([104, 105]), null);
    assert.equal(await look([0xEF, 0xBB, 0xBF, 104]), null);
    assert.match(await look([]), /empty/);
    assert.match(await look([0xFF, 0xFE, 104, 0]), /UTF-16/);
    assert.match(await look([0x25, 0x50, 0x44, 0x46, 0x2D, 0]), /is a PDF/);
    assert.match(await look([104, 0, 105]), /not text/);
});
