// Clients for Node: node driver.mjs BASE FEED TOKEN CLIENT. Speaks as drivers/console.py says.
import { createInterface } from "node:readline";

const [base, feed, token, client] = process.argv.slice(2);
const posts = `${base}/v1/feeds/${feed}/posts`;
const events = `${base}/v1/feeds/${feed}/events`;
const live = `${base.replace("http", "ws")}/v1/live?feed=${feed}`;
const BACK_AFTER_MS = 200;
const TYPES = [
    "hello",
    "post.published",
    "post.updated",
    "post.withdrawn",
    "feed.updated",
    "reset",
    "beat",
    "bye",
];
let cursor = "";

function say(value) {
    process.stdout.write(JSON.stringify(value) + "\n");
}

function heard(text) {
    const message = JSON.parse(text);
    say({ heard: message });
    if (["hello", "reset"].includes(message.type) || "at" in message) cursor = message.cursor;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, BACK_AFTER_MS));

/** Node's own fetch, and a reader of its stream. */
async function fetchStream() {
    for (;;) {
        try {
            const headers = { accept: "text/event-stream", "last-event-id": cursor };
            const answer = await fetch(events, { headers });
            let held = "";
            for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
                held += text;
                const blocks = held.split("\n\n");
                held = blocks.pop();
                for (const block of blocks) {
                    const data = block.split("\n").filter((line) => line.startsWith("data:"));
                    if (data.length) heard(data.map((line) => line.slice(5).trim()).join("\n"));
                }
            }
        } catch {
            // The connection broke.
        }
        await pause();
    }
}

async function ws() {
    const { WebSocket } = await import("ws");
    for (;;) {
        const socket = new WebSocket(`${live}@${cursor}`);
        socket.on("message", (data) => heard(data.toString()));
        await new Promise((resolve) => {
            socket.on("error", () => {});
            socket.on("close", resolve);
        });
        await pause();
    }
}

async function reconnecting() {
    const { WebSocket } = await import("ws");
    const { default: Reconnecting } = await import("reconnecting-websocket");
    // The address as a function: with a fixed one it would begin there each time.
    const socket = new Reconnecting(() => `${live}@${cursor}`, [], { WebSocket });
    socket.addEventListener("message", (event) => heard(event.data));
}

async function eventSource() {
    const { EventSource } = await import("eventsource");
    const source = new EventSource(`${events}?since=${cursor}`);
    for (const type of TYPES) source.addEventListener(type, (event) => heard(event.data));
}

const FOLLOW = {
    fetch: fetchStream,
    ws,
    "reconnecting-websocket": reconnecting,
    eventsource: eventSource,
};

async function ask(method, address, body, tag) {
    const headers = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (tag !== undefined) headers["if-match"] = tag;
    const answer = await fetch(address, { method, headers, body });
    return { status: answer.status, tag: answer.headers.get("etag"), text: await answer.text() };
}

say({ did: "start" });
for await (const line of createInterface({ input: process.stdin })) {
    const [verb] = line.split(" ", 1);
    const rest = line.slice(verb.length + 1);
    if (verb === "publish") {
        const made = await ask("POST", posts, rest);
        say({ did: verb, status: made.status, answer: made.text });
    } else if (verb === "edit") {
        const [post] = rest.split(" ", 1);
        const { tag } = await ask("GET", `${posts}/${post}`);
        const made = await ask("PATCH", `${posts}/${post}`, rest.slice(post.length + 1), tag);
        say({ did: verb, status: made.status, answer: tag });
    } else if (verb === "follow") {
        cursor = rest;
        FOLLOW[client]();
    }
}
process.exit(0);
