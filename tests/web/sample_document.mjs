// A document of some length with facts in known places, made of nothing but this file.

const PLACES = ["harbour", "foundry", "market hall", "tramway", "reservoir", "observatory",
    "rope walk", "customs house", "granary", "north gate"];
const DOINGS = ["was painted again in the spring", "closed early because of the wind",
    "took on two apprentices", "was counted among the best kept of the district",
    "had its ledgers copied out fair", "kept its old opening hours",
    "was visited by the surveyor, who found nothing to remark", "sold its spare timber"];

const FACTS = [
    [0.02, "In 1869 the council voted for a lighthouse at Vell Point, and found no money for it."],
    [0.06, "The lighthouse at Vell Point was built in 1874 by the engineer Ada Lindqvist."],
    [0.31, "The keeper of the lighthouse, Tomas Brandt, recorded a storm that broke the lantern."],
    [0.40, "Vell Point was cut off by the sea for nine days, and the lighthouse ran short of oil."],
    [0.52, "After the storm the lantern of the lighthouse was replaced by one from Marseille."],
    [0.70, "The ferry to Oskar Island cost nine shillings in 1891, as the harbour book says."],
    [0.78, "A second lighthouse at Vell Point was drawn up and never built."],
    [0.88, "Ada Lindqvist left the lighthouse plans to the town archive, shelf 27."],
];

// About `lines` lines of prose.
export function sampleDocument(lines = 420) {
    const all = [];
    for (let i = 0; i < lines; ++i) {
        const year = 1850 + ((i * 7) % 60);
        all.push(`In ${year} the ${PLACES[(i * 3) % PLACES.length]} ` +
            `${DOINGS[(i * 5) % DOINGS.length]}, as entry ${i + 1} of the chronicle has it.`);
        if (i % 6 === 5) all.push("");
    }
    for (const [where, fact] of [...FACTS].reverse()) {
        all.splice(Math.floor(where * all.length), 0, fact);
    }
    return `The Chronicle of Vell\n\n${all.join("\n")}\n`;
}

export const QUESTIONS = {
    lighthouse: "Who built the lighthouse at Vell Point, and when?",
    lantern: "What happened to the lantern of the lighthouse after the storm?",
    ferry: "What did the ferry to Oskar Island cost?",
};
