/**
 * What the page does with input: the twin of `transport/proto/src/input/sender.rs`, rules in docs/PROTOCOL.md, section 3.
 *
 * ```text
 * page -> push -> InputSender -> pollTransmit -> datagrams, with all that is unacknowledged
 *                      ^ handleAck
 * ```
 *
 * A loss costs no more than the gap to the next datagram. Moves are merged as long as they have not been sent; presses and
 * releases never are. It sends nothing by itself: ask `pollTimeout` after every call, and `pollTransmit` when it is due.
 */
import type { Micros } from '../time';
import { INPUT_EVENTS_MAX, type InputAck, type InputEvent, writeInput } from '../wire';
import { Held } from './held';

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

type Pending = { event: InputEvent; readonly at: Micros };

export class InputSender {
  #attached = false;
  /** Low bits of the id of the first pending event; null until the first acknowledgement of this attachment. */
  #first: number | null = null;
  #events: Pending[] = [];
  /** How many of them have been sent. */
  #sent = 0;
  #pressed = new Held();
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

  /** A new attachment: what was pressed and what is not acknowledged is forgotten. */
  attach(): void {
    this.#attached = true;
    this.#first = null;
    this.#events = [];
    this.#sent = 0;
    this.#pressed.clear();
    this.#change = 'none';
    this.#lastSent = null;
    this.#times = [];
  }

  detach(): void {
    this.#attached = false;
  }

  /** `false` when it is refused: there is nothing to be told, or too much waits. */
  push(now: Micros, event: InputEvent): boolean {
    const taken = this.#focused && this.#take(now, event);
    if (taken) this.#stats.events += 1;
    else this.#stats.refused += 1;
    return taken;
  }

  /** The page got or lost the focus. Without it, nothing is pressed. */
  setFocused(focused: boolean): void {
    if (focused === this.#focused) return;
    this.#focused = focused;
    this.#pressed.clear();
    this.#change = 'unsent';
  }

  /** Everything is up, without an event for each: the state says so. */
  releaseAll(): void {
    if (this.#pressed.isEmpty) return;
    this.#pressed.clear();
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
    const known = this.#first !== null;
    const events = (known ? this.#events.slice(0, INPUT_EVENTS_MAX) : []).map(({ event, at }) => ({
      ...event,
      age: Math.min(Math.max(now - at, 0), 0xffff_ffff),
    }));
    this.#sent = Math.max(this.#sent, events.length);
    const datagram = writeInput({
      focused: this.#focused,
      firstEvent: this.#first ?? 0,
      sentAt: now,
      buttons: known ? this.#pressed.buttons : 0,
      sequence: this.#sequence,
      pressed: known ? this.#pressed.keys : [],
      events,
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
    if (this.#change === 'unsent') return { at: 0, reason: 'fresh' };
    const next = this.#sent < INPUT_EVENTS_MAX ? this.#events[this.#sent] : undefined;
    if (next !== undefined) {
      // A move may be joined by others; with a press behind it, it goes at once.
      const last = this.#sent + 1 >= Math.min(this.#events.length, INPUT_EVENTS_MAX);
      return { at: isMove(next.event) && last ? after(MOVE_GAP) : 0, reason: 'fresh' };
    }
    if (this.#events.length > 0 || this.#change !== 'none') return { at: after(REPEAT), reason: 'repeat' };
    return this.#pressed.isEmpty ? null : { at: after(BEAT), reason: 'beat' };
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
        return this.#enqueue(now, event);
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
    if (last === undefined || sum === null) return this.#enqueue(now, event);
    last.event = sum;
    this.#stats.merged += 1;
    return true;
  }

  /** Makes room by dropping the oldest move that was not sent; refuses when there is none. */
  #enqueue(now: Micros, event: InputEvent): boolean {
    if (this.#events.length >= WAITING_MAX) {
      const at = this.#events.findIndex((pending, n) => n >= this.#sent && isMove(pending.event));
      if (at < 0) return false;
      this.#events.splice(at, 1);
      this.#stats.dropped += 1;
    }
    this.#events.push({ event, at: now });
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

function isMove(event: InputEvent): boolean {
  return event.type === 'moveTo' || event.type === 'moveBy';
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
