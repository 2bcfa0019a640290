/**
 * A WebSocket that looks like a WebTransport session, for networks that carry no UDP (docs/PROTOCOL.md, section 1.1).
 *
 * A datagram is a message; a control message is one behind a zero byte. What cannot be sent at once is left out, as a
 * datagram that is lost.
 */
import type { TransportLike } from './link';

/** As much of `WebSocket` as is used, so that a test can stand in for it. */
export type SocketLike = {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code: number, reason: string): void;
};

export function overSocket(socket: SocketLike): TransportLike {
  socket.binaryType = 'arraybuffer';
  const datagrams = inlet();
  const control = inlet();
  const ready = promised<undefined>();
  const closed = promised<{ closeCode?: number; reason?: string }>();
  ready.promise.catch(() => undefined);
  closed.promise.catch(() => undefined);
  socket.onopen = () => ready.resolve(undefined);
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    if (!(data instanceof ArrayBuffer)) return;
    const bytes = new Uint8Array(data);
    if (bytes[0] === CONTROL) control.push(bytes.subarray(1));
    else if (bytes.length > 0) datagrams.push(bytes);
  };
  socket.onclose = ({ code, reason }) => {
    if (code >= CLOSE_BASE) closed.resolve({ closeCode: code - CLOSE_BASE, reason });
    else closed.reject(new Error('the WebSocket broke'));
    ready.reject(new Error('the WebSocket did not open'));
    datagrams.end();
    control.end();
  };
  const send = (bytes: Uint8Array<ArrayBuffer>): void => {
    try {
      socket.send(bytes);
    } catch {
      // It is closing; `onclose` says so.
    }
  };
  return {
    ready: ready.promise,
    closed: closed.promise,
    datagrams: {
      readable: datagrams.stream,
      writable: new WritableStream({
        write: (datagram: Uint8Array<ArrayBuffer>) => {
          if (socket.bufferedAmount <= BUFFERED_MAX) send(datagram);
        },
      }),
      maxDatagramSize: DATAGRAM_MAX,
    },
    createBidirectionalStream: () =>
      Promise.resolve({
        readable: control.stream,
        writable: new WritableStream({
          write: (frame: Uint8Array<ArrayBuffer>) => {
            const message = new Uint8Array(1 + frame.length);
            message.set(frame, 1);
            send(message);
          },
        }),
      }),
    close: (info) => socket.close(CLOSE_BASE + (info?.closeCode ?? 0), (info?.reason ?? '').slice(0, REASON_MAX)),
  };
}

function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A stream that is pushed into; past its bound the newest is left out. */
function inlet(): { stream: ReadableStream<Uint8Array>; push(bytes: Uint8Array): void; end(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const stream = new ReadableStream<Uint8Array>({ start: (opened) => void (controller = opened) });
  return {
    stream,
    push: (bytes) => {
      if ((controller?.desiredSize ?? -Infinity) > -WAITING_MAX) controller?.enqueue(bytes);
    },
    end: () => {
      controller?.close();
      controller = null;
    },
  };
}

const CONTROL = 0;
/** Codes from here on are the application's own. */
const CLOSE_BASE = 4_000;
const REASON_MAX = 100;
/** The largest access unit in fragments, twice. */
const WAITING_MAX = 2_048;
/** More than a second of input and feedback: what comes after it would be late anyway. */
const BUFFERED_MAX = 64 * 1_024;
/** What QUIC carries on the other half of the way. */
const DATAGRAM_MAX = 1_100;
