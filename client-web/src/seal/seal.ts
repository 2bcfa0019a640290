/**
 * What the player's end of one attachment seals and opens (docs/PROTOCOL.md, section 8). The twin of `transport/seal`.
 */
import { Kind, firstByte } from '../wire';
import { CURVE, fromBase64url } from './keypair';

type Bytes = Uint8Array<ArrayBuffer>;

/** What the keys of one attachment are made of. */
export type Agreement = {
  readonly privateKey: CryptoKey;
  /** Of the private one. */
  readonly publicText: string;
  readonly hostKey: string;
  readonly session: string;
  /** Never the same twice. */
  readonly attachment: string;
};

export class Seal {
  readonly #keys: readonly CryptoKey[];
  #sealedDatagrams = 0;
  #sealedControl = 0;
  readonly #window = new Window();
  #control = 0;
  /** What came and was not the host's, or had come before. */
  forged = 0;

  private constructor(keys: readonly CryptoKey[]) {
    this.#keys = keys;
  }

  static async agree({ privateKey, publicText, hostKey, session, attachment }: Agreement): Promise<Seal> {
    const { subtle } = crypto;
    const hostPoint = fromBase64url(hostKey);
    const host = await subtle.importKey('raw', hostPoint, CURVE, false, []);
    const shared = await subtle.deriveBits({ name: 'ECDH', public: host }, privateKey, 256);
    const root = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
    const text = new TextEncoder();
    const between = [fromBase64url(attachment), hostPoint, fromBase64url(publicText)];
    const keys = USES.map((use, at) => {
      const info = joined([text.encode(PURPOSE + use), ...between]);
      const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: text.encode(session), info };
      return subtle.deriveKey(hkdf, root, { name: 'AES-GCM', length: 128 }, false, [at < 2 ? 'decrypt' : 'encrypt']);
    });
    return new Seal(await Promise.all(keys));
  }

  async sealDatagram(datagram: Uint8Array): Promise<Bytes> {
    const head = new Uint8Array(DATAGRAM_HEAD);
    head[0] = firstByte(Kind.sealed);
    head[1] = datagram[0] ?? 0;
    writeCounter(head, 2, this.#sealedDatagrams);
    this.#sealedDatagrams += 1;
    return this.#seal(2, head, 2, datagram.subarray(1));
  }

  /** null for what the host did not seal, or what came before. */
  async openDatagram(sealed: Uint8Array): Promise<Bytes | null> {
    if (sealed.length < DATAGRAM_HEAD + TAG || sealed[0] !== firstByte(Kind.sealed)) return this.#refuse();
    const counter = readCounter(sealed, 2);
    if (counter === null || !this.#window.isFresh(counter)) return this.#refuse();
    const plain = await this.#open(0, sealed, DATAGRAM_HEAD, 2);
    // Its twin may have been opened meanwhile.
    if (plain === null || !this.#window.isFresh(counter)) return this.#refuse();
    this.#window.mark(counter);
    const datagram = new Uint8Array(1 + plain.length);
    datagram[0] = sealed[1] ?? 0;
    datagram.set(plain, 1);
    return datagram;
  }

  async sealControl(message: Uint8Array): Promise<Bytes> {
    const head = new Uint8Array(COUNTER);
    writeCounter(head, 0, this.#sealedControl);
    this.#sealedControl += 1;
    return this.#seal(3, head, 0, message);
  }

  /** To be called for one message after the other; none is left out. */
  async openControl(sealed: Uint8Array): Promise<Bytes | null> {
    const counter = sealed.length < COUNTER + TAG ? null : readCounter(sealed, 0);
    if (counter !== this.#control) return this.#refuse();
    const plain = await this.#open(1, sealed, COUNTER, 0);
    if (plain === null) return this.#refuse();
    this.#control += 1;
    return plain;
  }

  async #seal(use: number, head: Bytes, counterAt: number, plain: Uint8Array): Promise<Bytes> {
    const key = this.#keys[use] as CryptoKey;
    const body = await crypto.subtle.encrypt(parameters(head, counterAt, head), key, plain.slice());
    const out = new Uint8Array(head.length + body.byteLength);
    out.set(head);
    out.set(new Uint8Array(body), head.length);
    return out;
  }

  async #open(use: number, sealed: Uint8Array, headBytes: number, counterAt: number): Promise<Bytes | null> {
    const key = this.#keys[use] as CryptoKey;
    try {
      const head = sealed.slice(0, headBytes);
      return new Uint8Array(await crypto.subtle.decrypt(parameters(head, counterAt, head), key, sealed.slice(headBytes)));
    } catch {
      return null;
    }
  }

  #refuse(): null {
    this.forged += 1;
    return null;
  }
}

/** Which of the newest counters have been seen. */
class Window {
  #next = 0;
  #seen = new Set<number>();

  isFresh(counter: number): boolean {
    return counter >= this.#next || (counter + WINDOW >= this.#next && !this.#seen.has(counter));
  }

  mark(counter: number): void {
    this.#seen.add(counter);
    this.#next = Math.max(this.#next, counter + 1);
    if (this.#seen.size <= 2 * WINDOW) return;
    for (const old of this.#seen) if (old + WINDOW < this.#next) this.#seen.delete(old);
  }
}

function joined(parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function parameters(head: Bytes, counterAt: number, additionalData: Bytes): AesGcmParams {
  const iv = new Uint8Array(12);
  iv.set(head.subarray(counterAt, counterAt + COUNTER), 4);
  return { name: 'AES-GCM', iv, additionalData };
}

function writeCounter(into: Bytes, at: number, counter: number): void {
  const view = new DataView(into.buffer);
  view.setUint32(at, Math.floor(counter / 2 ** 32));
  view.setUint32(at + 4, counter % 2 ** 32);
}

/** null past what a number holds: no session counts that far. */
function readCounter(from: Uint8Array, at: number): number | null {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  const high = view.getUint32(at);
  return high < 2 ** 21 ? high * 2 ** 32 + view.getUint32(at + 4) : null;
}

const PURPOSE = 'firstlight seal 1 ';
/** In this order: what is opened, then what is sealed. */
const USES = ['host datagram', 'host control', 'player datagram', 'player control'] as const;
const COUNTER = 8;
/** Kind, first byte of what is sealed, counter. */
const DATAGRAM_HEAD = 10;
const TAG = 16;
/** By how much a sealed datagram is longer. */
export const DATAGRAM_OVERHEAD = DATAGRAM_HEAD - 1 + TAG;
/** As the host's. */
const WINDOW = 2_048;
