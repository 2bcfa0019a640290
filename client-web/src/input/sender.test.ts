import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INPUT_BYTES_MAX, type InputEvent, isMalformed, type Pad, parseInput, restingPad, type TouchPhase } from '../wire';
import { InputSender } from './sender';

const ms = (n: number) => 1e15 + n * 1000;
const down = (code: number): InputEvent => ({ type: 'keyDown', code });
const up = (code: number): InputEvent => ({ type: 'keyUp', code });

function read(datagram: Uint8Array | null) {
  const input = datagram === null ? 'truncated' : parseInput(datagram);
  if (isMalformed(input)) throw new Error(`no datagram: ${input}`);
  return input;
}

function attached(acknowledged = 0): InputSender {
  const sender = new InputSender(0xffff);
  sender.attach();
  read(sender.pollTransmit(ms(0)));
  sender.handleAck(ms(0), { acknowledged, at: 1, echo: 0 });
  return sender;
}

describe('attaching', () => {
  it('asks where the numbering stands until it knows', () => {
    const sender = new InputSender(7);
    expect(sender.pollTimeout()).toBeNull();
    sender.attach();
    expect(read(sender.pollTransmit(ms(0)))).toMatchObject({ firstEvent: 0, events: [], pressed: [], sequence: 7 });
    sender.push(ms(1), down(30));
    expect(sender.pollTransmit(ms(49))).toBeNull();
    expect(read(sender.pollTransmit(ms(50)))).toMatchObject({ firstEvent: 0, events: [], pressed: [] });
    sender.handleAck(ms(51), { acknowledged: 41, at: 9, echo: 0 });
    expect(read(sender.pollTransmit(ms(51)))).toMatchObject({
      firstEvent: 42,
      events: [{ type: 'keyDown', code: 30, age: 50_000 }],
      pressed: [30],
    });
  });

  it('forgets what was pressed and unacknowledged', () => {
    const sender = attached();
    sender.push(ms(1), down(30));
    sender.attach();
    sender.handleAck(ms(2), { acknowledged: 5, at: 1, echo: 0 });
    expect(sender.pollTimeout()).toBeNull();
    expect(sender.unacknowledged).toBe(0);
  });
});

describe('sending', () => {
  it('repeats everything unacknowledged until it is acknowledged', () => {
    const sender = attached();
    sender.push(ms(1), down(30));
    sender.push(ms(2), up(30));
    expect(read(sender.pollTransmit(ms(2))).events).toHaveLength(2);
    expect(sender.pollTimeout()).toEqual({ at: ms(22), reason: 'repeat' });
    expect(sender.handleAck(ms(10), { acknowledged: 1, at: 1, echo: ms(2) })).toEqual([9000]);
    expect(read(sender.pollTransmit(ms(22)))).toMatchObject({ firstEvent: 2, events: [{ type: 'keyUp', code: 30 }] });
    sender.handleAck(ms(30), { acknowledged: 2, at: 1, echo: ms(22) });
    expect(sender.pollTimeout()).toBeNull();
  });

  it('beats while something is held', () => {
    const sender = attached();
    sender.push(ms(1), { type: 'buttonDown', button: 3 });
    sender.pollTransmit(ms(1));
    sender.handleAck(ms(2), { acknowledged: 1, at: 1, echo: ms(1) });
    expect(sender.pollTimeout()).toEqual({ at: ms(51), reason: 'beat' });
    expect(read(sender.pollTransmit(ms(51)))).toMatchObject({ buttons: 4, events: [] });
  });

  it('merges moves that were not sent, and sends them at once before a press', () => {
    const sender = attached();
    sender.pollTransmit(ms(0));
    sender.push(ms(1), { type: 'moveBy', dx: 1, dy: -2 });
    sender.push(ms(1), { type: 'moveBy', dx: 3, dy: 4 });
    expect(sender.pollTimeout()).toEqual({ at: ms(2), reason: 'fresh' });
    sender.push(ms(1), { type: 'buttonDown', button: 1 });
    expect(sender.pollTimeout()).toEqual({ at: 0, reason: 'fresh' });
    expect(read(sender.pollTransmit(ms(1))).events).toEqual([
      { type: 'moveBy', dx: 4, dy: 2, age: 0 },
      { type: 'buttonDown', button: 1, age: 0 },
    ]);
    sender.push(ms(2), { type: 'moveBy', dx: 9, dy: 9 });
    expect(read(sender.pollTransmit(ms(3))).events).toHaveLength(3);
  });

  it('never presses what is down nor releases what is up', () => {
    const sender = attached();
    expect([sender.push(ms(1), up(30)), sender.push(ms(1), down(30)), sender.push(ms(1), down(30))]).toEqual([
      false,
      true,
      false,
    ]);
    expect(sender.push(ms(1), down(0))).toBe(false);
    expect(sender.push(ms(1), { type: 'buttonDown', button: 17 })).toBe(false);
    expect(sender.stats.refused).toBe(4);
  });

  it('says without an event that everything is up when the focus goes', () => {
    const sender = attached();
    sender.push(ms(1), down(30));
    sender.pollTransmit(ms(1));
    sender.handleAck(ms(2), { acknowledged: 1, at: 1, echo: ms(1) });
    sender.setFocused(false);
    expect(read(sender.pollTransmit(ms(3)))).toMatchObject({ focused: false, pressed: [], events: [] });
    expect(sender.push(ms(4), down(31))).toBe(false);
    expect(sender.pollTimeout()).toEqual({ at: ms(23), reason: 'repeat' });
    sender.handleAck(ms(5), { acknowledged: 1, at: 1, echo: ms(3) });
    expect(sender.pollTimeout()).toBeNull();
  });

  it('releases everything on demand', () => {
    const sender = attached();
    sender.push(ms(1), down(30));
    sender.push(ms(1), { type: 'buttonDown', button: 1 });
    sender.releaseAll();
    expect(read(sender.pollTransmit(ms(1)))).toMatchObject({ focused: true, pressed: [], buttons: 0 });
  });

  it('ignores an acknowledgement of what was not sent', () => {
    const sender = attached();
    sender.push(ms(1), down(30));
    sender.pollTransmit(ms(1));
    sender.handleAck(ms(2), { acknowledged: 99, at: 1, echo: 0 });
    expect([sender.unacknowledged, sender.stats.forged]).toEqual([1, 1]);
  });

  it('knows when an event happened, before and after its acknowledgement, over the wrap of ids', () => {
    const sender = attached(0xffff_fffe);
    sender.push(ms(1), down(30));
    sender.push(ms(2), up(30));
    sender.pollTransmit(ms(2));
    expect([sender.happenedAt(0xffff_ffff), sender.happenedAt(0), sender.happenedAt(1)]).toEqual([ms(1), ms(2), null]);
    sender.handleAck(ms(3), { acknowledged: 0, at: 1, echo: ms(2) });
    expect([sender.happenedAt(0xffff_ffff), sender.happenedAt(0)]).toEqual([ms(1), ms(2)]);
  });
});

describe('gamepads', () => {
  const pad = (buttons: number, x = 0): Pad => ({ pad: 1, plugged: true, triggers: [0, 0], buttons, sticks: [x, 0, 0, 0] });
  const told = (state: Pad): InputEvent => ({ type: 'pad', state });

  it('merges what only moves, and never past a press', () => {
    const sender = attached();
    sender.push(ms(1), told(pad(0)));
    for (const state of [pad(0, 5), pad(0, 9), pad(1, 9), pad(1, 7), pad(1, 8), pad(0, 8)]) sender.push(ms(1), told(state));
    expect(sender.push(ms(1), told(pad(0, 8)))).toBe(false);
    const { events, pads } = read(sender.pollTransmit(ms(1)));
    const states = events.map((event) => ('state' in event ? [event.state.buttons, event.state.sticks[0]] : []));
    expect(states).toEqual([[0, 0], [0, 9], [1, 9], [1, 8], [0, 8]]);
    expect(pads).toEqual([pad(0, 8)]);
  });

  it('beats while one is not at rest, and no longer', () => {
    const sender = attached();
    sender.push(ms(1), told(pad(0, 100)));
    sender.pollTransmit(ms(1));
    sender.handleAck(ms(2), { acknowledged: 1, at: 1, echo: ms(1) });
    expect(sender.pollTimeout()).toEqual({ at: ms(51), reason: 'beat' });
    sender.push(ms(3), told(pad(0)));
    sender.pollTransmit(ms(3));
    sender.handleAck(ms(4), { acknowledged: 2, at: 1, echo: ms(3) });
    expect(sender.pollTimeout()).toBeNull();
  });

  it('holds nothing without the focus, and says what is there', () => {
    const sender = attached();
    sender.push(ms(1), told(pad(3, 100)));
    sender.pollTransmit(ms(1));
    sender.setFocused(false);
    expect(read(sender.pollTransmit(ms(2)))).toMatchObject({ focused: false, pads: [restingPad(1, true)] });
    expect(sender.push(ms(3), told(pad(1)))).toBe(false);
    expect(sender.push(ms(3), told(restingPad(2, true)))).toBe(true);
    expect(sender.push(ms(3), told(restingPad(1, false)))).toBe(true);
    expect(sender.pads).toEqual([restingPad(2, true)]);
    sender.releaseAll();
    expect(sender.pads).toHaveLength(1);
  });

  it('tells a new attachment what is plugged in, at rest until the numbering is known', () => {
    const sender = attached();
    sender.push(ms(1), told(pad(3, 100)));
    sender.attach();
    expect(read(sender.pollTransmit(ms(2)))).toMatchObject({ events: [], pads: [restingPad(1, true)], more: false });
    sender.handleAck(ms(3), { acknowledged: 7, at: 1, echo: 0 });
    const datagram = read(sender.pollTransmit(ms(3)));
    expect(datagram).toMatchObject({ firstEvent: 8, pads: [pad(3, 100)] });
    expect(datagram.events).toEqual([{ type: 'pad', state: pad(3, 100), age: 0 }]);
  });

  it('fits a datagram whatever waits, and says that there is more', () => {
    const sender = attached();
    for (let n = 0; n < 64; n += 1) sender.push(ms(n), told(pad(n % 2)));
    const datagram = sender.pollTransmit(ms(70));
    expect(datagram!.length).toBeLessThanOrEqual(INPUT_BYTES_MAX);
    const first = read(datagram);
    expect(first.more).toBe(true);
    expect(first.events.length).toBeGreaterThan(40);
    expect(sender.pollTimeout()).toEqual({ at: ms(90), reason: 'repeat' });
    sender.handleAck(ms(80), { acknowledged: first.events.length, at: 1, echo: ms(70) });
    expect(read(sender.pollTransmit(ms(80)))).toMatchObject({ more: false, firstEvent: first.events.length + 1 });
  });
});

it('a host that takes events in order sees every press once, whatever is lost', () => {
  const event = fc.oneof(
    fc.integer({ min: 1, max: 5 }).map(down),
    fc.integer({ min: 1, max: 5 }).map(up),
    fc.record({ type: fc.constant('moveTo' as const), x: fc.nat(65535), y: fc.nat(65535) }),
  );
  const step = fc.record({ event: fc.option(event), lost: fc.boolean(), ackLost: fc.boolean(), pause: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(0xffff_ffff), (steps, start) => {
      const sender = new InputSender(start & 0xffff);
      sender.attach();
      let acknowledged = start;
      let now = 0;
      const sent: InputEvent[] = [];
      const got: InputEvent[] = [];
      const exchange = (lost: boolean, ackLost: boolean) => {
        const datagram = sender.pollTransmit(ms(now));
        if (datagram === null || lost) return;
        const input = read(datagram);
        for (const [n, event] of input.events.entries()) {
          if (((input.firstEvent + n) >>> 0) !== ((acknowledged + 1) >>> 0)) continue;
          acknowledged = (acknowledged + 1) >>> 0;
          if (event.type === 'keyDown' || event.type === 'keyUp') got.push({ type: event.type, code: event.code });
        }
        if (!ackLost) sender.handleAck(ms(now), { acknowledged, at: 1, echo: input.sentAt });
      };
      for (const { event, lost, ackLost, pause } of steps) {
        if (event !== null && sender.push(ms(now), event) && event.type !== 'moveTo') sent.push(event);
        exchange(lost, ackLost);
        now += pause;
      }
      for (let n = 0; n < 4; n += 1, now += 50) exchange(false, false);
      expect(got).toEqual(sent);
      expect(sender.unacknowledged).toBe(0);
    }),
  );
});

describe('fingers', () => {
  const touch = (contact: number, phase: TouchPhase, x = 0): InputEvent => ({ type: 'touch', contact, phase, x, y: 0 });

  it('are in the state as long as they are on the screen, and silence is filled', () => {
    const sender = attached();
    sender.push(ms(1), touch(0, 'down'));
    sender.push(ms(1), touch(9, 'down'));
    expect(read(sender.pollTransmit(ms(1)))).toMatchObject({ contacts: 0b10_0000_0001 });
    sender.handleAck(ms(2), { acknowledged: 2, at: 1, echo: ms(1) });
    expect(sender.pollTimeout()).toEqual({ at: ms(51), reason: 'beat' });
    sender.push(ms(3), touch(0, 'up'));
    expect(read(sender.pollTransmit(ms(3))).contacts).toBe(0b10_0000_0000);
    sender.push(ms(4), touch(0, 'cancel'));
    expect(read(sender.pollTransmit(ms(4))).contacts).toBe(0);
  });

  it('that are not there do nothing', () => {
    const sender = attached();
    expect([touch(0, 'move'), touch(0, 'up'), touch(10, 'down'), touch(0, 'cancel')].map((event) => sender.push(ms(1), event))).toEqual([false, false, false, false]);
    sender.push(ms(1), touch(1, 'down'));
    expect(sender.push(ms(1), touch(1, 'down'))).toBe(false);
  });

  it('merge their moves each by itself, and never past a press', () => {
    const sender = attached();
    sender.push(ms(1), touch(0, 'down'));
    sender.push(ms(1), touch(1, 'down'));
    for (let x = 1; x <= 3; x += 1) {
      sender.push(ms(1), touch(0, 'move', x));
      sender.push(ms(1), touch(1, 'move', x * 10));
    }
    sender.push(ms(1), touch(1, 'up'));
    sender.push(ms(1), touch(0, 'move', 4));
    const { events } = read(sender.pollTransmit(ms(1)));
    expect(events.map((event) => 'x' in event && event.x)).toEqual([0, 0, 3, 30, 0, 4]);
  });

  it('are let go by the state when the page lets go', () => {
    const sender = attached();
    sender.push(ms(1), touch(0, 'down'));
    read(sender.pollTransmit(ms(1)));
    sender.releaseAll();
    expect(read(sender.pollTransmit(ms(2))).contacts).toBe(0);
    expect(sender.push(ms(3), touch(0, 'move'))).toBe(false);
  });
});
