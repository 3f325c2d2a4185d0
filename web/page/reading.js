// One session as far as it has been watched: what each question's memory was after every change,
// how far the reading is, and how long it may still take. Built from replies to
// /v1/sessions/{name}/steps. Knows nothing of the page.

export class Reading {
    constructor() {
        this.session = null;
        this.next = 0;  // the first step that has not been seen
        this.questions = [];
    }

    get name() {
        return this.session.id;
    }

    get status() {
        return this.session.status;
    }

    // Takes a reply; false if it told nothing new.
    take(reply) {
        const before = JSON.stringify(this.session);
        this.session = reply.session;
        while (this.questions.length < reply.session.questions.length) {
            this.questions.push({text: "", changes: [], updates: 0, reached: 0, bytes: null,
                section: -1, answered: false});
        }
        reply.session.questions.forEach(({question}, i) => (this.questions[i].text = question));
        for (const step of reply.data) this.#step(step);
        const news = reply.next !== this.next || before !== JSON.stringify(reply.session);
        this.next = reply.next;
        return news;
    }

    #step(step) {
        const question = this.questions[step.question];
        if (step.kind !== "update") {
            question.answered = true;
            question.reached = 1;
            return;
        }
        const {document_bytes: bytes, settings} = this.session;
        const passes = settings.passes > 0 ? settings.passes : 1;
        ++question.updates;
        question.section = step.section;
        question.bytes = step.bytes;
        const ofPass = bytes > 0 ? Math.min(1, step.bytes[1] / bytes) : 1;
        question.reached = (step.pass + ofPass) / passes;
        if (typeof step.memory === "string") {
            question.changes.push({section: step.section, pass: step.pass, bytes: step.bytes,
                memory: step.memory});
        }
    }

    // The memory that a change replaced.
    before(question, change) {
        return change > 0 ? this.questions[question].changes[change - 1].memory : "";
    }

    answer(question) {
        return this.session.questions[question].answer ?? null;
    }

    // Of all questions together, as the server counts it.
    get fraction() {
        if (this.questions.length === 0) return 0;
        if (this.status === "finished") return 1;
        const reached = this.questions.map((one, i) =>
            (this.session.questions[i].reading_done ? 1 : one.reached));
        return reached.reduce((sum, one) => sum + one, 0) / reached.length;
    }
}

// Seconds that are left, from how fast it went in the last minute.
export class TimeLeft {
    #samples = [];

    note(seconds, fraction) {
        if (this.#samples.at(-1)?.fraction === fraction) return;
        this.#samples.push({seconds, fraction});
        while (this.#samples.length > 2 && this.#samples[1].seconds < seconds - 60) {
            this.#samples.shift();
        }
    }

    // null while it cannot be told.
    left(seconds) {
        const first = this.#samples[0];
        const last = this.#samples.at(-1);
        if (this.#samples.length < 2 || last.fraction <= first.fraction) return null;
        const taken = last.seconds - first.seconds;
        const waited = seconds - last.seconds;
        const share = (1 - last.fraction) / (last.fraction - first.fraction);
        // Where nothing has come for much longer than usual, the waiting counts as well.
        if (waited > 2 * taken / (this.#samples.length - 1)) return share * (taken + waited);
        return Math.max(0, share * taken - waited);
    }
}

// 7 -> "a few seconds", 95 -> "2 minutes"
export function spoken(seconds) {
    const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
    if (seconds < 8) return "a few seconds";
    if (seconds < 55) return `${Math.ceil(seconds / 10) * 10} seconds`;
    if (seconds < 3570) return many(Math.max(1, Math.round(seconds / 60)), "minute");
    const minutes = Math.round(seconds / 300) * 5;
    const rest = minutes % 60;
    return many(Math.floor(minutes / 60), "hour") + (rest > 0 ? ` ${rest} minutes` : "");
}
