import { describe, expect, it } from 'vitest';
import { attachmentId, makeKeypair } from '../seal/keypair';
import { Seal } from '../seal/seal';
import { writeFrame } from '../wire';
import type { TransportLike } from './link';
import { sealed } from './sealed';

type Rig = {
  readonly over: TransportLike;
  readonly sent: Uint8Array[];
  readonly written: Uint8Array[];
  readonly closed: number[];
  readonly datagram: (bytes: Uint8Array) => void;
  readonly control: (bytes: Uint8Array) => void;
};

/** A transport in this test's hands, and the seal of one end: a twin of itself, so only what it sends can be looked at. */
async function rig(): Promise<Rig> {
  const sent: Uint8Array[] = [];
  const written: Uint8Array[] = [];
  const closed: number[] = [];
  let datagram!: ReadableStreamDefaultController<Uint8Array>;
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const plain: TransportLike = {
    ready: Promise.resolve(),
    closed: new Promise(() => undefined),
    datagrams: {
      readable: new ReadableStream({ start: (opened) => void (datagram = opened) }),
      writable: new WritableStream({ write: (bytes: Uint8Array) => void sent.push(bytes) }),
      maxDatagramSize: 1_200,
    },
    createBidirectionalStream: () =>
      Promise.resolve({
        readable: new ReadableStream<Uint8Array>({ start: (opened) => void (control = opened) }),
        writable: new WritableStream({ write: (bytes: Uint8Array) => void written.push(bytes) }),
      }),
    close: (info) => void closed.push(info?.closeCode ?? -1),
  };
  const [own, host] = [await makeKeypair(), await makeKeypair()];
  const seal = Seal.agree({ ...own, hostKey: host.publicText, session: 's', attachment: attachmentId() });
  return {
    over: sealed(plain, seal),
    sent,
    written,
    closed,
    datagram: (bytes) => datagram.enqueue(bytes),
    control: (bytes) => control.enqueue(bytes),
  };
}

describe('a sealed transport', () => {
  it('lets nothing out in the clear, in the order in which it was written', async () => {
    const { over, sent, written } = await rig();
    const writer = over.datagrams.writable.getWriter();
    await Promise.all([1, 2, 3].map((n) => writer.write(Uint8Array.of(0x18, n, n, n))));
    expect(sent.map((bytes) => [bytes[0], bytes[1], bytes[9], bytes.length])).toEqual([
      [0x17, 0x18, 0, 29],
      [0x17, 0x18, 1, 29],
      [0x17, 0x18, 2, 29],
    ]);
    const stream = await over.createBidirectionalStream();
    await stream.writable.getWriter().write(writeFrame(new TextEncoder().encode('leave')));
    expect(new TextDecoder().decode(written[0])).not.toContain('leave');
    expect(over.datagrams.maxDatagramSize).toBe(1_175);
  });

  it('shows nothing that the host did not seal, and ends over a control message that it did not', async () => {
    const { over, datagram, control, closed } = await rig();
    const reader = over.datagrams.readable.getReader();
    for (const forged of [Uint8Array.of(0x11, 1, 2, 3), new Uint8Array(64).fill(0x17), new Uint8Array(0)]) {
      datagram(forged);
      expect((await reader.read()).value, 'a mark that is counted, and nothing of what came').toEqual(Uint8Array.of(0x17));
    }
    const stream = await over.createBidirectionalStream();
    control(writeFrame(new Uint8Array(40)));
    void stream.readable.getReader().read();
    await expect.poll(() => closed).toEqual([3]);
  });
});
