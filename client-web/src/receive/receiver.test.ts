import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Feedback, type MediaHeader, Kind, low32, mediaHeader, parseFeedback, writeAudioUnit, writeMedia, writeVideoUnit } from '../wire';
import { Receiver } from './receiver';

const ms = (n: number) => Math.round(n * 1000);

/** A sender of small access units, and what it would repeat. */
class Source {
  seq = 0;
  sent = new Map<string, { header: Partial<MediaHeader>; payload: Uint8Array }>();

  packet(now: number, header: Partial<MediaHeader>, payload: Uint8Array): Uint8Array {
    this.seq += 1;
    return writeMedia(
      { ...mediaHeader(), ...header, packetSeq: low32(this.seq), sentAt: now, frame: low32(header.frame ?? 0), reference: low32(header.reference ?? 0) },
      payload,
    );
  }

  /** `units` units of `fragments` fragments of 4 bytes. */
  accessUnit(now: number, frame: number, with_: Partial<MediaHeader> = {}, units = 1, fragments = 3): Uint8Array[] {
    const reference = with_.idr === true ? frame : frame - 1;
    const out: Uint8Array[] = [];
    for (let unit = 0; unit < units; unit += 1) {
      const bytes = writeVideoUnit({ trace: null, nals: new Uint8Array(4 * fragments - 1).fill(frame % 251) });
      for (let fragment = 0; fragment < fragments; fragment += 1) {
        const header = { reference, capturedAt: frame, ...with_, frame, unit, fragment, fragments, lastUnit: unit === units - 1 };
        const payload = bytes.subarray(4 * fragment, 4 * fragment + 4);
        this.sent.set(`${low32(frame)}/${unit}/${fragment}`, { header, payload });
        out.push(this.packet(now, header, payload));
      }
    }
    return out;
  }

  repeats(now: number, nacks: Feedback['nacks']): Uint8Array[] {
    return nacks.flatMap(({ frame, unit, fragment }) =>
      [...this.sent]
        .filter(([key]) => {
          const [f, u, g] = key.split('/').map(Number);
          return f === frame && (unit === 255 || (u === unit && (fragment === 65535 || fragment === g)));
        })
        .map(([, { header, payload }]) => this.packet(now, { ...header, repeat: true }, payload)),
    );
  }
}

function feedback(receiver: Receiver, now: number) {
  const datagram = receiver.pollFeedback(now);
  if (datagram === null) return null;
  const parsed = parseFeedback(datagram);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

const frames = (receiver: Receiver): number[] => {
  const out: number[] = [];
  for (let unit = receiver.pollAccessUnit(); unit !== null; unit = receiver.pollAccessUnit()) out.push(low32(unit.frame));
  return out;
};

function started() {
  const receiver = new Receiver();
  const source = new Source();
  receiver.rtt = ms(20);
  const take = (now: number, packets: Uint8Array[]) => packets.forEach((packet) => receiver.handleDatagram(now, packet));
  take(ms(0), source.accessUnit(0, 1, { idr: true }));
  return { receiver, source, take };
}

describe('delivery', () => {
  it('joins the units of an access unit without their traces', () => {
    const receiver = new Receiver();
    const source = new Source();
    const packets = source.accessUnit(5, 7, { idr: true }, 3, 4);
    for (const packet of packets.reverse()) receiver.handleDatagram(9, packet);
    const unit = receiver.pollAccessUnit();
    expect(unit).toMatchObject({ idr: true, capturedAt: 7, sentAt: 5, arrivedAt: 9, skipped: 0, trace: null });
    expect(unit?.nals).toEqual(new Uint8Array(45).fill(7));
  });

  it('reads a trace that is cut into fragments', () => {
    const receiver = new Receiver();
    const trace = { input: 1, sinceInput: 2, inject: 3, capture: 4, convert: 5, encode: 6, packetize: 7, width: 1280, height: 720, qp: 9 };
    const bytes = writeVideoUnit({ trace, nals: new Uint8Array(10) });
    for (let fragment = 0; fragment * 5 < bytes.length; fragment += 1) {
      const header = { ...mediaHeader(), packetSeq: fragment + 1, frame: 1, reference: 1, idr: true, lastUnit: true, fragment, fragments: 9 };
      receiver.handleDatagram(1, writeMedia(header, bytes.subarray(5 * fragment, 5 * fragment + 5)));
    }
    expect(receiver.pollAccessUnit()).toMatchObject({ trace, nals: new Uint8Array(10) });
  });

  it('holds what predicts from something missing, and hands it on in order when that is repaired', () => {
    const { receiver, source, take } = started();
    const lost = source.accessUnit(ms(16), 2);
    take(ms(16), [lost[0]!, lost[2]!]);
    take(ms(33), source.accessUnit(ms(33), 3));
    expect(frames(receiver)).toEqual([1]);
    take(ms(60), source.repeats(ms(60), [{ frame: 2, unit: 0, track: 0, fragment: 1 }]));
    expect(frames(receiver)).toEqual([2, 3]);
    expect(receiver.counts.packets.repeated).toBe(1);
  });

  it('passes over what is missing when a recovery arrives, and counts lost, late and dropped apart', () => {
    const { receiver, source, take } = started();
    take(ms(16), source.accessUnit(ms(16), 2).slice(1));
    take(ms(33), source.accessUnit(ms(33), 3));
    take(ms(50), source.accessUnit(ms(50), 4, { recovery: true, reference: 1 }));
    expect(frames(receiver)).toEqual([1, 4]);
    expect(receiver.counts.frames).toMatchObject({ lost: 1, dropped: 1, late: 0 });
    take(ms(60), source.repeats(ms(60), [{ frame: 2, unit: 0, track: 0, fragment: 0 }]));
    expect(receiver.counts.frames).toMatchObject({ lost: 1, dropped: 1, late: 1 });
    expect(frames(receiver)).toEqual([]);
  });

  it('starts with an IDR only, and again after the decoder broke', () => {
    const receiver = new Receiver();
    const source = new Source();
    const take = (frame: number, with_?: Partial<MediaHeader>) =>
      source.accessUnit(ms(frame), frame, with_).forEach((packet) => receiver.handleDatagram(ms(frame), packet));
    take(5);
    expect(frames(receiver)).toEqual([]);
    take(6, { idr: true });
    take(7);
    expect(frames(receiver)).toEqual([6, 7]);
    receiver.decoderBroke(ms(300), 1);
    expect(receiver.want).toBe('idr');
    take(8);
    expect(frames(receiver)).toEqual([]);
    take(9, { idr: true });
    expect(frames(receiver)).toEqual([9]);
    expect(receiver.want).toBe('nothing');
  });

  it('refuses fragments that contradict each other', () => {
    const { receiver, source } = started();
    source.accessUnit(ms(1), 2);
    receiver.handleDatagram(ms(1), source.packet(1, { frame: 2, reference: 1, fragments: 3, lastUnit: true, capturedAt: 2 }, new Uint8Array(4)));
    for (const wrong of [{ fragments: 4 }, { reference: 0 }, { idr: true }, { capturedAt: 9 }, { lastUnit: false }]) {
      const header = { frame: 2, reference: 1, fragment: 1, fragments: 3, lastUnit: true, capturedAt: 2, ...wrong };
      receiver.handleDatagram(ms(2), source.packet(2, header, new Uint8Array(4)));
    }
    expect(receiver.counts.packets.malformed).toBe(5);
  });
});

describe('asking', () => {
  it('asks for a lost fragment after the guard, and again after a round trip', () => {
    const { receiver, source, take } = started();
    const lost = source.accessUnit(ms(16), 2);
    take(ms(16), [lost[0]!, lost[2]!]);
    feedback(receiver, ms(16));
    receiver.handleTimeout(ms(18.9));
    expect(feedback(receiver, ms(18.9))).toBeNull();
    expect(receiver.pollTimeout(ms(18.9))).toBe(ms(19));
    receiver.handleTimeout(ms(19));
    expect(feedback(receiver, ms(19))?.nacks).toEqual([{ frame: 2, unit: 0, track: 0, fragment: 1 }]);
    receiver.handleTimeout(ms(39));
    expect(feedback(receiver, ms(39))?.nacks).toEqual([]);
    receiver.handleTimeout(ms(48.9));
    expect(feedback(receiver, ms(48.9))).toBeNull();
    receiver.handleTimeout(ms(49));
    expect(feedback(receiver, ms(49))?.nacks).toHaveLength(1);
  });

  it('asks for whole units and whole access units', () => {
    const { receiver, source, take } = started();
    take(ms(16), source.accessUnit(ms(16), 2, {}, 3).slice(0, 3));
    source.accessUnit(ms(33), 3);
    take(ms(50), source.accessUnit(ms(50), 4));
    receiver.handleTimeout(ms(53));
    expect(feedback(receiver, ms(53))?.nacks).toEqual([
      { frame: 2, unit: 1, track: 0, fragment: 65535 },
      { frame: 3, unit: 255, track: 0, fragment: 65535 },
    ]);
  });

  it('asks for a lost tail after 20 ms, or after padding', () => {
    const first = started();
    first.take(ms(16), first.source.accessUnit(ms(16), 2).slice(0, 2));
    first.receiver.handleTimeout(ms(36));
    expect(feedback(first.receiver, ms(36))?.nacks).toEqual([{ frame: 2, unit: 0, track: 0, fragment: 2 }]);

    const second = started();
    second.source.accessUnit(ms(16), 2);
    second.take(ms(17), [second.source.packet(ms(17), { kind: Kind.padding, frame: 2 }, new Uint8Array(9))]);
    second.receiver.handleTimeout(ms(20));
    expect(feedback(second.receiver, ms(20))?.nacks).toEqual([{ frame: 2, unit: 255, track: 0, fragment: 65535 }]);
  });

  it('learns to wait where packets overtake each other', () => {
    const { receiver, source, take } = started();
    const late = source.accessUnit(ms(16), 2);
    take(ms(16), [late[0]!, late[2]!]);
    receiver.handleTimeout(ms(19));
    take(ms(24), [late[1]!]);
    const again = source.accessUnit(ms(33), 3);
    take(ms(33), [again[0]!, again[2]!]);
    feedback(receiver, ms(33));
    receiver.handleTimeout(ms(42.9));
    expect(feedback(receiver, ms(42.9))).toBeNull();
    receiver.handleTimeout(ms(43));
    expect(feedback(receiver, ms(43))?.nacks).toHaveLength(1);
  });
});

describe('wanting', () => {
  it('wants a recovery when an access unit is given up, and nothing while one arrives', () => {
    const { receiver, source, take } = started();
    take(ms(16), source.accessUnit(ms(16), 2).slice(1));
    take(ms(33), source.accessUnit(ms(33), 3));
    receiver.handleTimeout(ms(33));
    receiver.handleTimeout(ms(112));
    expect(receiver.want).toBe('nothing');
    receiver.handleTimeout(ms(113));
    expect(receiver.want).toBe('recovery');
    expect(feedback(receiver, ms(113))).toMatchObject({ wantRecovery: true, wantIdr: false });
    const recovery = source.accessUnit(ms(130), 4, { recovery: true, reference: 1 });
    take(ms(130), recovery.slice(0, 1));
    expect(receiver.want).toBe('nothing');
    take(ms(131), recovery.slice(1));
    expect(frames(receiver)).toEqual([1, 4]);
  });

  it('wants an IDR when a recovery did not help, or cannot', () => {
    const { receiver, source, take } = started();
    take(ms(16), source.accessUnit(ms(16), 2).slice(1));
    take(ms(33), source.accessUnit(ms(33), 3));
    receiver.handleTimeout(ms(33));
    receiver.handleTimeout(ms(113));
    receiver.handleTimeout(ms(652));
    expect(receiver.want).toBe('recovery');
    receiver.handleTimeout(ms(653));
    expect(receiver.want).toBe('idr');
    const other = started();
    other.receiver.decoderDoesNotFollow(ms(300));
    expect(other.receiver.want).toBe('idr');
  });

  it('gives up at once what was lost before a silence', () => {
    const { receiver, source, take } = started();
    for (let frame = 2; frame < 12; frame += 1) source.accessUnit(ms(16 * frame), frame);
    take(ms(2000), source.accessUnit(ms(2000), 12));
    receiver.handleTimeout(ms(2003));
    expect(receiver.want).toBe('recovery');
    expect(feedback(receiver, ms(2003))?.nacks).toEqual([]);
  });
});

describe('feedback', () => {
  it('says what was decoded', () => {
    const { receiver } = started();
    for (const frame of [1, 2, 3, 5, 4]) receiver.onDecoded(frame, 2);
    expect(feedback(receiver, ms(20))).toMatchObject({ decoded: 5, decodedSet: 0b1111, decodeQueue: 2 });
    receiver.onDecoded(37, 0);
    expect(feedback(receiver, ms(40))).toMatchObject({ decoded: 37, decodedSet: 0x8000_0000 });
    receiver.onDecoded(70, 0);
    expect(feedback(receiver, ms(60))).toMatchObject({ decoded: 70, decodedSet: 0 });
  });

  it('is due every 10 ms while packets come, then twice more', () => {
    const { receiver, source, take } = started();
    expect(feedback(receiver, ms(0))).toMatchObject({ baseSeq: 1, baseTime: 0 });
    take(ms(5), source.accessUnit(ms(5), 2));
    expect(feedback(receiver, ms(9))).toBeNull();
    for (const at of [10, 20, 30]) expect(feedback(receiver, ms(at)), `at ${at}`).not.toBeNull();
    expect(receiver.pollTimeout(ms(30))).toBeNull();
    expect(feedback(receiver, ms(500))).toBeNull();
  });

  it('counts a packet as lost when ten more reports have gone', () => {
    const { receiver, source, take } = started();
    source.accessUnit(ms(1), 2);
    for (let n = 0; n < 12; n += 1) {
      take(ms(20 * n), source.accessUnit(ms(20 * n), 3 + n));
      feedback(receiver, ms(20 * n));
    }
    expect(receiver.counts.packets.lost).toBe(3);
  });

  it('tells arrivals after a silence by their own base', () => {
    const { receiver, source, take } = started();
    feedback(receiver, ms(0));
    take(ms(9000), source.accessUnit(ms(9000), 2));
    const report = feedback(receiver, ms(9000));
    expect(report).toMatchObject({ baseSeq: 4, baseTime: ms(9000), arrivals: [0, 0, 0] });
  });
});

it('what does not follow silence was not lost', () => {
  const source = new Source();
  const receiver = new Receiver();
  const audio = (seq: number, frame: number, still: boolean): void =>
    receiver.handleDatagram(1, source.packet(seq, { kind: Kind.audio, track: 1, frame, reference: frame, capturedAt: 10_000 * frame, lastUnit: true, still }, writeAudioUnit({ primary: Uint8Array.of(frame & 255), previous: new Uint8Array() })));
  audio(1, 1, false);
  audio(2, 2, true);
  audio(3, 42, true);
  audio(4, 60, false);
  audio(5, 62, false);
  const got = [];
  for (let packet = receiver.pollAudio(); packet !== null; packet = receiver.pollAudio()) got.push([low32(packet.frame), packet.silent]);
  expect(got).toEqual([[1, false], [2, true], [42, true], [60, false], [62, false]]);
  expect(receiver.audio.counts.lost).toBe(1);
});

it('audio comes once each, the copy where the packet itself was lost', () => {
  const receiver = new Receiver();
  const source = new Source();
  const take = (frame: number) =>
    receiver.handleDatagram(1, source.packet(1, { kind: Kind.audio, track: 1, frame, reference: frame, capturedAt: 10_000 * frame, lastUnit: true }, writeAudioUnit({ primary: Uint8Array.of(frame), previous: Uint8Array.of(frame - 1) })));
  for (const frame of [5, 7, 6, 10]) take(frame);
  const heard: number[] = [];
  for (let packet = receiver.pollAudio(); packet !== null; packet = receiver.pollAudio()) heard.push(packet.opus[0] ?? -1);
  expect(heard).toEqual([5, 6, 7, 9, 10]);
  expect(receiver.audio.counts).toMatchObject({ recovered: 2, late: 1, lost: 1 });
});

describe('over a simulated network', () => {
  type Conditions = { seed: number; loss: number; jitter: number; outage: boolean; first: number };

  /** Runs `count` frames at 60 fps both ways over the network; checks what was delivered. */
  function run({ seed, loss, jitter, outage, first }: Conditions, count = 240) {
    let state = seed | 1;
    const random = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32);
    const receiver = new Receiver();
    receiver.rtt = ms(30);
    const source = new Source();
    const events: { at: number; seq: number; run: () => void }[] = [];
    let made = 0;
    let now = 0;
    const at = (time: number, run: () => void) => events.push({ at: time, seq: (made += 1), run });
    const down = (time: number) => outage && time > ms(1000) && time < ms(2000);
    const travel = (time: number, lossy: boolean, run: () => void) => {
      if (!down(time) && !(lossy && random() < loss)) at(time + ms(15) + Math.round(random() * jitter), run);
    };
    const good = new Set<number>();
    const delivered: number[] = [];
    let longest = 0;
    let lastAt = 0;
    let acknowledged = 0;
    let wanted: 'nothing' | 'recovery' | 'idr' = 'nothing';
    let askedAt = -Infinity;
    const onFeedback = (datagram: Uint8Array) => {
      const report = parseFeedback(datagram);
      if (typeof report === 'string') throw new Error(report);
      if (report.decoded !== 0) acknowledged = first + ((report.decoded - low32(first)) | 0);
      source.repeats(now, report.nacks).forEach((packet) => travel(now, true, () => onPacket(packet)));
      wanted = report.wantIdr ? 'idr' : report.wantRecovery ? 'recovery' : 'nothing';
    };
    const onPacket = (packet: Uint8Array) => {
      receiver.handleDatagram(now, packet);
      drain();
    };
    let timer = Infinity;
    const drain = () => {
      for (let unit = receiver.pollAccessUnit(); unit !== null; unit = receiver.pollAccessUnit()) {
        const header = source.sent.get(`${low32(unit.frame)}/0/0`)?.header;
        const frame = header?.frame ?? -1;
        expect(header?.idr === true || good.has(header?.reference ?? -1), `${frame} has its reference`).toBe(true);
        expect(frame).toBeGreaterThan(delivered.at(-1) ?? -1);
        if (unit.idr) good.clear();
        good.add(frame);
        delivered.push(frame);
        longest = Math.max(longest, now - lastAt);
        lastAt = now;
        receiver.onDecoded(unit.frame, 0);
      }
      for (let datagram = receiver.pollFeedback(now); datagram !== null; datagram = receiver.pollFeedback(now)) {
        const sent = datagram;
        travel(now, true, () => onFeedback(sent));
      }
      timer = receiver.pollTimeout(now) ?? Infinity;
    };
    for (let n = 0; n < count; n += 1) {
      at(Math.round((n * 1e6) / 60), () => {
        const frame = first + n;
        const ask = now - askedAt > ms(47) ? wanted : 'nothing';
        const idr = n === 0 || ask === 'idr' || (ask === 'recovery' && frame - acknowledged > 15);
        const recovery = !idr && ask === 'recovery';
        if (idr || recovery) askedAt = now;
        const reference = idr ? frame : recovery ? acknowledged : frame - 1;
        source
          .accessUnit(now, frame, { idr, recovery, reference }, 2, 4)
          .forEach((packet) => travel(now, true, () => onPacket(packet)));
      });
    }
    let steps = 0;
    const end = (count * 1e6) / 60 + ms(3000);
    while (now < end && (events.length > 0 || timer < end)) {
      if ((steps += 1) > 200_000) throw new Error('a busy loop');
      events.sort((a, b) => a.at - b.at || a.seq - b.seq);
      const next = events[0];
      if (next === undefined || timer < next.at) {
        now = Math.max(now, timer);
        receiver.handleTimeout(now);
        drain();
      } else {
        events.shift();
        now = next.at;
        next.run();
      }
    }
    return { delivered, longest: longest / 1000, counts: receiver.counts, steps };
  }

  it('everything arrives over a clean link', () => {
    const { delivered, counts, longest } = run({ seed: 1, loss: 0, jitter: 0, outage: false, first: 1 });
    expect(delivered).toHaveLength(240);
    expect(counts.packets).toMatchObject({ lost: 0, duplicate: 0, malformed: 0, repeated: 0 });
    expect(longest).toBeLessThan(17);
  });

  it('5 % loss is repaired with hardly a frame lost', () => {
    const { delivered, longest } = run({ seed: 2, loss: 0.05, jitter: 0, outage: false, first: 1 });
    expect(delivered.length).toBeGreaterThan(220);
    expect(longest).toBeLessThan(250);
  });

  it('reordering costs nothing', () => {
    const { delivered, counts } = run({ seed: 3, loss: 0, jitter: ms(8), outage: false, first: 1 });
    expect(delivered).toHaveLength(240);
    expect(counts.frames).toMatchObject({ lost: 0, dropped: 0 });
  });

  it('an outage of a second ends when the network is back', () => {
    const { delivered, longest } = run({ seed: 4, loss: 0.01, jitter: ms(2), outage: true, first: 1 });
    expect(longest).toBeLessThan(1250);
    expect(delivered.at(-1)).toBe(240);
  });

  it('frame ids wrap', () => {
    const { delivered } = run({ seed: 5, loss: 0.02, jitter: ms(2), outage: false, first: 2 ** 32 - 100 });
    expect(delivered.at(-1)).toBe(2 ** 32 + 139);
    expect(delivered.length).toBeGreaterThan(220);
  });

  it('whatever the network does, nothing damaged is delivered and it comes back', () => {
    const conditions = fc.record({
      seed: fc.nat(),
      // A fifth each way: past that nearly every access unit of eight packets loses some, and its repeats too.
      loss: fc.double({ min: 0, max: 0.2, noNaN: true }),
      jitter: fc.nat(ms(40)),
      outage: fc.boolean(),
      first: fc.constantFrom(1, 2 ** 32 - 60),
    });
    fc.assert(
      fc.property(conditions, (where) => {
        // Two seconds after the outage.
        const { delivered } = run(where, 240);
        expect(delivered.length).toBeGreaterThan(10);
        expect(delivered.at(-1) ?? 0).toBeGreaterThan(where.first + 120);
      }),
      { numRuns: 10 },
    );
  });

  it('random and mutated datagrams neither throw nor grow without bound', () => {
    const bytes = fc.uint8Array({ minLength: 40, maxLength: 60 });
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 40 }), (datagrams) => {
        const receiver = new Receiver();
        datagrams.forEach((datagram, n) => {
          datagram[0] = 0x11 + (n % 3);
          receiver.handleDatagram(ms(n), datagram);
          frames(receiver);
          receiver.pollFeedback(ms(n));
          receiver.pollTimeout(ms(n));
        });
      }),
      { numRuns: 200 },
    );
  });
});
