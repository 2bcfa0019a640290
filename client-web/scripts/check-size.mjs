// Holds the built client to its budgets, gzipped: what a player downloads before the first picture, and what comes only to who asks for it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The first whose pattern fits has the file. 1 KiB is about 3 ms on a 3 Mbit/s line. */
const PARTS = [
  // A gamepad's code is there before its player's thumb is.
  { name: 'loaded when needed', files: /^assets\/later-/, kib: 4 },
  { name: "the operators' page", files: /^(assets\/ops-|ops\.html$)/, kib: 24 },
  { name: "a session's report", files: /^(assets\/report-|report\.html$)/, kib: 16 },
  { name: 'saved games', files: /^(assets\/saves-|saves\.html$)/, kib: 12 },
  // A quarter of a second of such a line. A finger, a text and a held-back key are the first thing that a player does: their part of the
  // sender and of the capture does not wait to be loaded.
  { name: 'before the first picture', files: /./, kib: 83, kinds: { '.js': 78, '.css': 10, '.html': 2, '.svg': 4 } },
];

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const walk = (dir) =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(dir, entry.name)) : [join(dir, entry.name)],
  );

/** Of each part and kind, in KiB. */
const sums = new Map(PARTS.map((part) => [part, {}]));
// The published types are for developers; no page loads them.
for (const file of walk(dist).filter((name) => !name.endsWith('.d.ts'))) {
  const kib = gzipSync(readFileSync(file), { level: 9 }).length / 1024;
  const name = relative(dist, file);
  const of = sums.get(PARTS.find((part) => part.files.test(name)));
  of[extname(file)] = (of[extname(file)] ?? 0) + kib;
  console.log(`${kib.toFixed(1).padStart(7)} KiB  ${name}`);
}

let over = false;
const hold = (what, kib, most) => {
  if (kib <= most) return;
  over = true;
  console.error(`error: ${what}: ${kib.toFixed(1)} KiB gzipped, over the budget of ${most}`);
};
for (const [part, kinds] of sums) {
  const kib = Object.values(kinds).reduce((sum, of) => sum + of, 0);
  console.log(`${kib.toFixed(1).padStart(7)} KiB  ${part.name}, of ${part.kib}`);
  hold(part.name, kib, part.kib);
  for (const [kind, most] of Object.entries(part.kinds ?? {})) hold(`${part.name}, ${kind}`, kinds[kind] ?? 0, most);
}
process.exit(over ? 1 : 0);
