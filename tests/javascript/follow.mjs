// Follows a feed by the package's own name, as a program in Node would: one line of JSON
// for each change, until its input ends. Then nothing of it may keep the process alive.
import { Reader } from "stop-press/client.js";
import { ordered } from "stop-press/fold.js";

const [hub, feed] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

const reader = new Reader(hub, feed, {
  line: (line) => say({ line }),
  change: (state, message) =>
    say({ type: message?.type ?? null, posts: ordered(state).map(({ headline }) => headline) }),
});
reader.start();
process.stdin.on("end", () => reader.stop()).resume();
