/**
 * A transport whose every packet is sealed: whoever carries it reads nothing, and what he changes is as good as lost.
 *
 * Opening and sealing take a moment each; what was first stays first.
 */
import { DATAGRAM_OVERHEAD, type Seal } from '../seal/seal';
import { FrameDecoder, Kind, firstByte, writeFrame } from '../wire';
import { Close, type TransportLike } from './link';

export function sealed(transport: TransportLike, seal: Promise<Seal>): TransportLike {
  const { datagrams } = transport;
  return {
    ready: Promise.all([transport.ready, seal]),
    closed: transport.closed,
    datagrams: {
      // What does not open is told as a datagram of no use, and counted where those are.
      readable: opened(datagrams.readable, async (datagram) => [(await (await seal).openDatagram(datagram)) ?? FORGED]),
      writable: sealing(datagrams.writable, async (datagram) => (await seal).sealDatagram(datagram)),
      get maxDatagramSize() {
        return datagrams.maxDatagramSize - DATAGRAM_OVERHEAD;
      },
    },
    createBidirectionalStream: async () => {
      const { readable, writable } = await transport.createBidirectionalStream();
      const theirs = new FrameDecoder();
      return {
        readable: opened(readable, async (chunk) => {
          const messages = theirs.push(chunk);
          if (messages === 'oversized') return [chunk];
          const plain = [];
          for (const message of messages) {
            const content = await (await seal).openControl(message);
            // Changed, left out or put in on the way: nothing after it can be trusted.
            if (content === null) transport.close({ closeCode: Close.protocol, reason: 'a control message was tampered with' });
            else plain.push(writeFrame(content));
          }
          return plain;
        }),
        // The link writes one framed message at a time.
        writable: sealing(writable, async (frame) => writeFrame(await (await seal).sealControl(frame.subarray(LENGTH)))),
      };
    },
    close: (info) => transport.close(info),
  };
}

/** Works on several at once, and hands on in the order in which they came. */
function opened(
  source: ReadableStream<Uint8Array>,
  open: (bytes: Uint8Array) => Promise<readonly Uint8Array[]>,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  return new ReadableStream<Uint8Array>({
    start: async (controller) => {
      const read = async (): Promise<void> => {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return;
          if (waiting > WAITING_MAX) continue;
          waiting += 1;
          const opening = open(value);
          last = last.then(async () => {
            for (const plain of await opening) controller.enqueue(plain);
            waiting -= 1;
          });
        }
      };
      // Not awaited: a stream that is still starting cannot be read.
      void read()
        .catch(() => undefined)
        .then(() => last)
        .then(() => controller.close())
        .catch(() => undefined);
      await Promise.resolve();
    },
  });
}

function sealing(
  sink: WritableStream<Uint8Array>,
  seal: (bytes: Uint8Array) => Promise<Uint8Array>,
): WritableStream<Uint8Array> {
  const writer = sink.getWriter();
  writer.closed.catch(() => undefined);
  return new WritableStream<Uint8Array>({
    write: async (bytes) => {
      await writer.write(await seal(bytes));
    },
  });
}

const FORGED = Uint8Array.of(firstByte(Kind.sealed));
const LENGTH = 4;
/** As much as a browser keeps unread. */
const WAITING_MAX = 2_048;
