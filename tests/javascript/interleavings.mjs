// `node interleavings.mjs [--count N] [--seed S]`: N drawn interleavings of editors, from seed
// S on. Each that fails is named by its seed: `--seed S --count 1` plays it again.
import { play } from "./drawn_editors.mjs";

const given = Object.fromEntries(
  [...process.argv.slice(2).join(" ").matchAll(/--(\w+)[ =](\d+)/g)].map(([, name, value]) => [name, Number(value)]),
);
const { count = 1000, seed = 1 } = given;
const sum = { words: 0, posts: 0 };
let failed = 0;
for (let index = 0; index < count; index++) {
  try {
    const { words, posts } = await play(seed + index);
    sum.words += words;
    sum.posts += posts;
  } catch (error) {
    failed += 1;
    console.log(`seed ${seed + index}: ${error.message.split("\n")[0]}`);
    if (count === 1) console.log(error.stack);
  }
}
console.log(`${count} interleavings from seed ${seed}: ${sum.words} words, ${sum.posts} posts, ${failed} failed`);
process.exit(failed ? 1 : 0);
