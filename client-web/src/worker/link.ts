/** One WebTransport session: datagrams and the control stream. It decides nothing. */
import { FrameDecoder } from '../wire';
import { type FromServer, type ToServer, parseControl, writeControl } from '../wire/control';

/** As much of `WebTransport` as is used, so that a test can stand in for it. */
export type TransportLike = {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<{ readonly closeCode?: number | undefined; readonly reason?: string | undefined }>;
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    readonly maxDatagramSize: number;
  };
  createBidirectionalStream(): Promise<{
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  }>;
  close(info?: { closeCode: number; reason: string }): void;
};

export type LinkEvents = {
  readonly onOpened: () => void;
  readonly onDatagram: (datagram: Uint8Array) => void;
  readonly onControl: (message: FromServer) => void;
  /** Once. `code` null: it broke. */
  readonly onClosed: (opened: boolean, code: number | null, reason: string) => void;
};

/** Close codes of the protocol. */
export const Close = { bye: 0, ended: 1, takenOver: 2, protocol: 3, gaveWay: 4, engine: 5, cut: 6 } as const;

export class Link {
  readonly #transport: TransportLike;
  readonly #events: LinkEvents;
  readonly #datagrams: WritableStreamDefaultWriter<Uint8Array>;
  #control: WritableStreamDefaultWriter<Uint8Array> | null = null;
  /** Written before the control stream is open. */
  #early: ToServer[] = [];
  #opened = false;
  #over = false;

  constructor(transport: TransportLike, events: LinkEvents) {
    this.#transport = transport;
    this.#events = events;
    raiseLimits(transport.datagrams);
    this.#datagrams = transport.datagrams.writable.getWriter();
    this.#datagrams.closed.catch(ignore);
    transport.closed.then(
      ({ closeCode, reason }) => this.#finish(closeCode ?? Close.bye, reason ?? ''),
      (error: unknown) => this.#finish(null, error instanceof Error ? error.message : ''),
    );
    transport.ready.then(() => {
      if (this.#over) return;
      this.#opened = true;
      events.onOpened();
    }, ignore);
    void this.#readDatagrams();
    void this.#runControl();
  }

  get datagramMax(): number {
    const max = this.#transport.datagrams.maxDatagramSize;
    return Number.isFinite(max) && max > 0 ? max : DATAGRAM_SAFE;
  }

  /** `essential` false: rather not sent than queued. */
  sendDatagram(datagram: Uint8Array, essential: boolean): void {
    if (this.#over) return;
    const room = this.#datagrams.desiredSize ?? 0;
    if (room < -(essential ? QUEUE_ESSENTIAL_MAX : QUEUE_MAX)) return;
    this.#datagrams.write(datagram).catch(ignore);
  }

  sendControl(message: ToServer): void {
    if (this.#over) return;
    if (this.#control === null) this.#early.push(message);
    else this.#control.write(writeControl(message)).catch(ignore);
  }

  /** Says goodbye; nothing is told after it. */
  close(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const close = (): void => {
      try {
        this.#transport.close({ closeCode: code, reason });
      } catch {
        // It is closed already.
      }
    };
    if (!this.#opened || this.#control === null) close();
    else this.#control.ready.then(close, close);
  }

  async #readDatagrams(): Promise<void> {
    const reader = this.#transport.datagrams.readable.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#over) return;
        this.#events.onDatagram(value);
      }
    } catch {
      // `closed` says why.
    }
  }

  async #runControl(): Promise<void> {
    try {
      await this.#transport.ready;
      const { readable, writable } = await this.#transport.createBidirectionalStream();
      this.#control = writable.getWriter();
      this.#control.closed.catch(ignore);
      for (const message of this.#early.splice(0)) this.#control.write(writeControl(message)).catch(ignore);
      await this.#readControl(readable.getReader());
    } catch {
      // `closed` says why.
    }
  }

  async #readControl(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const frames = new FrameDecoder();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#over) return;
      const messages = frames.push(value);
      if (messages === 'oversized') {
        this.#breakOff('a control message over 65536 bytes');
        return;
      }
      for (const bytes of messages) {
        const message = parseControl(bytes);
        if (message === 'malformed') {
          this.#breakOff('a control message that is none');
          return;
        }
        this.#events.onControl(message);
      }
    }
  }

  #breakOff(reason: string): void {
    if (this.#over) return;
    this.close(Close.protocol, reason);
    this.#events.onClosed(this.#opened, Close.protocol, reason);
  }

  #finish(code: number | null, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onClosed(this.#opened, code, reason);
  }
}

/** Browsers queue one datagram unless asked for more, and an IDR comes as a burst of a hundred. */
function raiseLimits(datagrams: object): void {
  for (const name of ['incomingHighWaterMark', 'incomingMaxBufferedDatagrams']) {
    if (name in datagrams) Object.assign(datagrams, { [name]: INCOMING_MAX });
  }
}

const ignore = (): void => undefined;

/** The largest access unit in fragments. */
const INCOMING_MAX = 1_024;
/** Feedback older than this many datagrams tells nothing new. */
const QUEUE_MAX = 8;
const QUEUE_ESSENTIAL_MAX = 64;
/** What QUIC carries everywhere. */
const DATAGRAM_SAFE = 1_100;
