// Trajectories to read: of some questions the best and the worst, conversation by conversation.
import {el} from "../parts/dom.js";
import * as format from "../parts/format.js";

function conversation(said, before) {
    const where = said.kind === "answer" ? "Answer" : `Section ${said.section + 1}`;
    const changed = said.kind === "update" && said.memory !== before;
    return el("li", {}, el("strong", {}, where),
        said.kind === "update" ? ` ${format.words(said.decision)}${changed ? ", the memory is now" : ""}`
            : "",
        said.kind === "answer" ? el("div", {class: "text"}, said.response || "(nothing)")
            : changed ? el("div", {class: "text"}, said.memory || "(empty)") : null,
        said.decision === "malformed" ? el("div", {class: "text"}, said.response) : null);
}

// Sections at which nothing changed are told as a number.
function conversations(all) {
    const items = [];
    let before = null;
    let quiet = 0;
    const tellQuiet = () => {
        if (quiet > 0) items.push(el("li", {}, el("small", {}, quiet === 1
            ? "1 section changed nothing" : `${quiet} sections changed nothing`)));
        quiet = 0;
    };
    for (const said of all) {
        if (said.kind === "update" && said.decision === "keep") {
            ++quiet;
        } else {
            tellQuiet();
            items.push(conversation(said, before));
        }
        before = said.memory;
    }
    tellQuiet();
    return el("ol", {}, items);
}

export function samples(run) {
    return run.samples.map((group) => el("div", {class: "sample"},
        el("h3", {}, group.task),
        el("p", {}, group.question),
        el("p", {class: "small"}, `Accepted: ${group.answers.join(", ")}. ` +
            `${format.whole(group.tokens)} tokens.`),
        group.trajectories.map((trajectory) => el("details", {class: "trajectory"},
            el("summary", {}, `Reward ${format.percent(trajectory.reward)}: `,
                el("span", {class: "text"}, trajectory.answer || "(no answer)")),
            conversations(trajectory.conversations)))));
}
