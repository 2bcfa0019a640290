/**
 * What the page does with input: the twin of `transport/proto/src/input/sender.rs`, rules in docs/PROTOCOL.md, section 3.
 *
 * ```text
 * page -> push -> InputSender -> pollTransmit -> datagrams, with all that is unacknowledged
 *                      ^ handleAck
 * ```
 *
 * A loss costs no more than the gap to the next datagram. Moves, of the pointer or of a gamepad, are merged as long as they have not
 * been sent; presses and releases never are. It sends nothing by itself: ask `pollTimeout` after every call, and `pollTransmit` when it is due.
 */
import type { Micros } from '../time';
import { fittingEvents, INPUT_EVENTS_MAX, type InputAck, type InputEvent, type Pad, restingPad, type FingerEvent, writeInput } from '../wire';
import { Contacts } from './contacts';
import { Held } from './held';
import { isAtRest, Pads } from './pads';

/** `sync`: it is not known yet where the numbering stands. `beat`: something is held, and silence would release it. */
export type SendReason = 'sync' | 'fresh' | 'repeat' | 'beat';

export type InputSenderStats = {
  readonly events: number;
  readonly merged: number;
  /** Moves dropped because too much waits. */
  readonly dropped: number;
  /** Others: too much waits, too many keys are down, a press of what is down, a release of what is up, no focus. */
  readonly refused: number;
  /** Acknowledgements of what was not sent. */
  readonly forged: number;
};

/** `moves`: it presses and releases nothing, and may be merged or dropped. */
type Pending = { event: InputEvent; readonly at: Micros; readonly moves: boolean };

export class InputSender {
  #attached = false;
  /** Low bits of the id of the first pending event; null until the first acknowledgement of this attachment. */
  #first: number | null = null;
  #events: Pending[] = [];
  /** How many of them have been sent. */
  #sent = 0;
  #pressed = new Held();
  #pads = new Pads();
  readonly #contacts = new Contacts();
  /** The pads are to be told anew: the host may have forgotten them with an attachment. */
  #padsUntold = false;
  #focused = true;
  /** A state without an event that the host has not confirmed: unsent, or when it was sent. */
  #change: 'none' | 'unsent' | Micros = 'none';
  #sequence: number;
  #lastSent: Micros | null = null;
  #stats = { events: 0, merged: 0, dropped: 0, refused: 0, forged: 0 };
  /** When the events that were acknowledged last happened, by the low bits of their ids. */
  #times: { readonly id: number; readonly at: Micros }[] = [];

  /** Datagrams are counted from `sequence` on; any number will do. */
  constructor(sequence: number) {
    this.#sequence = sequence & 0xffff;
  }

  /** A new attachment: what was pressed and what is not acknowledged is forgotten. The gamepads are told as they are. */
  attach(): void {
    this.#attached = true;
    this.#first = null;
    this.#events = [];
    this.#sent = 0;
    this.#pressed.clear();
    this.#contacts.mask = 0;
    this.#padsUntold = this.#pads.plugged.length > 0;
    this.#change = 'none';
    this.#lastSent = null;
    this.#times = [];
  }

  detach(): void {
    this.#attached = false;
  }

  /** `false` when it is refused: there is nothing to be told, or too much waits. */
  push(now: Micros, event: InputEvent): boolean {
    const withoutFocus = event.type === 'pad' && isAtRest(event.state);
    const taken = (this.#focused || withoutFocus) && this.#take(now, event);
    if (taken) this.#stats.events += 1;
    else this.#stats.refused += 1;
    return taken;
  }

  /** The page got or lost the focus. Without it, nothing is pressed, and of a gamepad only that it comes or goes is taken. */
  setFocused(focused: boolean): void {
    if (focused === this.#focused) return;
    this.#focused = focused;
    this.#pressed.clear();
    this.#contacts.mask = 0;
    this.#pads.rest();
    this.#change = 'unsent';
  }

  /** Every key, button of the pointer and finger is up, without an event for each: the state says so. Gamepads are as they are. */
  releaseAll(): void {
    if (this.#pressed.isEmpty && this.#contacts.mask === 0) return;
    this.#pressed.clear();
    this.#contacts.mask = 0;
    this.#change = 'unsent';
  }

  /** Takes an acknowledgement that came on this attachment; gives the ages of what it settles. */
  handleAck(now: Micros, ack: InputAck): Micros[] {
    if (!this.#attached) return [];
    const first = this.#first ?? add32(ack.acknowledged, 1);
    this.#first = first;
    // Up to the id before `first` it is nothing new; half the circle separates old from forged.
    const done = add32(add32(ack.acknowledged, -first), 1);
    let ages: Micros[] = [];
    if (done <= this.#sent) {
      const settled = this.#events.splice(0, done);
      ages = settled.map(({ at }) => now - at);
      settled.forEach(({ at }, n) => this.#times.push({ id: add32(first, n), at }));
      if (this.#times.length > TIMES_MAX) this.#times.splice(0, this.#times.length - TIMES_MAX);
      this.#sent -= done;
      this.#first = add32(first, done);
    } else if (done <= 0x7fff_ffff) {
      this.#stats.forged += 1;
    }
    if (typeof this.#change === 'number' && ack.echo >= this.#change) this.#change = 'none';
    return ages;
  }

  /** The datagram that is due; null when none is. */
  pollTransmit(now: Micros): Uint8Array | null {
    const due = this.pollTimeout();
    if (due === null || now < due.at) return null;
    this.#tellPads(now);
    const known = this.#first !== null;
    const count = this.#fitting();
    const events = this.#events.slice(0, count).map(({ event, at }) => ({
      ...event,
      age: Math.min(Math.max(now - at, 0), 0xffff_ffff),
    }));
    this.#sent = Math.max(this.#sent, count);
    const datagram = writeInput({
      focused: this.#focused,
      more: known && count < this.#events.length,
      firstEvent: this.#first ?? 0,
      sentAt: now,
      buttons: known ? this.#pressed.buttons : 0,
      sequence: this.#sequence,
      pressed: known ? this.#pressed.keys : [],
      events,
      // Until the numbering is known nothing is pressed, but that a pad is there holds all the while.
      pads: known ? this.#pads.plugged : this.#pads.plugged.map(({ pad }) => restingPad(pad, true)),
      contacts: known ? this.#contacts.mask : 0,
    });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#lastSent = now;
    if (this.#change === 'unsent') this.#change = now;
    return datagram;
  }

  /** When `pollTransmit` has something, and why. */
  pollTimeout(): { readonly at: Micros; readonly reason: SendReason } | null {
    if (!this.#attached) return null;
    const after = (span: Micros): Micros => (this.#lastSent === null ? 0 : this.#lastSent + span);
    if (this.#first === null) return { at: after(BEAT), reason: 'sync' };
    if (this.#change === 'unsent' || this.#padsUntold) return { at: 0, reason: 'fresh' };
    const fitting = this.#fitting();
    const next = this.#sent < fitting ? this.#events[this.#sent] : undefined;
    if (next !== undefined) {
      // A move may be joined by others; with a press behind it, it goes at once.
      const last = this.#sent + 1 >= fitting;
      return { at: next.moves && last ? after(MOVE_GAP) : 0, reason: 'fresh' };
    }
    if (this.#events.length > 0 || this.#change !== 'none') return { at: after(REPEAT), reason: 'repeat' };
    const rests = this.#pressed.isEmpty && this.#contacts.mask === 0 && this.#pads.areAtRest;
    return rests ? null : { at: after(BEAT), reason: 'beat' };
  }

  /** When the event with these low bits of its id happened; null when that is unknown or too long ago. */
  happenedAt(id: number): Micros | null {
    const behind = this.#first === null ? -1 : add32(id, -this.#first);
    const pending = behind >= 0 && behind < this.#sent ? this.#events[behind] : undefined;
    return pending?.at ?? this.#times.find((known) => known.id === id)?.at ?? null;
  }

  get unacknowledged(): number {
    return this.#events.length;
  }

  get pressed(): readonly number[] {
    return this.#pressed.keys;
  }

  get buttons(): number {
    return this.#pressed.buttons;
  }

  /** Those that are plugged in, as they were told last. */
  get pads(): readonly Pad[] {
    return this.#pads.plugged;
  }

  get stats(): InputSenderStats {
    return this.#stats;
  }

  #take(now: Micros, event: InputEvent): boolean {
    switch (event.type) {
      case 'keyDown':
        return this.#press(now, event, this.#pressed.pressKey(event.code), () => this.#pressed.releaseKey(event.code));
      case 'buttonDown':
        return this.#press(now, event, this.#pressed.pressButton(event.button), () =>
          this.#pressed.releaseButton(event.button),
        );
      case 'keyUp':
        return this.#release(now, event, this.#pressed.releaseKey(event.code));
      case 'buttonUp':
        return this.#release(now, event, this.#pressed.releaseButton(event.button));
      case 'moveTo':
      case 'moveBy':
        return this.#move(now, event);
      case 'wheel':
      case 'text':
        return this.#enqueue(now, event);
      case 'pad':
        return this.#pad(now, event.state);
      case 'touch':
        return this.#touch(now, event);
    }
  }

  #press(now: Micros, event: InputEvent, fresh: boolean, undo: () => void): boolean {
    if (!fresh) return false;
    const taken = this.#enqueue(now, event);
    if (!taken) undo();
    return taken;
  }

  #release(now: Micros, event: InputEvent, was: boolean): boolean {
    if (!was) return false;
    const taken = this.#enqueue(now, event);
    // The release itself does not fit; the state has it.
    if (!taken) this.#change = 'unsent';
    return taken;
  }

  #move(now: Micros, event: InputEvent): boolean {
    const last = this.#events.length > this.#sent ? this.#events.at(-1) : undefined;
    const sum = last === undefined ? null : merge(last.event, event);
    if (last === undefined || sum === null) return this.#enqueue(now, event, true);
    last.event = sum;
    this.#stats.merged += 1;
    return true;
  }

  #touch(now: Micros, event: FingerEvent): boolean {
    const before = this.#contacts.mask;
    if (!this.#contacts.take(event)) return false;
    const moves = event.phase === 'move';
    if ((moves && this.#mergeTouch(event)) || this.#enqueue(now, event, moves)) return true;
    if (event.phase === 'down') this.#contacts.mask = before;
    // The release itself does not fit; the state has it.
    else if (!moves) this.#change = 'unsent';
    return false;
  }

  /** Joins a move to the newest unsent one of that finger; nothing is moved past a press or a release. */
  #mergeTouch(event: FingerEvent): boolean {
    for (let n = this.#events.length - 1; n >= this.#sent; n -= 1) {
      const pending = this.#events[n];
      if (pending === undefined || !pending.moves) return false;
      if (pending.event.type !== 'touch' || pending.event.contact !== event.contact) continue;
      pending.event = event;
      this.#stats.merged += 1;
      return true;
    }
    return false;
  }

  #pad(now: Micros, state: Pad): boolean {
    const taken = this.#pads.take(state);
    if (taken === null) return false;
    const { next, moves } = taken;
    if (this.#padsUntold || (moves && this.#mergePad(next))) return true;
    if (this.#enqueue(now, { type: 'pad', state: next }, moves)) return true;
    // The event does not fit: the state has what it releases, and presses nothing.
    this.#change = 'unsent';
    return false;
  }

  /** Joins what moved to the newest unsent event of that pad; nothing is moved past a press or a release. */
  #mergePad(state: Pad): boolean {
    for (let n = this.#events.length - 1; n >= this.#sent; n -= 1) {
      const pending = this.#events[n];
      if (pending === undefined || !pending.moves) return false;
      if (pending.event.type !== 'pad' || pending.event.state.pad !== state.pad) continue;
      pending.event = { type: 'pad', state };
      this.#stats.merged += 1;
      return true;
    }
    return false;
  }

  /** After an attachment: what is plugged in, as it is. */
  #tellPads(now: Micros): void {
    if (this.#first === null || !this.#padsUntold) return;
    this.#padsUntold = false;
    for (const state of this.#pads.plugged) this.#enqueue(now, { type: 'pad', state });
  }

  /** How many of the oldest events a datagram carries. */
  #fitting(): number {
    if (this.#first === null) return 0;
    const { keys } = this.#pressed;
    return fittingEvents(keys.length, this.#pads.plugged.length, this.#events.slice(0, INPUT_EVENTS_MAX).map(({ event }) => event));
  }

  /** Makes room by dropping the oldest move that was not sent; refuses when there is none. */
  #enqueue(now: Micros, event: InputEvent, moves = false): boolean {
    if (this.#events.length >= WAITING_MAX) {
      const at = this.#events.findIndex((pending, n) => n >= this.#sent && pending.moves);
      if (at < 0) return false;
      this.#events.splice(at, 1);
      this.#stats.dropped += 1;
    }
    this.#events.push({ event, at: now, moves });
    return true;
  }
}

/** Two moves as one; null where that would lose something. */
function merge(old: InputEvent, next: InputEvent): InputEvent | null {
  if (old.type === 'moveTo' && next.type === 'moveTo') return next;
  if (old.type !== 'moveBy' || next.type !== 'moveBy') return null;
  const dx = old.dx + next.dx;
  const dy = old.dy + next.dy;
  return fits16(dx) && fits16(dy) ? { type: 'moveBy', dx, dy } : null;
}

function fits16(value: number): boolean {
  return value >= -0x8000 && value <= 0x7fff;
}

function add32(a: number, b: number): number {
  return (a + b) >>> 0;
}

/** The longest gap between datagrams while something is pressed. */
const BEAT: Micros = 50_000;
/** A lost last datagram costs this much. */
const REPEAT: Micros = 20_000;
/** Half the datagrams that the host takes, for a mouse that reports at 1000 Hz; costs a move 1 ms on average. */
const MOVE_GAP: Micros = 2_000;
/** Half a minute of typing into a dead link; a longer queue would only be stale. */
const WAITING_MAX = 1_024;
/** A second of a 1000 Hz mouse whose moves are merged: far longer than an echo takes. */
const TIMES_MAX = 512;
