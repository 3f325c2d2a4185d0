// How methods, outcomes and scores look: always by more than colour (symbols, dashes, printed
// numbers), and in colours that style.css defines for light, dark and paper.

const DASHES = ["", "6 3", "2 3", "9 3 2 3", "4 2"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star"];

// Method i of a report, the first being the one the report is about.
export const methodLook = (i) => ({
    colour: `var(--method-${i % 5})`,
    dash: DASHES[i % 5],
    symbol: SYMBOLS[i % 5],
    width: i === 0 ? 2.5 : 1.6,
});

// In the order in which bars stack them, with what a reader should understand by each.
const OUTCOMES = {
    right: "the answer is right",
    partial: "some of the accepted answers are given",
    not_used: "the memory held the facts at the end, the answer is wrong all the same",
    lost: "the facts were in the memory once and were gone at the end",
    never_noted: "the facts were read and never entered the memory",
    wrong: "the answer is wrong; where it went wrong is not known",
    excessive: "the response lists far more than an answer",
    failed: "the model or the endpoint failed",
};
const KNOWN = Object.keys(OUTCOMES);

export const outcomeMeaning = (name) => OUTCOMES[name] ?? "";
export const outcomeColour = (name) =>
    (KNOWN.includes(name) ? `var(--outcome-${KNOWN.indexOf(name)})` : "var(--outcome-other)");
export const outcomeInk = (name) =>
    (KNOWN.includes(name) ? `var(--outcome-ink-${KNOWN.indexOf(name)})` : "var(--ink)");
export function inOutcomeOrder(names) {
    const rank = (name) => (KNOWN.includes(name) ? KNOWN.indexOf(name) : KNOWN.length);
    return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

// Ten steps from pale to deep, of which every one prints its number.
export const scoreStep = (score) => Math.max(0, Math.min(9, Math.floor(score * 10 + 1e-9)));
