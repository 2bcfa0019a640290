// Writes dist/assets/firstlight-1.d.ts: the types of window.firstlight in one file that stands on its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// In the order in which they build on each other.
const sources = ['src/stats.ts', 'src/player/types.ts', 'src/embed.types.ts'].map((file) => join(root, file));

const written = new Map();
const program = ts.createProgram(sources, {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  types: [],
  strict: true,
  declaration: true,
  emitDeclarationOnly: true,
  outDir: join(root, 'dist'),
  rootDir: join(root, 'src'),
});
program.emit(undefined, (name, text) => written.set(resolve(name), text));

// Joined, the parts see each other: what they import from and hand on to each other goes.
const joint = /^(import type .*|export type \{.*\}( from .*)?);$/gm;
const body = sources
  .map((source) => written.get(source.replace(join(root, 'src'), join(root, 'dist')).replace(/\.ts$/, '.d.ts')))
  .map((text) => text.replace(joint, '').trim())
  .join('\n\n');

const target = join(root, 'dist/assets/firstlight-1.d.ts');
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${body}\n`);

// It must mean something to a project that has nothing else of ours.
const check = ts.createProgram([target], { strict: true, noEmit: true, types: [], lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'] });
const problems = ts.getPreEmitDiagnostics(check);
for (const { messageText } of problems) console.error(`error: ${target}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
process.exit(problems.length > 0 ? 1 : 0);
