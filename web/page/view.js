// One reading as it is watched: how far it is, the memory with what changed in it, the section
// behind each change, and at the end the answer with the sections that support it.
import {el} from "../parts/dom.js";
import * as format from "../parts/format.js";
import {memoryDiff, tidied} from "../parts/memory_diff.js";
import {answerPanel} from "./answer.js";
import {Failure, sessionPath} from "./api.js";
import {Follower} from "./follow.js";
import {Reading, spoken, TimeLeft} from "./reading.js";
import {sectionPanel, SectionTexts} from "./section_text.js";
import {documentOf, isUnderWay, sizeOf} from "./sessions.js";
import {strip} from "./strip.js";

const now = () => performance.now() / 1000;

export function view(app, name) {
    const reading = new Reading();
    const time = new TimeLeft();
    const texts = new SectionTexts(app.api, name);
    const words = new Map();  // of answers that are being given
    let question = 0;
    let change = -1;          // of that question's memory; -1: none yet
    let latest = true;        // goes on to every new change
    let broken = null;        // why the reading stopped, if it was told
    let lost = null;          // why the server cannot be asked about it
    let told = -1;            // tenths that were announced

    const title = el("h1", {class: "text", tabindex: "-1"}, "\u2026");
    const facts = el("p", {class: "small"});
    const problem = el("div", {class: "problem", role: "alert", hidden: true});
    const bar = el("progress", {max: 1, value: 0, "aria-label": "Read so far"});
    const state = el("span", {class: "state"});
    const cancel = button("Cancel", () => act("POST", "/cancel", "Stopped."));
    const resume = button("Go on reading", () => act("POST", "/resume", "Reading goes on."),
        "main");
    const again = el("a", {class: "button"}, "Ask more about this document");
    const status = el("div", {class: "card status"}, el("div", {class: "row between"}, state,
        el("span", {class: "row"}, cancel, resume, again)), bar);
    const tabs = el("div", {class: "tabs", role: "tablist", "aria-label": "Questions",
        onkeydown: onTabKey});
    const asked = el("p", {class: "question text"});
    const answer = answerPanel(app, texts, (which) => {
        go(which);
        openSection(true);
    });

    const line = strip(() => stripState(), (to) => go(to));
    const where = el("p", {class: "where"});
    const memory = el("div", {class: "memory text", tabindex: "0", role: "region",
        "aria-label": "Memory"});
    const first = button("\u21e4", () => go(0), "quiet", "First change");
    const back = button("\u2190 Earlier", () => go(change - 1), "quiet", "Earlier change");
    const on = button("Later \u2192", () => go(change + 1), "quiet", "Later change");
    const end = button("\u21e5", () => go(changes().length - 1), "quiet", "Latest change");
    const show = button("Show the section", () => openSection(true));
    const section = sectionPanel(app, texts, () => {
        panels.classList.remove("both");
        show.hidden = false;
        show.focus();
    });
    const panels = el("div", {class: "panels"},
        el("section", {class: "card"}, el("div", {class: "row between"}, el("h2", {}, "Memory"),
            el("span", {class: "row tight"}, first, back, on, end)),
        where, memory, el("div", {class: "row"}, show)),
        section.element);
    const details = el("div", {id: "details", class: "details"}, asked, answer.element,
        el("section", {class: "along", "aria-label": "Along the document"}, line.element,
            el("p", {class: "small legend"}, el("span", {class: "swatch changed"}),
                "memory changed", el("span", {class: "swatch read"}), "read",
                el("span", {class: "swatch current"}), "shown below")),
        panels);
    const element = el("article", {class: "reading"}, el("header", {}, title, facts), problem,
        status, tabs, details);

    const follower = new Follower(app.api, name, reading, {
        update, failure, ended,
        words: (which, text) => {
            words.set(which, text);
            if (which === question) drawAnswer();
        },
        broken: (error) => (broken = app.explain(error)),
    });

    function button(text, onclick, kind = "", label = null) {
        return el("button", {type: "button", class: kind, onclick, "aria-label": label,
            title: label}, text);
    }

    const changes = () => reading.questions[question]?.changes ?? [];

    function go(to) {
        change = Math.max(-1, Math.min(changes().length - 1, to));
        latest = change === changes().length - 1;
        drawMemory();
    }

    function openSection(focus) {
        const one = changes()[change];
        if (!one) return;
        panels.classList.add("both");
        show.hidden = true;
        section.show(one, addedBy(change), focus);
    }

    // What a change brought into the memory.
    function addedBy(which) {
        return memoryDiff(reading.before(question, which), changes()[which].memory)
            .filter((part) => part.kind === "added").map((part) => part.text);
    }

    function stripState() {
        const one = reading.questions[question];
        const extent = Math.max(reading.session?.document_bytes ?? 0, one?.bytes?.[1] ?? 0, 1);
        const whole = reading.session?.questions[question]?.reading_done;
        return {extent, read: one?.bytes ? one.bytes[1] : 0, current: change,
            spans: changes().map(({bytes: [begin, end]}) => ({begin, end})),
            labels: (i) => `section ${changes()[i].section + 1}`, whole};
    }

    function update(changed) {
        time.note(now(), reading.fraction);
        drawStatus();
        if (!changed) return;
        if (latest) change = changes().length - 1;
        drawTabs();
        drawMemory();
        drawAnswer();
        announceProgress();
    }

    function announceProgress() {
        const tenth = Math.floor(reading.fraction * 10);
        if (reading.status !== "running" || tenth <= told) return;
        told = tenth;
        app.announce(`Read ${format.percent(reading.fraction)}; the memory has changed ` +
            `${reading.questions.reduce((sum, one) => sum + one.changes.length, 0)} times.`);
    }

    function ended() {
        drawStatus();
        drawAnswer();
        app.changed();
        if (reading.status === "finished") app.announce(`Answered: ${reading.answer(question)}`);
        else app.announce(whyStopped() ?? "The reading has stopped.");
    }

    function failure(error) {
        if (error?.kind === "key") app.wantKey(error.message);
        lost = error;
        drawProblem();
        element.classList.toggle("lost", error !== null);
        if (error?.status === 404) {
            title.textContent = "There is no such reading";
            for (const one of [status, tabs, details]) one.hidden = true;
        }
    }

    async function act(method, path, done) {
        for (const one of [cancel, resume]) one.disabled = true;
        try {
            await app.api.json(method, sessionPath(name, path));
            broken = null;
            told = -1;
            app.announce(done);
            follower.start();
            app.changed();
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            failure(error);
        } finally {
            for (const one of [cancel, resume]) one.disabled = false;
        }
    }

    // Of a reading that did not come to its end, as far as it was told.
    function whyStopped() {
        const {error, status} = reading.session;
        if (broken || !error) return broken;
        return `${status === "failed" ? "It cannot be read" : "The last try failed"}: ${error}`;
    }

    function stateText() {
        const sections = Math.max(...reading.questions.map((one) => one.updates), 0);
        const read = `${format.whole(sections)} section${sections === 1 ? "" : "s"} read`;
        if (reading.status === "finished") return `Answered after ${read.replace(" read", "")}`;
        const at = reading.fraction > 0 ? ` at ${format.percent(reading.fraction)}, ${read}` : "";
        if (reading.status === "stopped") return `Stopped${at}`;
        if (reading.status === "failed") return `Failed${at}`;
        if (reading.status === "queued") {
            return `Waiting ${reading.session.error ? "to be tried again" : "for its turn"}${at}`;
        }
        if (reading.fraction >= 1) return `Answering, ${read}`;
        const left = time.left(now());
        return `Reading, ${format.percent(reading.fraction)}, ${read}` +
            (left === null ? "" : `, ${spoken(left)} left`);
    }

    function drawStatus() {
        const session = reading.session;
        title.textContent = documentOf(session);
        const model = String(session.settings.model ?? "")
            .replace(/^served as (.*), tokens counted by .*$/, "$1");
        facts.textContent = [sizeOf(session), model,
            new Date(session.created_at * 1000).toLocaleString([], {dateStyle: "medium",
                timeStyle: "short"})].filter(Boolean).join(" \u00b7 ");
        document.title = `${reading.status === "running"
            ? `${format.percent(reading.fraction)} ` : ""}${title.textContent} \u2013 memagent`;
        state.textContent = stateText();
        state.className = `state ${reading.status}`;
        bar.value = reading.fraction;
        bar.hidden = reading.status === "finished";
        cancel.hidden = !isUnderWay(session);
        resume.hidden = isUnderWay(session) || reading.status === "finished";
        again.hidden = isUnderWay(session) || !session.document?.file_id;
        if (session.document?.file_id) {
            again.href = `#/new/${encodeURIComponent(session.document.file_id)}`;
        }
        drawProblem();
    }

    function drawProblem() {
        let text = "";
        if (lost) {
            text = lost.kind === "gone"
                ? "The server does not answer. What it has read so far is kept; this page looks " +
                    "for it again every two seconds."
                : app.explain(lost);
        } else if (reading.session && !["running", "finished"].includes(reading.status)) {
            text = whyStopped() ?? "";
        }
        // Screen readers say it anew whenever it is set.
        if (problem.textContent !== text) problem.textContent = text;
        problem.hidden = text === "";
    }

    function onTabKey(event) {
        const count = reading.questions.length;
        const to = {ArrowLeft: question - 1, ArrowRight: question + 1, Home: 0, End: count - 1}[
            event.key];
        if (to === undefined) return;
        event.preventDefault();
        select((to + count) % count);
        tabs.children[question].focus();
    }

    function select(which) {
        question = which;
        latest = true;
        change = changes().length - 1;
        drawTabs();
        drawMemory();
        drawAnswer();
    }

    function drawTabs() {
        asked.textContent = reading.questions[question].text;
        tabs.hidden = reading.questions.length < 2;
        if (tabs.hidden) return;
        details.setAttribute("role", "tabpanel");
        while (tabs.children.length < reading.questions.length) {
            const which = tabs.children.length;
            tabs.append(el("button", {type: "button", role: "tab", id: `tab-${which}`,
                "aria-controls": "details", onclick: () => select(which)}));
        }
        details.setAttribute("aria-labelledby", `tab-${question}`);
        reading.questions.forEach((one, i) => {
            const tab = tabs.children[i];
            const done = reading.answer(i) !== null;
            tab.setAttribute("aria-selected", String(i === question));
            tab.tabIndex = i === question ? 0 : -1;
            tab.textContent = `${done ? "\u2713 " : ""}${one.text}`;
            tab.title = one.text;
        });
    }

    function drawMemory() {
        const list = changes();
        const one = list[change];
        line.redraw();
        for (const control of [first, back]) control.disabled = change <= 0;
        for (const control of [on, end]) control.disabled = change >= list.length - 1;
        show.disabled = !one;
        if (!one) {
            where.textContent = "";
            memory.replaceChildren(el("i", {}, "Nothing noted yet."));
            show.textContent = "Show the section";
            return;
        }
        where.textContent = `Change ${change + 1} of ${list.length}, by section ` +
            `${one.section + 1}${one.pass > 0 ? ` in pass ${one.pass + 1}` : ""}`;
        show.textContent = `Show section ${one.section + 1}`;
        const parts = tidied(memoryDiff(reading.before(question, change), one.memory));
        memory.replaceChildren(...parts.map(({text, kind}) =>
            (kind === "same" ? text : el(kind === "added" ? "ins" : "del", {}, text))));
        if (!section.element.hidden) openSection(false);
    }

    function drawAnswer() {
        if (!reading.session) return;
        answer.draw({answer: reading.answer(question), words: words.get(question) ?? "",
            question, changes: changes(), readable: Boolean(reading.session.document)});
        show.hidden = !reading.session.document || !section.element.hidden;
    }

    let close = null;
    return {
        element,
        // `stream`: of the request that began it, where this page sent it.
        start(stream) {
            close = stream?.close;
            follower.start();
            if (stream) follower.listen(stream.events);
            title.focus();
        },
        // The reading goes on.
        stop() {
            follower.stop();
            close?.();
        },
    };
}
