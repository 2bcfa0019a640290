/** Stand-ins for the browser, for tests: a transport with its far end in hand, and decoders that do as they are told. */
import { fromBinary, toBinary, create, type MessageInitShape } from '@bufbuild/protobuf';
import { ClientMessageSchema, ServerMessageSchema, type ClientMessage } from '../gen/control_pb.js';
import { FrameDecoder, writeFrame } from '../wire';
import type { TransportLike } from './link';

export class MockTransport implements TransportLike {
  readonly ready: Promise<void>;
  readonly closed: Promise<{ closeCode?: number; reason?: string }>;
  readonly datagrams: TransportLike['datagrams'];
  /** What the client sent. */
  readonly sent: Uint8Array[] = [];
  readonly control: ClientMessage['message'][] = [];
  closedBy: { closeCode: number; reason: string } | null = null;
  #open: () => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #finish: (info: { closeCode: number; reason: string }) => void = () => undefined;
  #break: (error: Error) => void = () => undefined;
  #down: ReadableStreamDefaultController<Uint8Array> | null = null;
  #controlDown: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#refuse = reject;
    });
    this.closed = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#break = reject;
    });
    this.ready.catch(() => undefined);
    this.closed.catch(() => undefined);
    this.datagrams = {
      maxDatagramSize: 1211,
      readable: new ReadableStream({
        start: (controller) => {
          this.#down = controller;
        },
      }),
      writable: new WritableStream({
        write: (datagram) => {
          this.sent.push(datagram);
        },
      }),
    };
  }

  createBidirectionalStream(): ReturnType<TransportLike['createBidirectionalStream']> {
    const frames = new FrameDecoder();
    return Promise.resolve({
      readable: new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#controlDown = controller;
        },
      }),
      writable: new WritableStream<Uint8Array>({
        write: (chunk) => {
          const messages = frames.push(chunk);
          if (messages === 'oversized') throw new Error(messages);
          for (const bytes of messages) this.control.push(fromBinary(ClientMessageSchema, bytes).message);
        },
      }),
    });
  }

  close(info = { closeCode: 0, reason: '' }): void {
    this.closedBy = info;
    this.#finish(info);
  }

  // The far end.

  open(): void {
    this.#open();
  }

  refuse(): void {
    this.#refuse(new Error('refused'));
    this.#break(new Error('refused'));
  }

  hangUp(closeCode: number, reason = ''): void {
    this.#finish({ closeCode, reason });
  }

  cut(): void {
    this.#break(new Error('the connection is gone'));
  }

  send(datagram: Uint8Array): void {
    this.#down?.enqueue(datagram);
  }

  say(message: NonNullable<MessageInitShape<typeof ServerMessageSchema>['message']>): void {
    this.sayBytes(writeFrame(toBinary(ServerMessageSchema, create(ServerMessageSchema, { message }))));
  }

  sayBytes(bytes: Uint8Array): void {
    this.#controlDown?.enqueue(bytes);
  }
}

/** Pictures come out at once, unless `mute`. */
export class MockVideoDecoder {
  static all: MockVideoDecoder[] = [];
  static mute = false;
  state: 'unconfigured' | 'configured' | 'closed' = 'unconfigured';
  config: VideoDecoderConfig | null = null;
  readonly decoded: { type: string; timestamp: number }[] = [];
  readonly decodeQueueSize = 0;
  readonly #init: VideoDecoderInit;

  constructor(init: VideoDecoderInit) {
    this.#init = init;
    MockVideoDecoder.all.push(this);
  }

  configure(config: VideoDecoderConfig): void {
    this.config = config;
    this.state = 'configured';
  }

  decode(chunk: { type: string; timestamp: number }): void {
    this.decoded.push(chunk);
    if (MockVideoDecoder.mute) return;
    const frame = { timestamp: chunk.timestamp, displayWidth: 1280, displayHeight: 720, close: () => undefined };
    queueMicrotask(() => this.#init.output(frame as unknown as VideoFrame));
  }

  fail(): void {
    this.state = 'closed';
    this.#init.error(new DOMException('Decoding error.', 'EncodingError'));
  }

  close(): void {
    this.state = 'closed';
  }
}

export class MockChunk {
  readonly type: string;
  readonly timestamp: number;

  constructor({ type, timestamp }: { type: string; timestamp: number }) {
    this.type = type;
    this.timestamp = timestamp;
  }
}
