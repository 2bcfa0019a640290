/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/restrict-plus-operands -- the vectors are JSON of any shape */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientMessageSchema } from '../gen/control_pb.js';
import * as wire from './index';
import { parseControl } from './control';

type Case = { name: string; hex: string; kind?: string; from?: string; parseOnly?: boolean; fields: any };

const vectors = (file: string): Case[] =>
  JSON.parse(readFileSync(new URL(`../../../transport/wire/vectors/${file}.json`, import.meta.url), 'utf8'));
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (data: Uint8Array) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
const parsed = <T>(result: T | wire.Malformed): T => {
  if (wire.isMalformed(result)) throw new Error(result);
  return result;
};

describe('the vectors shared with transport/wire', () => {
  for (const { name, hex: text, fields, parseOnly } of vectors('media')) {
    it(`media: ${name}`, () => {
      const { flags, payload, capturedAt, sentAt, kind, ...rest } = fields;
      const header = wire.mediaHeader();
      expect(wire.parseMedia(bytes(text), header)).toBeNull();
      const same = { ...flags, ...rest, kind: wire.Kind[kind as 'video'] };
      expect(header).toEqual({ ...same, sentAt: Number(sentAt), capturedAt: Number(capturedAt) });
      expect(hex(bytes(text).subarray(wire.MEDIA_HEADER_BYTES))).toBe(payload);
      if (parseOnly) return;
      const exact = { ...header, sentAt: BigInt(sentAt), capturedAt: BigInt(capturedAt) };
      expect(hex(wire.writeMedia(exact, bytes(payload)))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('video_unit')) {
    it(`video unit: ${name}`, () => {
      const unit = parsed(wire.parseVideoUnit(bytes(text)));
      expect(hex(unit.nals)).toBe(fields.nalUnits);
      expect(unit.trace).toEqual(fields.trace);
      if (!parseOnly) expect(hex(wire.writeVideoUnit(unit))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('audio_unit')) {
    it(`audio unit: ${name}`, () => {
      const unit = parsed(wire.parseAudioUnit(bytes(text)));
      expect({ primary: hex(unit.primary), previous: hex(unit.previous) }).toEqual(fields);
      if (!parseOnly) expect(hex(wire.writeAudioUnit(unit))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('clock_request')) {
    it(`clock request: ${name}`, () => {
      const request = parsed(wire.parseClockRequest(bytes(text)));
      expect(request).toEqual({ id: fields.id, t0: Number(fields.t0) });
      if (!parseOnly) expect(hex(wire.writeClockRequest({ id: fields.id, t0: BigInt(fields.t0) }))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('clock_reply')) {
    it(`clock reply: ${name}`, () => {
      const { id, t0, t1, t2 } = fields;
      const reply = parsed(wire.parseClockReply(bytes(text)));
      expect(reply).toEqual({ id, t0: Number(t0), t1: Number(t1), t2: Number(t2) });
      const exact = { id, t0: BigInt(t0), t1: BigInt(t1), t2: BigInt(t2) };
      if (!parseOnly) expect(hex(wire.writeClockReply(exact))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('input_ack')) {
    it(`input ack: ${name}`, () => {
      const { acknowledged, at, echo } = fields;
      const ack = parsed(wire.parseInputAck(bytes(text)));
      expect(ack).toEqual({ acknowledged, at: Number(at), echo: Number(echo) });
      if (!parseOnly) expect(hex(wire.writeInputAck({ acknowledged, at: BigInt(at), echo: BigInt(echo) }))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('input')) {
    it(`input: ${name}`, () => {
      const input = parsed(wire.parseInput(bytes(text)));
      const { sentAt, ...rest } = fields;
      expect(input).toEqual({ ...rest, sentAt: Number(sentAt) });
      if (!parseOnly) {
        expect(hex(wire.writeInput({ ...input, sentAt: BigInt(sentAt) } as wire.Input))).toBe(text);
      }
    });
  }

  for (const { name, hex: text, fields, parseOnly } of vectors('feedback')) {
    it(`feedback: ${name}`, () => {
      const { flags, arrivalsUs, baseTime, ...rest } = fields;
      const feedback = parsed(wire.parseFeedback(bytes(text)));
      const same = { ...flags, ...rest, arrivals: arrivalsUs };
      expect(feedback).toEqual({ ...same, baseTime: Number(baseTime) });
      if (!parseOnly) expect(hex(wire.writeFeedback({ ...feedback, baseTime: BigInt(baseTime) }))).toBe(text);
    });
  }

  for (const { name, hex: text, fields, from } of vectors('control')) {
    it(`control: ${name}`, () => {
      const messages = new wire.FrameDecoder().push(bytes(text));
      if (messages === 'oversized' || !messages[0]) throw new Error('no message');
      const message =
        from === 'server' ? parseControl(messages[0]) : fromBinary(ClientMessageSchema, messages[0]).message;
      if (message === 'malformed') throw new Error(message);
      const { case: name, ...some } = fields;
      expect(message.case).toBe(name ?? undefined);
      for (const [key, expected] of Object.entries(some)) {
        const value = (message.value as any)[key];
        const plain = value instanceof Uint8Array ? hex(value) : typeof value === 'bigint' ? String(value) : value;
        expect(plain ?? null, key).toEqual(expected);
      }
    });
  }

  for (const { name, hex: text, kind } of vectors('malformed')) {
    it(`malformed: ${name}`, () => {
      const readers = PARSERS.filter((parser) => kind === 'any' || parser.kind === kind);
      expect(readers.length).toBeGreaterThan(0);
      for (const { parse } of readers) expect(wire.isMalformed(parse(bytes(text)))).toBe(true);
    });
  }
});

const PARSERS = [
  { kind: 'media', parse: (datagram: Uint8Array) => wire.parseMedia(datagram, wire.mediaHeader()) },
  { kind: 'clock_request', parse: wire.parseClockRequest },
  { kind: 'clock_reply', parse: wire.parseClockReply },
  { kind: 'input_ack', parse: wire.parseInputAck },
  { kind: 'input', parse: wire.parseInput },
  { kind: 'feedback', parse: wire.parseFeedback },
];

describe('whatever the bytes', () => {
  const datagram = fc.uint8Array({ maxLength: 200 }).map((data) => {
    // Mostly of the right version, or nothing past the first byte is ever reached.
    if (data[0] !== undefined) data[0] = (data[0] & 0x0f) | (data[0] > 240 ? 0 : 0x10);
    return data;
  });

  it('no parser throws', () => {
    fc.assert(
      fc.property(datagram, (data) => {
        for (const { parse } of PARSERS) parse(data);
        wire.parseVideoUnit(data);
        wire.parseAudioUnit(data);
        parseControl(data);
        wire.kindOf(data);
      }),
      { numRuns: 5000 },
    );
  });

  it('a cut vector is refused or understood, never an exception', () => {
    for (const file of ['media', 'clock_reply', 'input_ack', 'input', 'feedback', 'video_unit', 'audio_unit']) {
      for (const { hex: text } of vectors(file)) {
        const whole = bytes(text);
        for (let length = 0; length < Math.min(whole.length, 300); length += 1) {
          for (const { parse } of PARSERS) parse(whole.subarray(0, length));
          wire.parseVideoUnit(whole.subarray(0, length));
          wire.parseAudioUnit(whole.subarray(0, length));
        }
      }
    }
  });

  it('control messages come out of any cut of the stream', () => {
    const message = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (sent, cuts) => {
        const stream = sent.flatMap((one) => [...wire.writeFrame(one)]);
        const decoder = new wire.FrameDecoder();
        const got: Uint8Array[] = [];
        for (let at = 0; at < stream.length; ) {
          const step = cuts.next().value;
          const messages = decoder.push(Uint8Array.from(stream.slice(at, at + step)));
          if (messages === 'oversized') throw new Error(messages);
          got.push(...messages);
          at += step;
        }
        expect(got.map(hex)).toEqual(sent.map(hex));
      }),
    );
  });

  it('an oversized control message ends the stream', () => {
    const decoder = new wire.FrameDecoder();
    expect(decoder.push(bytes('00010001'))).toBe('oversized');
    expect(decoder.push(bytes('00000000'))).toBe('oversized');
  });

  it('a counter is found again from its low bits', () => {
    const counter = fc.integer({ min: 0, max: 2 ** 50 });
    fc.assert(
      fc.property(counter, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (near, apart) => {
        fc.pre(near + apart >= 0);
        expect(wire.unwrap32(wire.low32(near + apart), near)).toBe(near + apart);
      }),
    );
  });
});
