// What a session of the server is called and how it is deleted, for the list and the view of one.
import * as format from "../parts/format.js";
import {Failure, PAGE_PURPOSE, sessionPath} from "./api.js";

const STATUS = {running: "Reading", finished: "Answered", stopped: "Stopped"};

export const statusOf = (session) => STATUS[session.status] ?? session.status;
export const documentOf = (session) => session.document?.filename || session.id;
export const sizeOf = (session) => format.bytes(session.document_bytes);

// Deletes a session, and its document if this page uploaded it and no other session reads it.
export async function deleteSession(api, session) {
    await api.json("DELETE", sessionPath(session.id));
    const id = session.document?.file_id;
    if (!id) return;
    try {
        const [file, sessions] = await Promise.all([api.json("GET", `/v1/files/${id}`),
            api.json("GET", "/v1/sessions")]);
        if (file.purpose !== PAGE_PURPOSE) return;
        if (sessions.data.some((other) => other.document?.file_id === id)) return;
        await api.json("DELETE", `/v1/files/${id}`);
    } catch (error) {
        if (!(error instanceof Failure)) throw error;  // gone already, with its session
    }
}
