import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kind, mediaHeader, writeMedia, writeVideoUnit } from '../wire';
import { addFragment, solve } from './fec';
import { Receiver } from './receiver';

type Case = { fragments: number; unit: string; parity: { number: number; hex: string }[] };

const cases = JSON.parse(
  readFileSync(new URL('../../../transport/wire/vectors/parity.json', import.meta.url), 'utf8'),
) as Case[];
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function cut(unit: Uint8Array, fragments: number): Uint8Array[] {
  const step = Math.ceil(unit.length / fragments);
  return Array.from({ length: fragments }, (_, n) => unit.subarray(n * step, (n + 1) * step));
}

function shardOf(number: number, pieces: readonly Uint8Array[]): Uint8Array {
  const shard = new Uint8Array(pieces[0]?.length ?? 0);
  pieces.forEach((piece, n) => { addFragment(number, n, piece, shard); });
  return shard;
}

describe('parity', () => {
  for (const { fragments, unit, parity } of cases) {
    it(`of ${String(fragments)} fragments is what Rust makes`, () => {
      const pieces = cut(bytes(unit), fragments);
      for (const { number, hex } of parity) expect(shardOf(number, pieces)).toEqual(bytes(hex));
    });
  }

  it('gives back whatever is missing, from any of its packets', () => {
    const sizes = fc.record({ fragments: fc.integer({ min: 1, max: 40 }), step: fc.integer({ min: 1, max: 20 }) });
    const chosen = fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 10 });
    const numbers = fc.uniqueArray(fc.nat(54), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(sizes, chosen, numbers, fc.nat(), ({ fragments, step }, lost, parities, seed) => {
        const unit = Uint8Array.from({ length: fragments * step }, (_, n) => (n * 131 + seed) & 255);
        const pieces = cut(unit, fragments);
        const missing = lost.filter((n) => n < fragments);
        const used = parities.slice(0, missing.length);
        const shards = used.map((number) => shardOf(number, pieces));
        pieces.forEach((piece, n) => {
          if (!missing.includes(n)) used.forEach((number, at) => { addFragment(number, n, piece, shards[at]!); });
        });
        solve(used, missing, shards);
        missing.forEach((n, at) => { expect(shards[at]).toEqual(pieces[n]); });
      }),
    );
  });

  it('puts an access unit together of which fragments never came', () => {
    const unit = writeVideoUnit({ trace: null, nals: Uint8Array.from({ length: 98 }, (_, n) => n) });
    const pieces = cut(unit, 10);
    const receiver = new Receiver();
    const send = (seq: number, fragment: number, parity: boolean) => {
      const header = { ...mediaHeader(), packetSeq: seq, frame: 1, reference: 1, idr: true, lastUnit: true, fragment, fragments: 10 };
      const prefix = Uint8Array.of(0, 0, 0, unit.length);
      const payload = parity ? Uint8Array.of(...prefix, ...shardOf(fragment, pieces)) : pieces[fragment]!;
      receiver.handleDatagram(seq, writeMedia({ ...header, kind: parity ? Kind.parity : Kind.video }, payload));
    };
    [0, 1, 2, 4, 5, 6, 8].forEach((fragment) => { send(1 + fragment, fragment, false); });
    send(11, 0, true);
    send(12, 7, true);
    expect(receiver.pollAccessUnit()).toBeNull();
    send(13, 2, true);
    expect(receiver.pollAccessUnit()?.nals).toEqual(unit.subarray(1));
    expect(receiver.counts.packets.malformed).toBe(0);
  });
});
