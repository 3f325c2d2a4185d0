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

// In the order in which bars stack them: colour and what a reader should understand by each.
const OUTCOMES = {
    right: [0, "the answer is right"],
    not_used: [2, "the facts were in the last memory, or in what the baseline was shown, and the answer is " +
        "wrong all the same"],
    lost: [3, "the facts were in the memory once and were gone at the end"],
    never_noted: [4, "the facts were read and never entered the memory"],
    not_shown: [5, "the model was not shown the facts: they were cut out"],
    excessive: [6, "the response lists far more than an answer"],
    no_evidence: [1, "the answer is wrong; where it went wrong is not known"],
    failed: [7, "the model or the endpoint failed"],
    too_long: ["other", "the window does not hold the document"],
};
const KNOWN = Object.keys(OUTCOMES);

export const outcomeMeaning = (name) => OUTCOMES[name]?.[1] ?? "";
export const outcomeColour = (name) => `var(--outcome-${OUTCOMES[name]?.[0] ?? "other"})`;
export const outcomeInk = (name) => `var(--outcome-ink-${OUTCOMES[name]?.[0] ?? "other"})`;
export function inOutcomeOrder(names) {
    const rank = (name) => (KNOWN.includes(name) ? KNOWN.indexOf(name) : KNOWN.length);
    return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

// Ten steps from pale to deep, of which every one prints its number.
export const scoreStep = (score) => Math.max(0, Math.min(9, Math.floor(score * 10 + 1e-9)));
