/** One access unit while its fragments come in. */
import type { Micros } from '../time';
import { Kind, MEDIA_HEADER_BYTES, type MediaHeader, type VideoTrace, low32, parseParity, parseVideoUnit } from '../wire';
import { addFragment, solve } from './fec';

/** A whole access unit, ready for a decoder. Times named `…At` are of the client's clock unless they say "host". */
export type AccessUnit = {
  readonly frame: number;
  readonly idr: boolean;
  readonly recovery: boolean;
  readonly still: boolean;
  /** Host's clock. */
  readonly capturedAt: Micros;
  /** NAL units in Annex B form, or a temporal unit of AV1. */
  readonly nals: Uint8Array;
  readonly trace: VideoTrace | null;
  /** Of the packet that came last. Host's clock. */
  readonly sentAt: Micros;
  readonly arrivedAt: Micros;
  /** Frames before it that will never be decoded, so that a decoder sees a hole. */
  readonly skipped: number;
};

type Unit = {
  /** Whole datagrams: they are the browser's own buffers, and copied once, into the access unit. */
  readonly fragments: (Uint8Array | undefined)[];
  came: number;
  readonly last: boolean;
  /** Shards of parity packets by their number. */
  readonly parity: Map<number, Uint8Array>;
  /** Its bytes, where parity told; 0: not yet. */
  bytes: number;
};

/** What is asked for again: when first and last, and after what delay. */
export type Asked = { readonly first: Micros; last: Micros; readonly guard: Micros };

export type Added = 'taken' | 'duplicate' | 'malformed';

/**
 * Takes fragments in any order, each once. It knows nothing of other access units.
 *
 * An access unit of which nothing came yet is one with `started` false.
 */
export class Assembly {
  readonly frame: number;
  started = false;
  idr = false;
  recovery = false;
  still = false;
  reference = 0;
  capturedAt: Micros = 0;
  /** Since when something of it is known to be missing. */
  missingSince: Micros | null = null;
  givenUp = false;
  lastPacketAt: Micros = 0;
  bytes = 0;
  readonly asked = new Map<number, Asked>();
  #sentAt: Micros = 0;
  #units: (Unit | undefined)[] = [];
  #wholeUnits = 0;
  #lastUnit: number | null = null;

  constructor(frame: number) {
    this.frame = frame;
  }

  add(now: Micros, header: MediaHeader, reference: number, datagram: Uint8Array): Added {
    if (!this.#agrees(header, reference)) return 'malformed';
    let unit = this.#units[header.unit];
    if (unit === undefined) {
      unit = { fragments: new Array<Uint8Array | undefined>(header.fragments), came: 0, last: header.lastUnit, parity: new Map(), bytes: 0 };
      this.#units[header.unit] = unit;
    } else if (unit.fragments.length !== header.fragments || unit.last !== header.lastUnit) {
      return 'malformed';
    }
    if (header.kind === Kind.parity) {
      const added = addParity(unit, header, datagram);
      if (added !== 'taken') return added;
    } else {
      if (unit.fragments[header.fragment] !== undefined) return 'duplicate';
      unit.fragments[header.fragment] = datagram;
      unit.came += 1;
    }
    this.#begin(header, reference);
    this.bytes += restore(unit);
    if (unit.came === unit.fragments.length) this.#wholeUnits += 1;
    if (header.lastUnit) this.#lastUnit = header.unit;
    this.bytes += datagram.length;
    this.lastPacketAt = now;
    this.#sentAt = header.sentAt;
    return 'taken';
  }

  get isWhole(): boolean {
    return this.#lastUnit !== null && this.#wholeUnits === this.#lastUnit + 1;
  }

  /** Calls `fn` for everything that has not come and is before `until`, a place in this access unit. */
  eachMissing(until: number, fn: (place: number) => void): void {
    if (!this.started) {
      if (until > 0) fn(ALL_OF_IT);
      return;
    }
    for (let u = 0; u < this.#units.length; u += 1) {
      const unit = this.#units[u];
      if (unit === undefined) {
        if (placeOf(u, 0) < until) fn(placeOf(u, ALL_OF_UNIT));
        continue;
      }
      for (let f = 0; unit.came < unit.fragments.length && f < unit.fragments.length; f += 1) {
        if (unit.fragments[f] === undefined && placeOf(u, f) < until) fn(placeOf(u, f));
      }
    }
    if (this.#lastUnit === null && placeOf(this.#units.length, 0) < until) {
      fn(placeOf(this.#units.length, ALL_OF_UNIT));
    }
  }

  /** Joins everything; null when a unit is malformed. To be called once, when it is whole. */
  take(skipped: number): AccessUnit | null {
    const nals = new Uint8Array(this.bytes);
    const head = new Uint8Array(TRACE_ROOM);
    let trace: VideoTrace | null = null;
    let at = 0;
    for (const unit of this.#units) {
      let headBytes = 0;
      let headNeed = 1;
      for (const datagram of unit?.fragments ?? []) {
        let from = MEDIA_HEADER_BYTES;
        // The trace comes first, and nearly always ends in the first fragment.
        while (headBytes < headNeed && datagram !== undefined && from < datagram.length) {
          head[headBytes] = datagram[from] ?? 0;
          if (headBytes === 0) headNeed = 1 + (head[0] ?? 0);
          headBytes += 1;
          from += 1;
        }
        if (datagram === undefined) continue;
        nals.set(datagram.subarray(from), at);
        at += datagram.length - from;
      }
      const parsed = parseVideoUnit(head.subarray(0, headBytes));
      if (typeof parsed === 'string') return null;
      trace = parsed.trace ?? trace;
    }
    const { frame, idr, recovery, still, capturedAt, lastPacketAt: arrivedAt } = this;
    const sentAt = this.#sentAt;
    return { frame, idr, recovery, still, capturedAt, nals: nals.subarray(0, at), trace, sentAt, arrivedAt, skipped };
  }

  #agrees(header: MediaHeader, reference: number): boolean {
    if (!this.started) return true;
    const known =
      header.idr === this.idr &&
      header.recovery === this.recovery &&
      reference === this.reference &&
      header.capturedAt === this.capturedAt;
    const lastFits =
      this.#lastUnit === null || (header.unit <= this.#lastUnit && header.lastUnit === (header.unit === this.#lastUnit));
    return known && lastFits && !(header.lastUnit && this.#units.length > header.unit + 1);
  }

  #begin(header: MediaHeader, reference: number): void {
    if (this.started) return;
    this.started = true;
    this.idr = header.idr;
    this.recovery = header.recovery;
    this.still = header.still;
    this.reference = reference;
    this.capturedAt = header.capturedAt;
  }
}

function addParity(unit: Unit, header: MediaHeader, datagram: Uint8Array): Added {
  const parity = parseParity(datagram.subarray(MEDIA_HEADER_BYTES), header.fragments);
  if (typeof parity === 'string' || (unit.bytes !== 0 && unit.bytes !== parity.unitBytes)) return 'malformed';
  if (unit.came === unit.fragments.length || unit.parity.has(header.fragment)) return 'duplicate';
  unit.bytes = parity.unitBytes;
  unit.parity.set(header.fragment, parity.shard);
  return 'taken';
}

/** Puts a unit's missing fragments in their places where enough parity came; returns their bytes. */
function restore(unit: Unit): number {
  const count = unit.fragments.length;
  const lacking = count - unit.came;
  if (lacking === 0 || unit.parity.size < lacking) return 0;
  const numbers = [...unit.parity.keys()].slice(0, lacking);
  const step = Math.ceil(unit.bytes / count);
  const shards = numbers.map((number) => Uint8Array.from(unit.parity.get(number) ?? []));
  const missing: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const data = unit.fragments[n]?.subarray(MEDIA_HEADER_BYTES);
    if (data === undefined) missing.push(n);
    else if (data.length > step) return 0;
    else numbers.forEach((number, at) => { addFragment(number, n, data, shards[at] ?? data); });
  }
  solve(numbers, missing, shards);
  let restored = 0;
  missing.forEach((n, at) => {
    const length = Math.max(Math.min(unit.bytes - step * n, step), 0);
    // As if it had come: a header's room before the payload.
    const datagram = new Uint8Array(MEDIA_HEADER_BYTES + length);
    datagram.set(shards[at]?.subarray(0, length) ?? [], MEDIA_HEADER_BYTES);
    unit.fragments[n] = datagram;
    restored += datagram.length;
  });
  unit.came = count;
  unit.parity.clear();
  return restored;
}

/** A place in an access unit as a number that sorts in order. */
export function placeOf(unit: number, fragment: number): number {
  return unit * UNIT_STEP + fragment;
}

/** Parity comes after every fragment of its unit. */
export function placeOfPacket(header: MediaHeader): number {
  return placeOf(header.unit, header.kind === Kind.parity ? header.fragments + header.fragment : header.fragment);
}

export function unitOf(place: number): number {
  return Math.floor(place / UNIT_STEP);
}

export function fragmentOf(place: number): number {
  return place % UNIT_STEP;
}

/** A place in the order of all packets of the track. */
export function orderOf(frame: number, place: number): number {
  return frame * FRAME_STEP + place;
}

export function frameOf(order: number): number {
  return Math.floor(order / FRAME_STEP);
}

/** The low bits of a reference, restored: it is the frame itself or one before it. */
export function referenceOf(low: number, frame: number): number {
  return frame - ((low32(frame) - low) >>> 0);
}

const UNIT_STEP = 2_048;
const FRAME_STEP = 0x10_0000;
/** More than any fragment index: the whole unit. */
export const ALL_OF_UNIT = 2_047;
/** The whole access unit; also where padding is in order. */
export const ALL_OF_IT = FRAME_STEP - 1;
/** The length byte and the most it can say. */
const TRACE_ROOM = 256;
