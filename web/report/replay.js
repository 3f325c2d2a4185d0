// One row's reading as steps: the memory after each section, and what of the evidence it holds.
// Knows nothing about the page.
import {contains} from "../parts/memory_diff.js";

const list = (value) => (Array.isArray(value) ? value : []);

export class Replay {
    // Steps are the sections of the trace in the order they were read, and then the answer.
    constructor(row) {
        this.row = row;
        this.trace = list(row.trace);
        this.evidence = list(row.evidence);
        this.answerStep = this.trace.length;
        this.changes = [];  // steps at which the memory became another
        this.memories = [];  // the memory after the change of the same index
        this.trace.forEach((entry, step) => {
            if (typeof entry.memory === "string" && entry.memory !== (this.memories.at(-1) ?? "")) {
                this.changes.push(step);
                this.memories.push(entry.memory);
            }
        });
        // Where sections stand in the document, in bytes; in sections if bytes are not known.
        const known = this.trace.every((entry) => entry.byte_begin >= 0 && entry.byte_end >= 0);
        this.spans = this.trace.map((entry, i) => (known
            ? {begin: entry.byte_begin, end: entry.byte_end} : {begin: i, end: i + 1}));
        this.extent = Math.max(1, known && row.document_bytes > 0 ? row.document_bytes : 0);
        for (const {end} of this.spans) this.extent = Math.max(this.extent, end);
        this.places = known ? this.evidence.map((one) => one.byte_begin)
            .filter((place) => place >= 0) : [];
        this.values = [...new Set(this.evidence.flatMap((one) => list(one.values)).map(String))];
        this.readAt = this.evidence.map((one) => this.#stepThatReads(one));
        this.heldAt = this.memories.map((memory) => this.evidence.map((one) =>
            list(one.values).length > 0 &&
            list(one.values).every((value) => contains(memory, String(value)))));
    }

    // Index into memories of the one that stands after a step, -1 while nothing is noted.
    memoryIndex(step) {
        let low = 0;
        let high = this.changes.length;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.changes[middle] <= step) low = middle + 1;
            else high = middle;
        }
        return low - 1;
    }

    changedAt(step) {
        const index = this.memoryIndex(step);
        return index >= 0 && this.changes[index] === step;
    }

    memory(step) {
        return this.memories[this.memoryIndex(step)] ?? "";
    }

    memoryBefore(step) {
        return step > 0 ? this.memory(step - 1) : "";
    }

    // "ahead", "noted", "lost" (was noted before), "unnoted" (read, never noted so far), "unknown"
    // where there is nothing to compare.
    evidenceState(i, step) {
        if (this.trace.length === 0 || list(this.evidence[i].values).length === 0) return "unknown";
        const index = this.memoryIndex(step);
        if (index >= 0 && this.heldAt[index][i]) return "noted";
        if (this.heldAt.slice(0, index + 1).some((held) => held[i])) return "lost";
        return this.readAt[i] !== null && this.readAt[i] > step ? "ahead" : "unnoted";
    }

    // The first step whose section ends at or after the evidence's end; null if not known.
    #stepThatReads(one) {
        if (!(one.byte_end > 0)) return null;
        const step = this.trace.findIndex((entry) => entry.byte_end >= one.byte_end);
        return step < 0 ? null : step;
    }
}
