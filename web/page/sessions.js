// What a session of the server is called and how it is deleted, for the list and the view of one.
import * as format from "../parts/format.js";
import {PAGE_PURPOSE, sessionPath} from "./api.js";

const STATUS = {running: "Reading", finished: "Answered", stopped: "Stopped"};

export const statusOf = (session) => STATUS[session.status] ?? session.status;
// Of several documents the session keeps a copy that joins them, which the server names by it.
export function documentOf(session) {
    const name = session.document?.filename;
    return name && name !== `session ${session.id}` ? name : session.id;
}
export const sizeOf = (session) => format.bytes(session.document_bytes);

// Deletes a session, and its document if this page uploaded it and no other session reads it.
export async function deleteSession(api, session) {
    const id = session.document?.file_id;
    const mine = id && (await api.json("GET", `/v1/files/${id}`)).purpose === PAGE_PURPOSE;
    await api.json("DELETE", sessionPath(session.id));
    if (!mine) return;
    const {data} = await api.json("GET", "/v1/sessions");
    if (data.some((other) => other.document?.file_id === id)) return;
    await api.json("DELETE", `/v1/files/${id}`);
}
