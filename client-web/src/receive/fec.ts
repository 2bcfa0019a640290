/**
 * Parity of a unit's fragments: a systematic Reed-Solomon code over GF(2^8) (docs/PROTOCOL.md, 2.5).
 *
 * parity[j] = sum over i of 1 / ((200 + j) xor i) * fragment[i], byte by byte. The coefficients are a Cauchy matrix, every square
 * part of which can be inverted. The Rust twin is `transport/proto/src/fec.rs`.
 */
import { PARITY_DATA_MAX } from '../wire';

/** Adds a fragment's share to a shard that is at least as long; adding twice takes it away. */
export function addFragment(parity: number, fragment: number, data: Uint8Array, shard: Uint8Array): void {
  addScaled(coefficient(parity, fragment), data, shard);
}

/**
 * Turns shards into the missing fragments: `shards[n]` is that of parity packet `parities[n]`, from which every fragment that came was
 * taken; `missing` names as many fragments.
 */
export function solve(parities: readonly number[], missing: readonly number[], shards: readonly Uint8Array[]): void {
  const matrix = parities.map((parity) => Uint8Array.from(missing, (fragment) => coefficient(parity, fragment)));
  matrix.forEach((own, at) => {
    // None of a Cauchy matrix's leading parts is singular: no exchange of rows is needed.
    const scale = divide(1, own[at] ?? 0);
    const shard = shards[at] ?? NOTHING;
    scaleAll(scale, own);
    scaleAll(scale, shard);
    matrix.forEach((row, n) => {
      const factor = row[at] ?? 0;
      if (n === at || factor === 0) return;
      addScaled(factor, own, row);
      addScaled(factor, shard, shards[n] ?? NOTHING);
    });
  });
}

function coefficient(parity: number, fragment: number): number {
  return divide(1, (PARITY_DATA_MAX + parity) ^ fragment);
}

function divide(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (EXP[(LOG[a] ?? 0) + 255 - (LOG[b] ?? 0)] ?? 0);
}

function scaleAll(factor: number, bytes: Uint8Array): void {
  const log = LOG[factor] ?? 0;
  for (let n = 0; n < bytes.length; n += 1) {
    const byte = bytes[n] ?? 0;
    bytes[n] = byte === 0 || factor === 0 ? 0 : (EXP[log + (LOG[byte] ?? 0)] ?? 0);
  }
}

function addScaled(factor: number, from: Uint8Array, to: Uint8Array): void {
  if (factor === 0) return;
  const log = LOG[factor] ?? 0;
  for (let n = 0; n < from.length && n < to.length; n += 1) {
    const byte = from[n] ?? 0;
    if (byte !== 0) to[n] = (to[n] ?? 0) ^ (EXP[log + (LOG[byte] ?? 0)] ?? 0);
  }
}

const NOTHING = new Uint8Array(0);
/** The field's polynomial: x^8 + x^4 + x^3 + x^2 + 1. */
const POLYNOMIAL = 0x11d;
const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value <<= 1;
  if (value > 255) value ^= POLYNOMIAL;
}
