/** Input datagrams and their acknowledgement (docs/PROTOCOL.md, section 3). */
import { type Malformed, type U64, readU64, viewOf, writeU64 } from './bytes';
import { Kind, firstByte, refuse } from './kind';

export const INPUT_EVENTS_MAX = 64;
export const INPUT_PRESSED_MAX = 32;
/** A browser's datagram over a relay, sealed, takes some 80 more. */
export const INPUT_BYTES_MAX = 1_100;
export const PADS_MAX = 4;
export const CONTACTS_MAX = 10;
const PAD_BYTES = 16;
const HEADER_BYTES = 20;
/** Of UTF-8 in one event. */
export const TEXT_BYTES_MAX = 32;
const CONTACTS_BYTES = 2;
const EVENT_HEADER_BYTES = 6;
const ACK_BYTES = 24;

/** All of a gamepad at one moment; where it is not plugged in, the rest is at rest. */
export type Pad = {
  /** 0 to 3. */
  readonly pad: number;
  readonly plugged: boolean;
  /** Left, right: 0 released, 255 pressed to the end. */
  readonly triggers: readonly number[];
  /** Bit n: button n of the standard gamepad; of `PAD_BUTTONS` only. */
  readonly buttons: number;
  /** Left x, y, right x, y, of 16 bits; positive: right, down. */
  readonly sticks: readonly number[];
};

/** The buttons of a standard gamepad but 6 and 7: those are the triggers, which have values. */
export const PAD_BUTTONS = 0x1ff3f;

/** What the player did. Places are 0 to 65535 over the picture, shifts pixels of it, the wheel 120ths of a notch. */
export type InputEvent =
  | { readonly type: 'keyDown' | 'keyUp'; readonly code: number }
  | { readonly type: 'buttonDown' | 'buttonUp'; readonly button: number }
  | { readonly type: 'moveTo'; readonly x: number; readonly y: number }
  | { readonly type: 'moveBy' | 'wheel'; readonly dx: number; readonly dy: number }
  | { readonly type: 'pad'; readonly state: Pad }
  | FingerEvent
  | { readonly type: 'text'; readonly text: string };

/** Which finger, 0 to 9. `cancel`: all of them are gone, and nothing is meant by it. */
export type FingerEvent = {
  readonly type: 'touch';
  readonly contact: number;
  readonly phase: TouchPhase;
  readonly x: number;
  readonly y: number;
};

/** As they are numbered. */
const TOUCH_PHASES = ['up', 'down', 'move', 'cancel'] as const;
export type TouchPhase = (typeof TOUCH_PHASES)[number];

/** An event of a later version. */
export type UnknownEvent = { readonly type: number };

/** Microseconds before `sentAt`. */
export type Aged<T> = T & { readonly age: number };

export type Input = {
  readonly focused: boolean;
  /** More events wait than are in it. */
  readonly more: boolean;
  /** Low 32 bits of the id of the first event. */
  readonly firstEvent: number;
  readonly sentAt: U64;
  /** Bit n−1: pointer button n is down. */
  readonly buttons: number;
  readonly sequence: number;
  /** At most 32. */
  readonly pressed: readonly number[];
  /** At most 64. */
  readonly events: readonly Aged<InputEvent>[];
  /** Those that are plugged in, at most 4. */
  readonly pads: readonly Pad[];
  /** Bit n: finger n is on the screen. */
  readonly contacts: number;
};

/** How many of `events` fit a datagram with so many keys down and pads plugged in. */
export function fittingEvents(pressed: number, pads: number, events: Iterable<InputEvent>): number {
  let left = INPUT_BYTES_MAX - HEADER_BYTES - 2 * pressed - 1 - PAD_BYTES * pads - CONTACTS_BYTES;
  let count = 0;
  for (const event of events) {
    left -= EVENT_HEADER_BYTES + bodyBytes(event);
    if (left < 0 || count === INPUT_EVENTS_MAX) break;
    count += 1;
  }
  return count;
}

/** Throws on more events or keys than fit: the sender never has them. */
export function writeInput(input: Input): Uint8Array {
  if (input.events.length > INPUT_EVENTS_MAX || input.pressed.length > INPUT_PRESSED_MAX) {
    throw new RangeError('invariant: an input datagram has at most 64 events and 32 keys');
  }
  const { pads } = input;
  let length = HEADER_BYTES + 2 * input.pressed.length;
  if (pads.length > 0) length += 1 + PAD_BYTES * pads.length;
  if (input.contacts !== 0) length += CONTACTS_BYTES;
  for (const event of input.events) length += EVENT_HEADER_BYTES + bodyBytes(event);
  const out = new Uint8Array(length);
  const view = viewOf(out);
  out[0] = firstByte(Kind.input);
  out[1] = Number(input.focused) | (Number(input.more) << 1) | (Number(pads.length > 0) << 2) | (Number(input.contacts !== 0) << 3);
  out[2] = input.events.length;
  out[3] = input.pressed.length;
  view.setUint32(4, input.firstEvent);
  writeU64(view, 8, input.sentAt);
  view.setUint16(16, input.buttons);
  view.setUint16(18, input.sequence);
  let at = HEADER_BYTES;
  for (const code of input.pressed) {
    view.setUint16(at, code);
    at += 2;
  }
  for (const event of input.events) at = writeEvent(view, at, event);
  if (pads.length > 0) {
    view.setUint8(at, pads.length);
    pads.forEach((pad, n) => writePad(view, at + 1 + PAD_BYTES * n, pad));
  }
  if (input.contacts !== 0) view.setUint16(length - CONTACTS_BYTES, input.contacts);
  return out;
}

/** Reads an input datagram, for tests and simulations: the client never receives one. */
export function parseInput(
  datagram: Uint8Array,
): (Omit<Input, 'sentAt' | 'events'> & { sentAt: number; events: Aged<InputEvent | UnknownEvent>[] }) | Malformed {
  const refused = refuse(datagram, Kind.input, HEADER_BYTES);
  if (refused !== null) return refused;
  const view = viewOf(datagram);
  const eventCount = view.getUint8(2);
  const pressedCount = view.getUint8(3);
  if (eventCount > INPUT_EVENTS_MAX || pressedCount > INPUT_PRESSED_MAX) return 'field';
  let at = HEADER_BYTES + 2 * pressedCount;
  if (datagram.length < at) return 'truncated';
  const pressed = Array.from({ length: pressedCount }, (_, n) => view.getUint16(HEADER_BYTES + 2 * n));
  const events: Aged<InputEvent | UnknownEvent>[] = [];
  for (let n = 0; n < eventCount; n += 1) {
    const event = readEvent(view, at);
    if (event === null) return 'truncated';
    events.push(event);
    at += EVENT_HEADER_BYTES + view.getUint8(at + 1);
  }
  const flags = view.getUint8(1);
  const pads: Pad[] = [];
  if ((flags & 4) !== 0) {
    if (at >= datagram.length) return 'truncated';
    const count = view.getUint8(at);
    if (count > PADS_MAX) return 'field';
    if (at + 1 + PAD_BYTES * count > datagram.length) return 'truncated';
    for (let n = 0; n < count; n += 1) pads.push(readPad(view, at + 1 + PAD_BYTES * n));
    at += 1 + PAD_BYTES * count;
  }
  if ((flags & 8) !== 0 && at + CONTACTS_BYTES > datagram.length) return 'truncated';
  return {
    focused: (flags & 1) !== 0,
    more: (flags & 2) !== 0,
    firstEvent: view.getUint32(4),
    sentAt: readU64(view, 8),
    buttons: view.getUint16(16),
    sequence: view.getUint16(18),
    pressed,
    events,
    pads,
    contacts: (flags & 8) === 0 ? 0 : view.getUint16(at),
  };
}

function writePad(view: DataView, at: number, pad: Pad): void {
  view.setUint8(at, pad.pad);
  view.setUint8(at + 1, Number(pad.plugged));
  pad.triggers.forEach((value, n) => view.setUint8(at + 2 + n, value));
  view.setUint32(at + 4, pad.buttons);
  pad.sticks.forEach((value, n) => view.setInt16(at + 8 + 2 * n, value));
}

function readPad(view: DataView, at: number): Pad {
  const pad = view.getUint8(at);
  if ((view.getUint8(at + 1) & 1) === 0) return restingPad(pad, false);
  return {
    pad,
    plugged: true,
    triggers: [view.getUint8(at + 2), view.getUint8(at + 3)],
    buttons: view.getUint32(at + 4) & PAD_BUTTONS,
    sticks: [0, 2, 4, 6].map((offset) => view.getInt16(at + 8 + offset)),
  };
}

/** A pad that nobody touches. */
export function restingPad(pad: number, plugged: boolean): Pad {
  return { pad, plugged, triggers: [0, 0], buttons: 0, sticks: [0, 0, 0, 0] };
}

export type InputAck = {
  /** Low 32 bits of the highest id up to which every event was injected or skipped. */
  readonly acknowledged: number;
  /** The host's clock at the last injection, microseconds. */
  readonly at: number;
  /** `sentAt` of the newest input datagram; 0: none in this attachment. */
  readonly echo: number;
};

export function parseInputAck(datagram: Uint8Array): InputAck | Malformed {
  const refused = refuse(datagram, Kind.inputAck, ACK_BYTES);
  if (refused !== null) return refused;
  const view = viewOf(datagram);
  return { acknowledged: view.getUint32(4), at: readU64(view, 8), echo: readU64(view, 16) };
}

/** An acknowledgement, for tests and simulations. */
export function writeInputAck(ack: { readonly acknowledged: number; readonly at: U64; readonly echo: U64 }): Uint8Array {
  const out = new Uint8Array(ACK_BYTES);
  const view = viewOf(out);
  out[0] = firstByte(Kind.inputAck);
  view.setUint32(4, ack.acknowledged);
  writeU64(view, 8, ack.at);
  writeU64(view, 16, ack.echo);
  return out;
}

function writeEvent(view: DataView, at: number, event: Aged<InputEvent>): number {
  const { code } = CODES[event.type];
  const bytes = bodyBytes(event);
  view.setUint8(at, code);
  view.setUint8(at + 1, bytes);
  view.setUint32(at + 2, event.age);
  const body = at + EVENT_HEADER_BYTES;
  switch (event.type) {
    case 'keyDown':
    case 'keyUp':
      view.setUint16(body, event.code);
      break;
    case 'buttonDown':
    case 'buttonUp':
      view.setUint8(body, event.button);
      break;
    case 'moveTo':
      view.setUint16(body, event.x);
      view.setUint16(body + 2, event.y);
      break;
    case 'moveBy':
    case 'wheel':
      view.setInt16(body, event.dx);
      view.setInt16(body + 2, event.dy);
      break;
    case 'pad':
      writePad(view, body, event.state);
      break;
    case 'touch':
      view.setUint8(body, event.contact);
      view.setUint8(body + 1, TOUCH_PHASES.indexOf(event.phase));
      view.setUint16(body + 2, event.x);
      view.setUint16(body + 4, event.y);
      break;
    case 'text':
      utf8.encode(event.text).forEach((byte, n) => view.setUint8(body + n, byte));
      break;
  }
  return body + bytes;
}

/** null when it is cut, or its body is shorter than its type asks for. */
function readEvent(view: DataView, at: number): Aged<InputEvent | UnknownEvent> | null {
  const body = at + EVENT_HEADER_BYTES;
  if (body > view.byteLength) return null;
  const code = view.getUint8(at);
  const bytes = view.getUint8(at + 1);
  const age = view.getUint32(at + 2);
  const type = TYPES.find((known) => CODES[known].code === code);
  if (body + bytes > view.byteLength || (type !== undefined && bytes < CODES[type].bytes)) return null;
  switch (type) {
    case 'keyDown':
    case 'keyUp':
      return { type, age, code: view.getUint16(body) };
    case 'buttonDown':
    case 'buttonUp':
      return { type, age, button: view.getUint8(body) };
    case 'moveTo':
      return { type, age, x: view.getUint16(body), y: view.getUint16(body + 2) };
    case 'moveBy':
    case 'wheel':
      return { type, age, dx: view.getInt16(body), dy: view.getInt16(body + 2) };
    case 'pad':
      return { type, age, state: readPad(view, body) };
    case 'touch': {
      const phase = TOUCH_PHASES[view.getUint8(body + 1)];
      if (phase === undefined) return { type: code, age };
      return { type, age, contact: view.getUint8(body), phase, x: view.getUint16(body + 2), y: view.getUint16(body + 4) };
    }
    case 'text': {
      const text = readText(new Uint8Array(view.buffer, view.byteOffset + body, bytes));
      return text === null ? { type: code, age } : { type, age, text };
    }
    case undefined:
      return { type: code, age };
  }
}

function bodyBytes(event: InputEvent): number {
  return event.type === 'text' ? utf8.encode(event.text).length : CODES[event.type].bytes;
}

/** null when it is no text, or longer than an event carries. */
function readText(bytes: Uint8Array): string | null {
  if (bytes.length === 0 || bytes.length > TEXT_BYTES_MAX) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const utf8 = new TextEncoder();

const CODES = {
  keyDown: { code: 1, bytes: 2 },
  keyUp: { code: 2, bytes: 2 },
  buttonDown: { code: 3, bytes: 1 },
  buttonUp: { code: 4, bytes: 1 },
  moveTo: { code: 5, bytes: 4 },
  moveBy: { code: 6, bytes: 4 },
  wheel: { code: 7, bytes: 4 },
  pad: { code: 8, bytes: PAD_BYTES },
  touch: { code: 9, bytes: 6 },
  text: { code: 10, bytes: 0 },
} as const;

const TYPES = ['keyDown', 'keyUp', 'buttonDown', 'buttonUp', 'moveTo', 'moveBy', 'wheel', 'pad', 'touch', 'text'] as const;
