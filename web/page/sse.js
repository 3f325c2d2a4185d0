// Server-sent events out of text that arrives in pieces (WHATWG HTML, section 9.2, as far as the
// server uses it: events have only data).

export class EventLines {
    #rest = "";
    #data = [];

    // The data of the events that this piece ends.
    push(text) {
        const events = [];
        const lines = (this.#rest + text).split("\n");
        this.#rest = lines.pop();
        for (const raw of lines) {
            const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
            if (line.startsWith("data:")) {
                this.#data.push(line.slice(line[5] === " " ? 6 : 5));
            } else if (line === "" && this.#data.length > 0) {
                events.push(this.#data.join("\n"));
                this.#data = [];
            }
        }
        return events;
    }
}
