/** The worker's entry: joins the studio to this thread's messages and to the browser's transport. */
import { warmDecoder } from '../decode/decoder';
import { type Transport, isSocket } from '../player/ladder';
import { Seal } from '../seal/seal';
import { now } from '../time';
import type { TransportLike } from './link';
import type { FromWorker, SealWith, ToWorker } from './messages';
import { sealed } from './sealed';
import { overSocket } from './socket';
import { Studio } from './studio';

type Scope = {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

const scope = self as unknown as Scope;

function open(kind: Transport, url: string, certSha256: readonly string[], seal?: SealWith): TransportLike {
  const plain = openPlain(kind, url, certSha256);
  return seal === undefined ? plain : sealed(plain, Seal.agree(seal));
}

function openPlain(kind: Transport, url: string, certSha256: readonly string[]): TransportLike {
  if (isSocket(url)) return overSocket(new WebSocket(kind === 'websocket' ? secured(url) : url));
  const transport = new WebTransport(url, {
    serverCertificateHashes: certSha256.map((hash) => ({ algorithm: 'sha-256', value: bytesOf(hash).buffer })),
    // Read by the browsers that know it; the others decide for themselves.
    congestionControl: 'low-latency',
  });
  return transport;
}

/** An engine behind a proxy does not know that the page came over TLS. */
function secured(url: string): string {
  return location.protocol === 'https:' ? url.replace(/^ws:/, 'wss:') : url;
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const warm = (codec: string | undefined): void => void warmDecoder(codec);
const studio = new Studio({ now, open, warm, fetch: fetch.bind(globalThis), post: (message, transfer = []) => scope.postMessage(message, transfer) });

scope.onmessage = ({ data }) => studio.handle(data);
