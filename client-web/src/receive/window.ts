/**
 * The access units between the newest delivered one and the newest seen: reassembly, delivery in order, what is missing.
 *
 * ```text
 * fragment -> Assembly (one per access unit) -> whole? -> deliverable? -> AccessUnit
 *                 |                                  no -> passed over: dropped, lost, late
 *                 +-> missing -> nacks -> given up
 * ```
 *
 * Nothing is delivered whose references were not: that is why no damaged picture is ever shown. Rules: docs/PROTOCOL.md, 6.
 */
import type { Micros } from '../time';
import { ALL_FRAGMENTS, ALL_UNITS, FEEDBACK_NACKS_MAX, type MediaHeader, type Nack, Track, low32, unwrap32 } from '../wire';
import { Frontier, Guard, TAIL, patience, repeatAfter } from './missing';
import {
  ALL_OF_IT,
  ALL_OF_UNIT,
  type AccessUnit,
  Assembly,
  type Asked,
  fragmentOf,
  frameOf,
  orderOf,
  placeOf,
  placeOfPacket,
  referenceOf,
  unitOf,
} from './unit';

export type WindowCounts = {
  /** Access units that came whole. */
  received: number;
  /** Never came whole before they were passed over. */
  lost: number;
  /** Came whole after they were passed over. */
  late: number;
  /** Came whole and were discarded. */
  dropped: number;
  duplicate: number;
  malformed: number;
};

export class Window {
  rtt: Micros = RTT_BEFORE;
  readonly counts: WindowCounts = { received: 0, lost: 0, late: 0, dropped: 0, duplicate: 0, malformed: 0 };
  #assemblies = new Map<number, Assembly>();
  /** Delivered since the last IDR. */
  #delivered = new Set<number>();
  /** Newest delivered; null: nothing since the attach. */
  #newest: number | null = null;
  /** Everything up to here is delivered, passed over, or was before the first packet. */
  #floor = 0;
  #newestSeen: number | null = null;
  /** Something after the newest delivered one was given up and is forgotten. */
  #evicted = false;
  #started = false;
  #broken = false;
  #bytes = 0;
  #frontier = new Frontier();
  #guard = new Guard();
  #lastArrival: Micros | null = null;
  /** Frames before this one are from before a silence. */
  #silenceBefore = 0;
  #nacks: Nack[] = [];
  #ready: AccessUnit[] = [];

  /** Takes a packet of the video track, or padding. */
  handlePacket(now: Micros, header: MediaHeader, datagram: Uint8Array, padding: boolean): void {
    const frame = unwrap32(header.frame, this.#newestSeen ?? header.frame + 0x1_0000_0000);
    if (padding && (this.#newestSeen === null || header.frame === 0)) return;
    this.#noteSilence(now, frame);
    // Before the first delivery, what there is begins at the oldest reference seen: that was sent as well.
    const oldest = padding ? frame : Math.min(referenceOf(header.reference, frame), frame);
    if (this.#newestSeen === null) this.#floor = frame - 1;
    const reachable = this.#newest === null && oldest > Math.max(this.#newestSeen ?? frame, frame) - WINDOW;
    if (reachable) this.#floor = Math.min(this.#floor, oldest - 1);
    this.#newestSeen = Math.max(this.#newestSeen ?? frame, frame);
    if (!header.repeat) {
      this.#frontier.advance(now, orderOf(frame, padding ? ALL_OF_IT : placeOfPacket(header)));
    }
    this.#slide(this.#newestSeen - WINDOW);
    if (!padding) this.#take(now, frame, header, datagram);
    this.handleTimeout(now);
  }

  /** Looks for what is missing; gives up what took too long. */
  handleTimeout(now: Micros): void {
    const settled = this.#frontier.settle(now, this.#guard.at(now));
    const last = Math.max(frameOf(this.#frontier.newest), this.#newestSeen ?? 0);
    for (let frame = this.#floor + 1; frame <= last; frame += 1) {
      let assembly = this.#assemblies.get(frame);
      if (assembly?.isWhole === true || assembly?.givenUp === true) continue;
      if (assembly === undefined) {
        if (settled < orderOf(frame, 1)) continue;
        assembly = new Assembly(frame);
        this.#assemblies.set(frame, assembly);
      }
      this.#examine(now, assembly, settled);
    }
  }

  /** The next access unit for the decoder. */
  poll(): AccessUnit | null {
    return this.#ready.shift() ?? null;
  }

  /** What is to be asked for, at most what fits one feedback datagram. */
  takeNacks(): Nack[] {
    return this.#nacks.splice(0, FEEDBACK_NACKS_MAX);
  }

  get hasNacks(): boolean {
    return this.#nacks.length > 0;
  }

  /** Only an IDR is deliverable from here on. */
  decoderBroke(): void {
    this.#started = false;
    this.#broken = true;
    this.#delivered.clear();
    this.counts.dropped += this.#ready.length;
    this.#ready = [];
  }

  get started(): boolean {
    return this.#started;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get givenUp(): boolean {
    if (this.#evicted) return true;
    for (const assembly of this.#assemblies.values()) {
      if (assembly.frame > this.#floor && (assembly.givenUp || this.#isStranded(assembly))) return true;
    }
    return false;
  }

  /** What would end a gap is arriving. */
  get arriving(): boolean {
    for (const assembly of this.#assemblies.values()) {
      const open = assembly.started && !assembly.givenUp && !assembly.isWhole && assembly.frame > this.#floor;
      if (open && this.#isDeliverable(assembly)) return true;
    }
    return false;
  }

  /** Something newer than what was delivered came: the picture is behind. */
  get isBehind(): boolean {
    return this.#newestSeen !== null && this.#newestSeen > this.#floor;
  }

  /** When `handleTimeout` may find something. */
  pollTimeout(now: Micros): Micros | null {
    let at: Micros | null = null;
    const earlier = (candidate: Micros | null): void => {
      if (candidate !== null && (at === null || candidate < at)) at = candidate;
    };
    if (!this.isBehind) return null;
    earlier(this.#frontier.nextAt(this.#guard.at(now)));
    for (const assembly of this.#assemblies.values()) {
      if (assembly.frame <= this.#floor || assembly.isWhole || assembly.givenUp) continue;
      if (assembly.missingSince !== null) earlier(assembly.missingSince + patience(this.rtt));
      for (const asked of assembly.asked.values()) earlier(asked.last + repeatAfter(this.rtt));
      if (this.#isTail(assembly) && assembly.missingSince === null) earlier(assembly.lastPacketAt + TAIL);
    }
    return at;
  }

  #noteSilence(now: Micros, frame: number): void {
    const silent = this.#lastArrival === null ? 0 : now - this.#lastArrival;
    if (silent > patience(this.rtt)) this.#silenceBefore = frame;
    this.#lastArrival = now;
  }

  #take(now: Micros, frame: number, header: MediaHeader, datagram: Uint8Array): void {
    let assembly = this.#assemblies.get(frame);
    if (assembly === undefined) {
      if (frame <= this.#floor) {
        this.counts.duplicate += 1;
        return;
      }
      assembly = new Assembly(frame);
      this.#assemblies.set(frame, assembly);
    }
    const place = placeOfPacket(header);
    const asked = findAsked(assembly, place);
    const before = assembly.bytes;
    const added = assembly.add(now, header, referenceOf(header.reference, frame), datagram);
    if (added !== 'taken') {
      this.counts[added] += 1;
      return;
    }
    this.#bytes += assembly.bytes - before;
    if (asked !== undefined && !header.repeat) this.#guard.onReordered(now, now - asked.first + asked.guard);
    assembly.asked.delete(place);
    if (assembly.isWhole) this.#onWhole(assembly);
    while (this.#bytes > BYTES_MAX) this.#slide(this.#floor + 1);
  }

  #onWhole(assembly: Assembly): void {
    if (assembly.frame <= this.#floor) {
      this.counts.late += 1;
      this.#forget(assembly);
      return;
    }
    this.counts.received += 1;
    this.#deliver();
  }

  #deliver(): void {
    for (;;) {
      let next: Assembly | null = null;
      for (const assembly of this.#assemblies.values()) {
        const open = assembly.isWhole && assembly.frame > this.#floor && this.#isDeliverable(assembly);
        if (open && (next === null || assembly.frame < next.frame)) next = assembly;
      }
      if (next === null) return;
      this.#deliverOne(next);
    }
  }

  #deliverOne(assembly: Assembly): void {
    const unit = assembly.take(assembly.frame - 1 - (this.#newest ?? assembly.frame - 1));
    if (unit === null) {
      // Whole and still unreadable: nothing that needs it can be shown.
      this.counts.malformed += 1;
      this.#pass(assembly.frame);
      this.#evicted = true;
      return;
    }
    this.#pass(assembly.frame - 1);
    this.#forget(assembly);
    this.#floor = assembly.frame;
    this.#newest = assembly.frame;
    this.#evicted = false;
    if (unit.idr) this.#delivered.clear();
    this.#started = true;
    this.#broken = false;
    this.#delivered.add(assembly.frame);
    if (this.#delivered.size > 2 * DELIVERED_MAX) {
      this.#delivered = new Set([...this.#delivered].slice(-DELIVERED_MAX));
    }
    this.#ready.push(unit);
    this.#expire();
  }

  #isDeliverable(assembly: Assembly): boolean {
    return assembly.idr || (this.#started && this.#delivered.has(assembly.reference));
  }

  /** Its reference was passed over: it can never be shown. */
  #isStranded(assembly: Assembly): boolean {
    const gone = assembly.reference <= this.#floor && !this.#delivered.has(assembly.reference);
    return this.#started && assembly.started && !assembly.idr && gone;
  }

  /** Everything up to `frame` has had its turn. */
  #pass(frame: number): void {
    for (let passed = this.#floor + 1; passed <= frame; passed += 1) {
      const assembly = this.#assemblies.get(passed);
      if (assembly?.isWhole === true) {
        this.counts.dropped += 1;
        this.#forget(assembly);
      } else {
        this.counts.lost += 1;
        if (assembly === undefined) this.#assemblies.set(passed, new Assembly(passed));
        else assembly.asked.clear();
      }
    }
    this.#floor = Math.max(this.#floor, frame);
  }

  /** Moves the window so that it starts after `frame`. */
  #slide(frame: number): void {
    if (frame > this.#floor) {
      if (frame - this.#floor > 2 * WINDOW) {
        this.counts.lost += frame - 2 * WINDOW - this.#floor;
        this.#floor = frame - 2 * WINDOW;
      }
      this.#pass(frame);
      this.#evicted = true;
    }
    this.#expire();
  }

  #expire(): void {
    for (const assembly of this.#assemblies.values()) {
      if (assembly.frame <= this.#floor - WINDOW || (this.#bytes > BYTES_MAX && assembly.frame <= this.#floor)) {
        this.#forget(assembly);
      }
    }
  }

  #forget(assembly: Assembly): void {
    this.#bytes -= assembly.bytes;
    this.#assemblies.delete(assembly.frame);
  }

  /** No packet of a later access unit came. */
  #isTail(assembly: Assembly): boolean {
    return assembly.started && this.#frontier.newest < orderOf(assembly.frame, ALL_OF_IT);
  }

  #examine(now: Micros, assembly: Assembly, settled: number): void {
    const end = orderOf(assembly.frame, ALL_OF_IT);
    const tail = this.#isTail(assembly) && now - assembly.lastPacketAt >= TAIL;
    const until = tail || settled >= end ? ALL_OF_IT : settled - orderOf(assembly.frame, 0);
    const missing: number[] = [];
    assembly.eachMissing(until, (place) => missing.push(place));
    for (const place of assembly.asked.keys()) {
      // What was asked for as a whole is missing in parts once a part came; the parts inherit when it was asked for.
      if (!missing.includes(place)) this.#forgetAsked(assembly, place, missing);
    }
    if (missing.length === 0) {
      assembly.missingSince = null;
      return;
    }
    const since = (assembly.missingSince ??= now);
    for (const place of missing) this.#ask(now, assembly, place);
    if (now - since >= patience(this.rtt) || assembly.frame < this.#silenceBefore) {
      assembly.givenUp = true;
      assembly.asked.clear();
      this.#nacks = this.#nacks.filter((nack) => nack.frame !== low32(assembly.frame));
    }
  }

  #forgetAsked(assembly: Assembly, place: number, missing: readonly number[]): void {
    const asked = assembly.asked.get(place);
    assembly.asked.delete(place);
    if (asked === undefined || fragmentOf(place) !== ALL_OF_UNIT) return;
    for (const part of missing) {
      const within = place === ALL_OF_IT || unitOf(part) === unitOf(place);
      if (within && !assembly.asked.has(part)) assembly.asked.set(part, { ...asked });
    }
  }

  #ask(now: Micros, assembly: Assembly, place: number): void {
    const asked = assembly.asked.get(place);
    if (asked !== undefined && now - asked.last < repeatAfter(this.rtt)) return;
    if (this.#nacks.length >= NACKS_WAITING_MAX) return;
    if (asked === undefined) assembly.asked.set(place, { first: now, last: now, guard: this.#guard.at(now) });
    else asked.last = now;
    const whole = place === ALL_OF_IT;
    this.#nacks.push({
      frame: low32(assembly.frame),
      unit: whole ? ALL_UNITS : unitOf(place),
      track: Track.video,
      fragment: whole || fragmentOf(place) === ALL_OF_UNIT ? ALL_FRAGMENTS : fragmentOf(place),
    });
  }
}

function findAsked(assembly: Assembly, place: number): Asked | undefined {
  return (
    assembly.asked.get(place) ?? assembly.asked.get(placeOf(unitOf(place), ALL_OF_UNIT)) ?? assembly.asked.get(ALL_OF_IT)
  );
}

const RTT_BEFORE: Micros = 100_000;
/** About a second at 60 fps. */
const WINDOW = 64;
const BYTES_MAX = 8 * 1024 * 1024;
/** A decoder holds 16 references at most. */
const DELIVERED_MAX = 128;
/** Four datagrams of nacks; what does not fit is asked for when they have gone. */
const NACKS_WAITING_MAX = 4 * FEEDBACK_NACKS_MAX;
