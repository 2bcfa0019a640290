/**
 * The worker's end of a call: WebRTC's connections live on the page's thread only, and a message port brings their datagrams
 * here. To the attachment it is a transport like any other.
 */
import { FrameDecoder, writeFrame } from '../wire';
import type { TransportLike } from '../worker/link';
import type { ToCall, ToTransport } from './messages';

export type PortLike = {
  postMessage(message: ToCall, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToTransport>) => void) | null;
  close(): void;
};

export function transportOver(port: PortLike): TransportLike {
  const post = (message: ToCall): void => port.postMessage(message, []);
  const datagrams = incoming();
  const control = incoming();
  let ready: () => void = () => undefined;
  let refuse: (error: Error) => void = () => undefined;
  let closed: (info: { closeCode?: number; reason: string }) => void = () => undefined;
  let broke: (error: Error) => void = () => undefined;
  const isReady = new Promise<void>((resolve, reject) => ([ready, refuse] = [resolve, reject]));
  const isClosed = new Promise<{ closeCode?: number; reason: string }>((resolve, reject) => ([closed, broke] = [resolve, reject]));
  isReady.catch(() => undefined);
  port.onmessage = ({ data }) => {
    switch (data.type) {
      case 'ready':
        ready();
        break;
      case 'datagram':
        datagrams.push(data.bytes);
        break;
      case 'control':
        control.push(writeFrame(data.bytes));
        break;
      case 'closed':
        refuse(new Error(data.reason));
        broke(new Error(data.reason));
        datagrams.end();
        control.end();
        port.close();
        break;
    }
  };
  return {
    ready: isReady,
    closed: isClosed,
    datagrams: {
      readable: datagrams.readable,
      writable: new WritableStream<Uint8Array>({ write: (bytes) => post({ type: 'datagram', bytes }) }),
      maxDatagramSize: DATAGRAM_BYTES,
    },
    createBidirectionalStream: () => {
      const frames = new FrameDecoder();
      const writable = new WritableStream<Uint8Array>({
        write: (bytes) => {
          const messages = frames.push(bytes);
          if (messages !== 'oversized') for (const message of messages) post({ type: 'control', bytes: message });
        },
      });
      return Promise.resolve({ readable: control.readable, writable });
    },
    close: (info) => {
      post({ type: 'close' });
      closed(info ?? { reason: '' });
      datagrams.end();
      control.end();
    },
  };
}

function incoming() {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const readable = new ReadableStream<Uint8Array>(
    { start: (started) => void (controller = started), cancel: () => void (controller = null) },
    { highWaterMark: QUEUE_MAX },
  );
  return {
    readable,
    push: (bytes: Uint8Array): void => {
      // Nobody reads: lost like any datagram.
      if (controller !== null && (controller.desiredSize ?? 0) > 0) controller.enqueue(bytes);
    },
    end: (): void => {
      controller?.close();
      controller = null;
    },
  };
}

const QUEUE_MAX = 1_024;
const DATAGRAM_BYTES = 1_100;
