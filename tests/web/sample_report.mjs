// A report of made-up numbers, as large and as awkward as real ones, for tests of the report page.
//
//   node sample_report.mjs > report.json
//
// Six tasks, five lengths and three methods with cells that were not run, readings with traces in
// which facts are noted and lost, and texts that would be markup if anything took them for it. The
// same bytes on every run.

// mulberry32: a small generator with a seed, since Math.random has none.
function generator(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
const random = generator(7);
const upTo = (n) => Math.floor(random() * n);

export const HOSTILE = "</script><script>document.title=\"taken over\"</script>" +
    "<img src=x onerror=\"document.title='taken over'\"><!-- & \u2028 \u202e \ud83d\ude80";

const METHODS = ["memory", "full", "truncate-middle"];
const LENGTHS = [8192, 32768, 131072, 524288, 3670016];
const TASKS = [
    {name: "niah_single_1", description: "One needle in repeated noise.", hops: [1], ease: 1},
    {name: "niah_multikey_3", description: "One needle among needles, keys and values UUIDs.",
        hops: [1], ease: 0.86},
    {name: "variable_tracking", description: "Follow assignments through four steps.", hops: [1],
        ease: 0.8},
    {name: "common_words", description: "The ten most frequent words of a list.", hops: [1],
        ease: 0.62},
    {name: "world_bridge", description: "Two to four facts joined, far apart.", hops: [2, 3, 4],
        ease: 0.75},
    {name: `hostile ${HOSTILE}`, description: HOSTILE, hops: [1], ease: 0.7},
];

const decay = {memory: 0.03, full: 0.3, "truncate-middle": 0.22};

function cellOf(method, task, length, at) {
    const n = 40;
    const p = Math.max(0.02, task.ease - decay[method] * at ** 1.3 * (1.4 - task.ease / 2));
    const right = Array.from({length: n}, () => random() < p);
    const score = right.filter(Boolean).length / n;
    const half = 1.96 * Math.sqrt((score * (1 - score)) / n) + 0.01;
    const wrong = n - right.filter(Boolean).length;
    const lost = Math.floor(wrong * 0.3);
    const unused = Math.floor(wrong * 0.2);
    const failed = wrong > 10 ? 1 : 0;
    const tokens = Math.round(length * 0.997);
    const prompts = method === "memory" ? Math.round(tokens * 1.25)
        : method === "full" ? tokens + 120 : Math.min(tokens, 8192);
    const speed = method === "full" ? 1900 / (1 + length / 40000) : 1900;
    return {
        method, task: task.name, length, tokens, n, score,
        ci_low: Math.max(0, score - half), ci_high: Math.min(1, score + half),
        exact_match: score * 0.9, f1: score * 0.95,
        seconds: (n * prompts) / speed, prompt_tokens: n * prompts,
        cached_prompt_tokens: method === "memory" ? n * Math.round(tokens * 0.04) : 0,
        generated_tokens: n * (method === "memory" ? Math.round(tokens / 60) : 24),
        ...(method === "memory" && task.hops[0] === 1 ?
            {sections_without_evidence: Math.round(length / 200), false_updates: at} : {}),
        outcomes: {right: n - wrong, lost, not_used: unused,
            [method === "truncate-middle" ? "not_shown" : "never_noted"]:
                wrong - lost - unused - failed, ...(failed ? {failed} : {})},
        by_depth: Array.from({length: 10}, (_, i) => {
            const part = right.slice(i * 4, i * 4 + 4);
            const middle = 1 - Math.abs(i - 4.5) / 4.5;
            return {low: i / 10, high: (i + 1) / 10, n: 4, score: Math.max(0, Math.min(1,
                part.filter(Boolean).length / 4 - (method === "memory" ? 0 : 0.25 * middle)))};
        }),
        ...(task.hops.length > 1 ? {by_hops: task.hops.map((hops, i) =>
            ({hops, n: 13, score: Math.max(0, Math.min(1, score + 0.12 - 0.14 * i))}))} : {}),
    };
}

const CITIES = ["Arnhem", "Bergen", "Cordoba", "Dresden", "Esbjerg", "Ferrara", "Ghent", "Hobart"];

// A reading whose memory notes a fact or two, is reworded, and loses one again if `loses`.
function rowOf(index, method, task, length, hostile) {
    const sections = Math.max(2, Math.min(120, Math.round(length / 5000)));
    const bytes = Math.round(length * 4.4);
    const each = Math.ceil(bytes / sections);
    const loses = index % 3 === 1;
    const value = String(1000000 + upTo(8999999));
    const city = CITIES[upTo(CITIES.length)];
    const first = Math.floor(sections * (0.1 + 0.3 * random()));
    const second = Math.min(sections - 1, first + 1 + Math.floor(sections * 0.4 * random()));
    const lossAt = Math.min(sections - 1, second + 2);
    const shout = hostile ? ` ${HOSTILE}` : "";
    const evidence = [
        {text: `The harbour master's special number is ${value}.${shout}`, hop: 0,
            byte_begin: first * each + 400, byte_end: first * each + 450, values: [value]},
        {text: `The harbour master was born in ${city} and never left it.`, hop: 1,
            byte_begin: second * each + 90, byte_end: second * each + 148, values: [city]},
    ];
    const trace = Array.from({length: sections}, (_, i) => {
        const entry = {section_index: i, byte_begin: i * each,
            byte_end: Math.min(bytes, (i + 1) * each), decision: "keep"};
        const note = `The question asks about the harbour master. His special number is ${value}` +
            `${shout}.`;
        if (i === first) entry.memory = note;
        if (i === second) entry.memory = `${note}\nHe was born in ${city}.`;
        if (loses && i === lossAt && lossAt > second) {
            entry.memory = `The question asks about a harbour master born in ${city}. ` +
                "His number was given earlier.";
        }
        if (entry.memory) entry.decision = "overwrite";
        return entry;
    });
    const lost = loses && lossAt > second;
    return {
        id: `${task.name}-${length}-${index}`, method, task: task.name, length,
        question: `What is the special number of the harbour master who was born in ${city}?` +
            `${shout}`,
        answers: [value, `no. ${value}`], match: "any",
        response: lost ? `The number is not known.${shout}` : `The special number is ${value}.`,
        score: lost ? 0 : 1, outcome: lost ? "lost" : "right",
        document_tokens: Math.round(length * 0.997), document_bytes: bytes,
        ...(method === "memory" ? {evidence, trace} : {evidence}),
    };
}

const cells = METHODS.flatMap((method) => TASKS.flatMap((task) => LENGTHS.flatMap((length, at) => {
    // Not run: the whole document where no window holds it; one task at one length.
    if (method === "full" && length > 524288) {
        return [{method, task: task.name, length, n: 40, outcomes: {too_long: 40}}];
    }
    if (task.name === "common_words" && length === 3670016) {
        return [{method, task: task.name, length, n: 0}];
    }
    return [cellOf(method, task, length, at)];
})));

const rows = METHODS.flatMap((method) => TASKS.flatMap((task) =>
    LENGTHS.slice(0, method === "memory" ? 5 : 2).flatMap((length) => [0, 1].map((i) =>
        rowOf(i, method, task, length, task.name.startsWith("hostile"))))));

// At the longest there is nothing to compare with.
const differences = METHODS.slice(1).flatMap((against, i) => LENGTHS.slice(0, 4).map((length, at) => ({
    method: METHODS[0], against, length, n: 240, difference: 0.08 * at - 0.05 + 0.02 * i,
    ci_low: 0.08 * at - 0.09 + 0.02 * i, ci_high: 0.08 * at - 0.01 + 0.02 * i,
})));

process.stdout.write(`${JSON.stringify({
    memagent: "0.1.0", commit: "0000000000000000", machine: "made up, 2 cores",
    date: "2026-01-31T12:00:00Z", model: "made-up numbers",
    settings: {policy: "gated", layout: "question-first", section_tokens: 5000,
        memory_tokens: 1024, lookahead: 8, seed: 1, note: HOSTILE},
    tasks: TASKS.map(({name, description}) => ({name, description})),
    lengths: LENGTHS, methods: METHODS, cells, differences, rows,
})}\n`);
