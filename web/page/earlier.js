// The list of readings that the server keeps: open, delete.
import {el} from "../parts/dom.js";
import {Failure} from "./api.js";
import {deleteSession, documentOf, isUnderWay, listSessions, sizeOf, statusOf} from
    "./sessions.js";

const AT_ONCE = 50;
const EVERY_MS = 5000;  // while one is under way

function ago(seconds) {
    const format = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
    const past = seconds - Date.now() / 1000;
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
        if (past <= -size) return format.format(Math.ceil(past / size), unit);
    }
    return "just now";
}

export function earlier(app) {
    let sessions = [];
    let shown = AT_ONCE;
    let timer = null;
    const list = el("ul", {class: "sessions"});
    const note = el("p", {class: "small"});
    const more = el("button", {type: "button", class: "quiet small", hidden: true,
        onclick: async () => {
            const from = sessions.length;
            shown += AT_ONCE;
            await refresh();
            list.children[from]?.querySelector("a").focus();
        }}, "Show older ones");
    const wide = matchMedia("(min-width: 60rem)");
    const folded = el("details", {open: wide.matches},
        el("summary", {}, "Earlier readings"), list, more, note);
    const fresh = el("a", {class: "button fresh", href: "#/"}, "New reading");

    // Two presses, so that nothing is lost to a slip.
    function deleteButton(session) {
        const button = el("button", {type: "button", class: "quiet small", onclick: async () => {
            if (!button.classList.contains("sure")) {
                button.classList.add("sure");
                button.textContent = "Really delete";
                return;
            }
            button.disabled = true;
            try {
                await deleteSession(app.api, session);
                app.announce("Deleted.");
                app.deleted(session.id);
            } catch (error) {
                if (!(error instanceof Failure)) throw error;
                note.textContent = app.explain(error);
            }
            await refresh();
        }, onblur: () => {
            button.classList.remove("sure");
            button.textContent = "Delete";
        }}, "Delete");
        button.setAttribute("aria-description", documentOf(session));
        return button;
    }

    function draw() {
        const open = app.openSession();
        list.replaceChildren(...sessions.map((session) => {
            const questions = session.questions.map((one) => one.question);
            const more = questions.length > 1 ? ` (+${questions.length - 1})` : "";
            return el("li", {},
                el("a", {href: `#/s/${encodeURIComponent(session.id)}`,
                    "aria-current": session.id === open ? "page" : null},
                el("span", {class: "asked"}, questions[0] + more),
                el("span", {class: "small"},
                    el("span", {class: `dot ${session.status}`, "aria-hidden": "true"}),
                    `${statusOf(session)} \u00b7 ${documentOf(session)} \u00b7 ` +
                        `${sizeOf(session)} \u00b7 ${ago(session.updated_at)}`)),
                session.status === "running" ? null : deleteButton(session));
        }));
        note.textContent = sessions.length === 0 ? "None yet." : "";
    }

    // Told of a change, or by the clock, which does not disturb who uses the list at the moment.
    async function refresh(byClock = false) {
        clearTimeout(timer);
        try {
            const found = await listSessions(app.api, shown);
            sessions = found.sessions;
            more.hidden = !found.hasMore;
            if (!byClock || !list.contains(document.activeElement)) draw();
            if (sessions.some(isUnderWay)) {
                timer = setTimeout(() => refresh(true), EVERY_MS);
            }
        } catch (error) {
            if (!(error instanceof Failure)) throw error;
            note.textContent = app.explain(error);
        }
    }
    return {elements: [fresh, folded], refresh: () => refresh()};
}
