// What a session of the server is called and how it is deleted, for the list and the view of one.
import * as format from "../parts/format.js";
import {PAGE_PURPOSE, sessionPath} from "./api.js";

const MOST_AT_ONCE = 1000;  // of the server's replies
const STATUS = {running: "Reading", queued: "Waiting", finished: "Answered", stopped: "Stopped",
    failed: "Failed"};

export const statusOf = (session) => STATUS[session.status] ?? session.status;
// It goes on by itself: it is being read, or waits for whoever reads it next.
export const isUnderWay = (session) => ["running", "queued"].includes(session.status);
// Of several documents the session keeps a copy that joins them, which the server names by it.
export function documentOf(session) {
    const name = session.document?.filename;
    return name && name !== `session ${session.id}` ? name : session.id;
}
export const sizeOf = (session) => format.bytes(session.document_bytes);

// Sessions in the order of the server's list, `count` of them or all there are: {sessions, hasMore}.
export async function listSessions(api, count) {
    const sessions = [];
    let hasMore = true;
    while (hasMore && sessions.length < count) {
        const after = sessions.length > 0 ? `&after=${encodeURIComponent(sessions.at(-1).id)}` : "";
        const limit = Math.min(count - sessions.length, MOST_AT_ONCE);
        const part = await api.json("GET", `/v1/sessions?limit=${limit}${after}`);
        sessions.push(...part.data);
        hasMore = part.has_more;
    }
    return {sessions, hasMore};
}

// Deletes a session, and its document if this page uploaded it and no other session reads it.
export async function deleteSession(api, session) {
    const id = session.document?.file_id;
    const mine = id && (await api.json("GET", `/v1/files/${id}`)).purpose === PAGE_PURPOSE;
    await api.json("DELETE", sessionPath(session.id));
    if (!mine) return;
    const {sessions} = await listSessions(api, Infinity);
    if (sessions.some((other) => other.document?.file_id === id)) return;
    await api.json("DELETE", `/v1/files/${id}`);
}
