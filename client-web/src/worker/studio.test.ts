import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EndReason, PointerMode } from '../gen/control_pb.js';
import {
  Kind,
  type MediaHeader,
  kindOf,
  mediaHeader,
  parseClockRequest,
  parseFeedback,
  parseInput,
  writeClockReply,
  writeInputAck,
  writeMedia,
  writeVideoUnit,
} from '../wire';
import type { FromWorker } from './messages';
import { MockChunk, MockTransport, MockVideoDecoder } from './mock';
import { Studio } from './studio';

const SPS = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x20, 0xaa];
const TRACE = { input: 0, sinceInput: 0, inject: 0, capture: 900, convert: 500, encode: 3000, packetize: 100, width: 1280, height: 720, qp: 20 };

class Rig {
  readonly transports: MockTransport[] = [];
  readonly posted: FromWorker[] = [];
  readonly studio: Studio;
  /** The host's clock is this much ahead. */
  readonly ahead = 5_000_000;
  answersClock = true;
  status = 201;
  endpoints = [{ kind: 'webtransport', url: 'https://h/v1/media', cert_sha256: ['ab'] }];
  #seq = 0;

  constructor() {
    this.studio = new Studio({
      now: () => Date.now() * 1000,
      post: (message) => this.posted.push(message),
      open: () => {
        const transport = new MockTransport();
        this.transports.push(transport);
        return transport;
      },
      fetch: () => Promise.resolve(new Response(JSON.stringify({ ticket: 't/1', endpoints: this.endpoints }), { status: this.status })),
      codecs: () => Promise.resolve(['avc1.42E02A']),
    });
  }

  async begin(direct = true): Promise<void> {
    vi.stubGlobal('WebTransport', MockTransport);
    const request = { url: '/v1/sessions', init: { method: 'POST', headers: {}, cache: 'no-store' } } as const;
    this.studio.handle({ type: 'begin', request, clickedAt: Date.now() * 1000, direct });
    await vi.advanceTimersByTimeAsync(0);
  }

  get transport(): MockTransport {
    return this.transports.at(-1)!;
  }

  async attach(): Promise<void> {
    this.studio.handle({ type: 'attach', attempt: this.transports.length + 1, kind: 'webtransport', url: 'https://h/', certSha256: [] });
    this.transport.open();
    await this.pass(0);
  }

  /** Lets time pass; the far end answers what it is asked. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= 5) {
      await vi.advanceTimersByTimeAsync(Math.min(left, 5));
      for (const datagram of this.transport.sent) {
        const request = kindOf(datagram) === Kind.clockRequest ? parseClockRequest(datagram) : 'kind';
        if (typeof request === 'string' || !this.answersClock || this.#answered.has(request.id)) continue;
        this.#answered.add(request.id);
        const t = Date.now() * 1000 + this.ahead;
        this.transport.send(writeClockReply({ ...request, t1: t, t2: t }));
      }
      await vi.advanceTimersByTimeAsync(0);
    }
  }

  #answered = new Set<number>();

  frame(frame: number, over: Partial<MediaHeader> = {}): Uint8Array {
    this.#seq += 1;
    const idr = over.idr === true;
    const at = Date.now() * 1000 + this.ahead - 6000;
    const nals = Uint8Array.from(idr ? [...SPS, 0, 0, 1, 0x65] : [0, 0, 1, 0x41]);
    const header = { ...mediaHeader(), packetSeq: this.#seq, frame, reference: idr ? frame : frame - 1, lastUnit: true, sentAt: at + 5000, capturedAt: at };
    return writeMedia({ ...header, ...over }, writeVideoUnit({ trace: TRACE, nals }));
  }

  of<T extends FromWorker['type']>(type: T): Extract<FromWorker, { type: T }>[] {
    return this.posted.filter((message): message is Extract<FromWorker, { type: T }> => message.type === type);
  }

  get feedback() {
    return this.transport.sent.flatMap((datagram) => {
      const report = parseFeedback(datagram);
      return typeof report === 'string' ? [] : [report];
    });
  }
}

let rig: Rig;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  vi.stubGlobal('VideoDecoder', MockVideoDecoder);
  vi.stubGlobal('EncodedVideoChunk', MockChunk);
  MockVideoDecoder.all = [];
  MockVideoDecoder.mute = false;
  rig = new Rig();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a start before its page', () => {
  const URL = 'https://h/v1/media?ticket=t%2F1';

  it('attaches to what it asked for, tells all of it in order, and is not done twice', async () => {
    await rig.begin();
    expect(rig.transports).toHaveLength(1);
    rig.transport.open();
    rig.transport.send(rig.frame(7, { idr: true }));
    await rig.pass(30);
    const said = rig.posted.map(({ type }) => type).filter((type) => type !== 'measured');
    expect(said).toEqual(['created', 'opened', 'picture', 'size']);
    // The page is there, and says what it would have done.
    rig.studio.handle({ type: 'attach', attempt: 1, kind: 'webtransport', url: URL, certSha256: ['ab'] });
    await rig.pass(30);
    expect(rig.transports).toHaveLength(1);
    expect(rig.of('closed')).toEqual([]);
    expect(rig.of('opened')).toEqual([{ type: 'opened', attempt: 1 }]);
  });

  it('keeps the picture until there is somewhere to show it', async () => {
    await rig.begin();
    rig.transport.open();
    rig.transport.send(rig.frame(7, { idr: true }));
    await rig.pass(30);
    const written: unknown[] = [];
    const track = new WritableStream<VideoFrame>({ write: (frame) => void written.push(frame.timestamp) });
    rig.studio.handle({ type: 'sink', sink: { track } });
    await rig.pass(5);
    expect(written).toHaveLength(1);
  });

  it('gives way to a page that attaches elsewhere, and leaves to the page what it cannot do', async () => {
    await rig.begin();
    rig.studio.handle({ type: 'attach', attempt: 1, kind: 'webtransport', url: 'https://elsewhere/', certSha256: [] });
    await rig.pass(5);
    expect(rig.transports).toHaveLength(2);
    const full = new Rig();
    full.status = 503;
    await full.begin();
    expect(full.transports).toEqual([]);
    expect(full.of('created')).toMatchObject([{ raw: { status: 503 } }]);
    const call = new Rig();
    call.endpoints = [{ kind: 'whep', url: 'https://h/whep', cert_sha256: [] }];
    await call.begin();
    expect(call.transports).toEqual([]);
    const indirect = new Rig();
    await indirect.begin(false);
    expect(indirect.transports).toEqual([]);
  });
});

describe('an attachment', () => {
  it('shows the picture before anything is said, and reports it decoded', async () => {
    await rig.attach();
    rig.transport.send(rig.frame(7, { idr: true }));
    rig.transport.send(rig.frame(8));
    await rig.pass(30);
    expect(MockVideoDecoder.all).toHaveLength(1);
    expect(MockVideoDecoder.all[0]?.config).toMatchObject({ codec: 'avc1.42C020', optimizeForLatency: true });
    expect(MockVideoDecoder.all[0]?.decoded.map(({ type }) => type)).toEqual(['key', 'delta']);
    expect(rig.of('picture')).toHaveLength(1);
    expect(rig.of('size')).toEqual([{ type: 'size', width: 1280, height: 720 }]);
    expect(rig.feedback.at(-1)).toMatchObject({ decoded: 8, decodedSet: 1, wantIdr: false });
  });

  it('greets, and acknowledges a secret only when it is stored', async () => {
    await rig.attach();
    await rig.pass(5);
    expect(rig.transport.control[0]).toMatchObject({ case: 'hello', value: { version: 1, codecs: ['avc1.42E02A'], referenceRecovery: true } });
    rig.transport.say({
      case: 'welcome',
      value: { version: 1, session: 's', pointer: PointerMode.RELATIVE, waitSeconds: 120, resume: { generation: 3, secret: 'x' } },
    });
    await rig.pass(5);
    expect(rig.of('welcome')[0]?.welcome).toMatchObject({ session: 's', pointer: 'relative', waitS: 120, audio: false });
    expect(rig.of('secret')).toEqual([{ type: 'secret', attempt: 1, generation: 3, secret: 'x' }]);
    expect(rig.transport.control.map((message) => message.case)).not.toContain('resumeAck');
    rig.studio.handle({ type: 'secretStored', generation: 3 });
    await rig.pass(5);
    expect(rig.transport.control.at(-1)).toMatchObject({ case: 'resumeAck', value: { generation: 3 } });
  });

  it('greets first, however long the way to it takes', async () => {
    rig.studio.handle({ type: 'attach', attempt: 1, kind: 'webtransport', url: 'https://h/', certSha256: [] });
    rig.studio.handle({ type: 'visibility', hidden: true });
    await rig.pass(2500);
    rig.transport.open();
    await rig.pass(20);
    expect(rig.transport.control.map((message) => message.case)).toEqual(['hello', 'visibility']);
  });

  it('says how large the page shows the picture: what there was before it greeted, and each change', async () => {
    rig.studio.handle({ type: 'viewport', width: 1280, height: 720 });
    await rig.attach();
    await rig.pass(20);
    rig.studio.handle({ type: 'viewport', width: 1720, height: 968 });
    await rig.pass(5);
    const said = rig.transport.control.filter((message) => message.case === 'viewport');
    expect(said.map(({ value }) => value)).toMatchObject([{ width: 1280, height: 720 }, { width: 1720, height: 968 }]);
  });

  it('sends what is pressed at once, as soon as the numbering is known', async () => {
    await rig.attach();
    rig.transport.send(writeInputAck({ acknowledged: 41, at: 0, echo: 0 }));
    await rig.pass(0);
    rig.studio.handle({ type: 'input', at: Date.now() * 1000, event: { type: 'keyDown', code: 30 } });
    await rig.pass(0);
    const inputs = rig.transport.sent.map(parseInput).filter((input) => typeof input !== 'string');
    expect(inputs.at(-1)).toMatchObject({ firstEvent: 42, pressed: [30], events: [{ type: 'keyDown', code: 30, age: 0 }] });
  });

  it('asks for what is lost within the guard', async () => {
    await rig.attach();
    rig.transport.send(rig.frame(1, { idr: true }));
    rig.frame(2);
    await rig.pass(20);
    rig.transport.send(rig.frame(3));
    await rig.pass(5);
    expect(rig.feedback.at(-1)?.nacks).toEqual([{ frame: 2, unit: 255, track: 0, fragment: 65535 }]);
    expect(MockVideoDecoder.all[0]?.decoded).toHaveLength(1);
  });

  it('opens another decoder after an error, and wants an IDR for it', async () => {
    await rig.attach();
    rig.transport.send(rig.frame(1, { idr: true }));
    await rig.pass(300);
    MockVideoDecoder.all[0]?.fail();
    await rig.pass(5);
    expect(rig.feedback.at(-1)?.wantIdr).toBe(true);
    rig.transport.send(rig.frame(2));
    rig.transport.send(rig.frame(3, { idr: true }));
    await rig.pass(30);
    expect(MockVideoDecoder.all).toHaveLength(2);
    expect(MockVideoDecoder.all[1]?.decoded.map(({ type }) => type)).toEqual(['key']);
    expect(rig.feedback.at(-1)?.wantIdr).toBe(false);
  });

  it('notices a decoder that does not follow a recovery', async () => {
    await rig.attach();
    rig.transport.send(rig.frame(1, { idr: true }));
    await rig.pass(20);
    MockVideoDecoder.mute = true;
    rig.transport.send(rig.frame(9, { recovery: true, reference: 1 }));
    for (const frame of [10, 11, 12, 13]) {
      await rig.pass(17);
      rig.transport.send(rig.frame(frame));
    }
    await rig.pass(5);
    expect(rig.transport.control.at(-1)).toMatchObject({ case: 'videoLimits', value: { referenceRecovery: false } });
    expect(rig.feedback.at(-1)?.wantIdr).toBe(true);
  });
});

describe('the end of an attachment', () => {
  it('is told with its code', async () => {
    await rig.attach();
    rig.transport.say({ case: 'ended', value: { reason: EndReason.TITLE_CRASHED, message: 'It crashed.' } });
    await rig.pass(5);
    rig.transport.hangUp(1, 'ended');
    await rig.pass(5);
    expect(rig.of('ended')).toMatchObject([{ reason: 'title_crashed', message: 'It crashed.' }]);
    expect(rig.of('closed')).toEqual([{ type: 'closed', attempt: 1, opened: true, code: 1, reason: 'ended' }]);
  });

  it('is told when it never began', async () => {
    rig.studio.handle({ type: 'attach', attempt: 1, kind: 'webtransport', url: 'https://h/', certSha256: [] });
    rig.transport.refuse();
    await rig.pass(5);
    expect(rig.of('closed')).toMatchObject([{ opened: false, code: null }]);
  });

  it('comes after seconds of silence, though nobody closed; that it is silent is told within 300 ms', async () => {
    await rig.attach();
    await rig.pass(3000);
    expect(rig.of('silent')).toEqual([]);
    rig.answersClock = false;
    await rig.pass(300);
    expect(rig.of('silent')).toEqual([{ type: 'silent', attempt: 1 }]);
    await rig.pass(4500);
    expect(rig.of('closed')).toEqual([]);
    await rig.pass(600);
    expect(rig.of('closed')).toEqual([{ type: 'closed', attempt: 1, opened: true, code: null, reason: 'silence' }]);
  });

  it('comes at an oversized control message', async () => {
    await rig.attach();
    await rig.pass(5);
    rig.transport.sayBytes(Uint8Array.of(0, 1, 0, 1));
    await rig.pass(5);
    expect(rig.of('closed')).toMatchObject([{ code: 3 }]);
    expect(rig.transport.closedBy?.closeCode).toBe(3);
  });

  it('says goodbye first, and whether the session is to wait', async () => {
    await rig.attach();
    await rig.pass(5);
    rig.studio.handle({ type: 'detach', leave: 'end' });
    await rig.pass(5);
    expect(rig.transport.control.at(-1)).toMatchObject({ case: 'leave', value: { endSession: true } });
    expect(rig.transport.closedBy).toMatchObject({ closeCode: 0 });
    expect(rig.of('closed')).toEqual([]);
  });

  it('leaves nothing of itself to the next one', async () => {
    await rig.attach();
    rig.transport.send(rig.frame(50, { idr: true }));
    await rig.pass(20);
    rig.transport.cut();
    await rig.pass(5);
    await rig.attach();
    rig.transport.send(rig.frame(52));
    await rig.pass(20);
    expect(MockVideoDecoder.all).toHaveLength(1);
    rig.transport.send(rig.frame(60, { idr: true }));
    await rig.pass(20);
    expect(MockVideoDecoder.all).toHaveLength(2);
    expect(rig.of('picture').map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
});

describe('a silent attachment', () => {
  const race = (attempt: number): void => rig.studio.handle({ type: 'attach', attempt, kind: 'webtransport', url: 'https://h/', certSha256: [], race: true });

  it('is kept while another one is tried, and goes on where it stopped when it revives first', async () => {
    await rig.attach();
    const [first] = rig.transports;
    rig.transport.send(rig.frame(1, { idr: true }));
    await rig.pass(20);
    rig.answersClock = false;
    await rig.pass(300);
    race(2);
    await rig.pass(100);
    expect(rig.transports).toHaveLength(2);
    expect(first?.closedBy).toBeNull();
    first?.send(rig.frame(2));
    await rig.pass(20);
    expect(rig.of('revived')).toEqual([{ type: 'revived', attempt: 1 }]);
    rig.studio.handle({ type: 'detach', leave: 'abandon', only: 2 });
    await rig.pass(20);
    expect(rig.transports[1]?.closedBy).toMatchObject({ closeCode: 6 });
    expect(first?.closedBy).toBeNull();
    // The decoder was not disturbed.
    expect(MockVideoDecoder.all).toHaveLength(1);
    expect(MockVideoDecoder.all[0]?.decoded.map(({ type }) => type)).toEqual(['key', 'delta']);
  });

  it('lets go when the other one opens', async () => {
    await rig.attach();
    const [first] = rig.transports;
    rig.transport.send(rig.frame(1, { idr: true }));
    await rig.pass(20);
    rig.answersClock = false;
    await rig.pass(300);
    race(2);
    rig.answersClock = true;
    rig.transport.open();
    await rig.pass(10);
    expect(rig.of('opened').map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(first?.closedBy).toMatchObject({ closeCode: 6 });
    rig.transport.send(rig.frame(5, { idr: true }));
    await rig.pass(20);
    expect(rig.of('picture').map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(rig.of('closed')).toEqual([]);
  });

  it('may go while the other one is on its way', async () => {
    await rig.attach();
    rig.answersClock = false;
    await rig.pass(300);
    race(2);
    rig.transports[0]?.cut();
    await rig.pass(5);
    expect(rig.of('closed')).toMatchObject([{ attempt: 1 }]);
    rig.answersClock = true;
    rig.transport.open();
    rig.transport.send(rig.frame(5, { idr: true }));
    await rig.pass(20);
    expect(rig.of('picture').map(({ attempt }) => attempt)).toEqual([2]);
  });
});

it('measures stages that sum to the whole', async () => {
  await rig.attach();
  await rig.pass(200);
  for (let frame = 1; frame <= 30; frame += 1) {
    rig.transport.send(rig.frame(frame, { idr: frame === 1 }));
    await rig.pass(5);
    const timestamp = MockVideoDecoder.all[0]?.decoded.at(-1)?.timestamp ?? 0;
    rig.studio.handle({ type: 'presented', timestamp, at: Date.now() * 1000 + 10_000, refresh: Date.now() * 1000, gap: null });
    await rig.pass(10);
  }
  await rig.pass(250);
  const { measured } = rig.of('measured').at(-1)!;
  expect(measured.frames).toMatchObject({ received: 30, decoded: 30, presented: 30, idr: 1, lost: 0 });
  expect(measured.clock.offset_ms).toBeCloseTo(5000, 0);
  const sum = Object.values(measured.stages_ms).reduce((total, { mean }) => total + mean, 0);
  expect(sum).toBeCloseTo(measured.glass_to_glass_ms.mean, 6);
  expect(measured.stages_ms.encode.p50).toBe(3);
  expect(measured.glass_to_glass_ms.n).toBe(30);
});
