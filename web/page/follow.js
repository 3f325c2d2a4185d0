// Keeps a Reading up to date: asks for the steps it has not seen, at once when the stream of its
// request tells of progress, every second otherwise. A reading that was found again after a reload
// has no stream; it is followed all the same.
import {Failure, sessionPath} from "./api.js";
import {isUnderWay} from "./sessions.js";

const EVERY_MS = 1000;
const AT_MOST_EVERY_MS = 250;
const RETRY_MS = 2000;

export class Follower {
    #timer = null;
    #polling = false;
    #again = false;
    #last = 0;
    #ended = false;

    // `on`: update(changed), words(question, text so far), failure(error or null), ended().
    constructor(api, name, reading, on) {
        this.api = api;
        this.name = name;
        this.reading = reading;
        this.on = on;
    }

    start() {
        this.#ended = false;
        this.poke();
    }

    stop() {
        this.#ended = true;
        clearTimeout(this.#timer);
    }

    // There is something new.
    poke() {
        if (this.#ended) return;
        if (this.#polling) {
            this.#again = true;
            return;
        }
        clearTimeout(this.#timer);
        const wait = Math.max(0, this.#last + AT_MOST_EVERY_MS - Date.now());
        this.#timer = setTimeout(() => this.#poll(), wait);
    }

    async #poll() {
        this.#polling = true;
        this.#again = false;
        this.#last = Date.now();
        let next = EVERY_MS;
        try {
            let reply;
            do {
                reply = await this.api.json("GET",
                    sessionPath(this.name, `/steps?after=${this.reading.next}`));
                if (this.#ended) return;
                const changed = this.reading.take(reply);
                this.on.failure(null);
                this.on.update(changed);
            } while (reply.has_more);
            if (!isUnderWay(this.reading.session)) {
                this.#ended = true;
                this.on.ended();
                return;
            }
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            if (this.#ended) return;
            this.on.failure(error);
            if (error.kind === "refused" || error.kind === "key") this.#ended = true;
            next = RETRY_MS;
        } finally {
            this.#polling = false;
        }
        if (this.#ended) return;
        if (this.#again) this.poke();
        else this.#timer = setTimeout(() => this.#poll(), next);
    }

    // Goes through the events of the request that began the reading.
    async listen(events) {
        const texts = new Map();
        try {
            for await (const event of events) {
                if (event.memagent?.event === "progress") this.poke();
                const choice = event.choices?.[0];
                if (!choice?.delta?.content) continue;
                texts.set(choice.index, (texts.get(choice.index) ?? "") + choice.delta.content);
                if (!this.#ended) this.on.words(choice.index, texts.get(choice.index));
            }
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            if (error.kind === "failed") this.on.broken(error);
        }
        this.poke();
    }
}
