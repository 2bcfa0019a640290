/** The worker's entry: joins the studio to this thread's messages and to the browser's transport. */
import { now } from '../time';
import type { TransportLike } from './link';
import type { FromWorker, ToWorker } from './messages';
import { Studio } from './studio';

type Scope = {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

const scope = self as unknown as Scope;

function open(url: string, certSha256: readonly string[]): TransportLike {
  const transport = new WebTransport(url, {
    serverCertificateHashes: certSha256.map((hash) => ({ algorithm: 'sha-256', value: bytesOf(hash).buffer })),
    // Read by the browsers that know it; the others decide for themselves.
    congestionControl: 'low-latency',
  });
  return transport;
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const studio = new Studio({ now, open, post: (message, transfer = []) => scope.postMessage(message, transfer) });

scope.onmessage = ({ data }) => studio.handle(data);
