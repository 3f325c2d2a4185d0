// The parts of the report page that are pure functions: reading the JSON, replaying a trace, the
// word diff. Run by Node.js alone.
import assert from "node:assert/strict";
import {test} from "node:test";
import {Report} from "../../web/report/data.js";
import * as format from "../../web/parts/format.js";
import {contains, markValues, memoryDiff} from "../../web/parts/memory_diff.js";
import {Replay} from "../../web/report/replay.js";

const joined = (parts, without) => parts.filter((part) => part.kind !== without)
    .map((part) => part.text).join("");

test("what was not run is a gap, not a zero", () => {
    const report = new Report({
        methods: ["memory", "full"], lengths: [1024, 2048],
        cells: [
            {method: "memory", task: "a", length: 1024, n: 10, score: 0, ci_low: 0, ci_high: 0.2},
            {method: "memory", task: "b", length: 1024, n: 10, score: 1, ci_low: 0.7, ci_high: 1},
            {method: "memory", task: "a", length: 2048, n: 10, score: 0.5},
            {method: "memory", task: "b", length: 2048, n: 0},
        ],
    });
    assert.equal(report.score("memory", "a", 1024).score, 0);
    assert.equal(report.score("memory", "b", 2048).score, null);
    assert.equal(report.score("full", "", 1024).score, null);
    const part = report.score("memory", "", 2048);
    assert.deepEqual([part.score, part.tasks, part.of], [0.5, 1, 2]);
    assert.equal(part.low, null);
});

// (0 + 1) / 2; below: sqrt(0^2 + 0.3^2) / 2 = 0.15; above: sqrt(0.2^2 + 0^2) / 2 = 0.1.
test("a mean over tasks with the interval of independent tasks", () => {
    const report = new Report({cells: [
        {method: "m", task: "a", length: 8, n: 10, score: 0, ci_low: 0, ci_high: 0.2},
        {method: "m", task: "b", length: 8, n: 30, score: 1, ci_low: 0.7, ci_high: 1},
    ]});
    const mean = report.score("m", "", 8);
    assert.equal(mean.score, 0.5);
    assert.equal(mean.n, 40);
    assert.ok(Math.abs(mean.low - 0.35) < 1e-12 && Math.abs(mean.high - 0.6) < 1e-12);
});

// Depths are weighed by questions: (1 * 1.0 + 3 * 0.2) / 4 = 0.4.
test("depths of several tasks are weighed by their questions", () => {
    const cell = (task, n, score) => ({method: "m", task, length: 8, n, score,
        by_depth: [{low: 0, high: 0.1, n, score}, {low: 0.1, high: 0.2, n: 0, score: null}]});
    const report = new Report({cells: [cell("a", 1, 1), cell("b", 3, 0.2)]});
    const parts = report.split("by_depth", (part) => part.low, "m", "", 8);
    assert.equal(parts.length, 1);
    assert.ok(Math.abs(parts[0].score - 0.4) < 1e-12);
});

// 10 questions: (1000 - 200 + 100) / 10 = 90 tokens computed for each.
test("cost is per question, and unknown where a number is missing", () => {
    const cell = {method: "m", task: "a", length: 8, n: 10, score: 1, prompt_tokens: 1000,
        cached_prompt_tokens: 200, generated_tokens: 100};
    const cost = new Report({cells: [cell]}).cost("m", "a", 8);
    assert.equal(cost.computed, 90);
    assert.equal(cost.seconds, null);
});

// Tasks that do not know where their evidence stands are left out of either count.
test("false updates are of the sections that can be judged", () => {
    const cell = {method: "m", length: 8, n: 10, score: 1};
    const report = new Report({cells: [
        {...cell, task: "a", sections_without_evidence: 300, false_updates: 2},
        {...cell, task: "b", sections_without_evidence: 100, false_updates: 0},
        {...cell, task: "c"}], tasks: ["a", "b", "c"].map((name) => ({name}))});
    assert.deepEqual(report.falseUpdates("m", "", 8), {changed: 2, of: 400});
    assert.deepEqual(report.falseUpdates("m", "b", 8), {changed: 0, of: 100});
    assert.equal(report.falseUpdates("m", "c", 8), null);
});

test("anything at all is a report", () => {
    for (const json of [null, 3, [], {}, {cells: 4, rows: "x", tasks: [null, "t"]},
        {cells: [null, {}], rows: [{}]}]) {
        const report = new Report(json);
        assert.equal(report.score("m", "", 8).score, null);
        assert.deepEqual(report.outcomes("m", "", 8), {});
    }
});

test("lengths as the command line writes them", () => {
    assert.deepEqual([512, 8192, 524288, 1048576, 3670016, 28000].map(format.length),
        ["512", "8K", "512K", "1M", "3.5M", "28K"]);
    assert.equal(format.percent(null), format.missing);
    assert.equal(format.rough(0), "0");
});

test("a diff keeps both texts", () => {
    const pairs = [["", "a b"], ["a b", ""], ["one two three", "one 2 three four"],
        ["same", "same"], ["", ""], ["a\n\n b", "a b\n"], ["\ud83d\ude80 x", "x \ud83d\ude80"]];
    for (const [before, after] of pairs) {
        const parts = memoryDiff(before, after);
        assert.equal(joined(parts, "added"), before);
        assert.equal(joined(parts, "removed"), after);
    }
    assert.deepEqual(memoryDiff("the number is 12", "the number is 34").map((part) => part.kind),
        ["same", "removed", "added"]);
});

test("texts with nothing in common are replaced, not compared for ever", () => {
    const words = (name) => Array.from({length: 4000}, (_, i) => `${name}${i}`).join(" ");
    const [before, after] = [words("a"), words("b")];
    const parts = memoryDiff(before, after);
    assert.equal(joined(parts, "added"), before);
    assert.equal(joined(parts, "removed"), after);
});

test("values are whole words, in any case, and plain text", () => {
    assert.ok(contains("born in CORDOBA.", "Cordoba"));
    assert.ok(!contains("number 12345", "1234"));
    assert.ok(contains("costs $4.50 (net)", "$4.50 (net)"));
    assert.ok(!contains("a1b", "a.b"));
    assert.ok(contains("Zo\u00eb\u2019s", "zo\u00eb"));
    assert.ok(!contains("anything", "  "));
});

test("a marked value may stretch over changes", () => {
    const parts = markValues([{text: "New ", kind: "same"}, {text: "Amsterdam", kind: "removed"},
        {text: "York!", kind: "added"}], ["new york"]);
    assert.deepEqual(parts, [
        {text: "New ", kind: "same", mark: true},
        {text: "Amsterdam", kind: "removed", mark: false},
        {text: "York", kind: "added", mark: true}, {text: "!", kind: "added", mark: false},
    ]);
});

test("a replay knows the memory at every step, and what it holds", () => {
    const section = (i, memory) => ({section_index: i, byte_begin: 10 * i, byte_end: 10 * i + 10,
        ...(memory === undefined ? {} : {memory})});
    const replay = new Replay({
        document_bytes: 50,
        evidence: [{text: "x is 7", values: ["7"], byte_begin: 12, byte_end: 18},
            {text: "never", values: ["8"], byte_begin: 45, byte_end: 49},
            {text: "nothing to compare"}],
        trace: [section(0), section(1, "x is 7"), section(2), section(3, "x"), section(4)],
    });
    assert.deepEqual(replay.changes, [1, 3]);
    assert.deepEqual([0, 1, 2, 3, 5].map((step) => replay.memory(step)),
        ["", "x is 7", "x is 7", "x", "x"]);
    assert.equal(replay.memoryBefore(3), "x is 7");
    assert.deepEqual([0, 1, 2, 3, 5].map((step) => replay.evidenceState(0, step)),
        ["ahead", "noted", "noted", "lost", "lost"]);
    assert.deepEqual([3, 4].map((step) => replay.evidenceState(1, step)), ["ahead", "unnoted"]);
    assert.equal(replay.evidenceState(2, 4), "unknown");
});
