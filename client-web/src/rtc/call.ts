/**
 * One WebRTC attachment, on the page's thread: offers by WHEP, shows what comes, and hands datagrams and control messages to the
 * worker over a port. It decides nothing.
 */
import type { IceServer } from '../api';
import type { ReceiverCounts } from '../receive/receiver';
import { countsOf } from './counts';
import type { ToCall, ToTransport } from './messages';

export type CallTarget = {
  /** With its credential. */
  readonly url: string;
  readonly iceServers: readonly IceServer[];
};

export type CallEvents = {
  readonly onVideo: (track: MediaStreamTrack) => void;
  readonly onAudio: (track: MediaStreamTrack) => void;
  /** The ticket is spent, whether the call succeeds or not; this lets in next time. */
  readonly onResume: (secret: string) => void;
  /** What came so far, a few times a second. */
  readonly onCounts: (counts: ReceiverCounts) => void;
};

export function canCall(): boolean {
  return 'RTCPeerConnection' in globalThis;
}

export class Call {
  readonly #pc: RTCPeerConnection;
  readonly #port: MessagePort;
  readonly #datagrams: RTCDataChannel;
  readonly #control: RTCDataChannel;
  readonly #events: CallEvents;
  readonly #candidates: RTCIceCandidate[] = [];
  #location: string | null = null;
  #over = false;
  readonly #counting: ReturnType<typeof setInterval>;

  constructor(target: CallTarget, port: MessagePort, events: CallEvents) {
    this.#port = port;
    this.#events = events;
    const pc = new RTCPeerConnection({ iceServers: target.iceServers.map((server) => ({ ...server, urls: [...server.urls] })) });
    this.#pc = pc;
    for (const kind of ['video', 'audio'] as const) {
      const { receiver } = pc.addTransceiver(kind, { direction: 'recvonly' });
      // Play at once: there is nothing to wait for in a game.
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    }
    this.#datagrams = this.#channel('datagrams', { ordered: false, maxRetransmits: 0 });
    this.#control = this.#channel('control', { ordered: true });
    pc.ontrack = ({ track }) => (track.kind === 'video' ? events.onVideo(track) : events.onAudio(track));
    pc.onicecandidate = ({ candidate }) => {
      if (candidate !== null && candidate.candidate !== '') this.#candidates.push(candidate);
      this.#trickle();
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === 'failed' || pc.connectionState === 'closed') this.#end('the connection failed');
    };
    port.onmessage = ({ data }: MessageEvent<ToCall>) => this.#onPort(data);
    this.#counting = setInterval(() => this.#count(), COUNT_MS);
    void this.#offer(target.url);
  }

  close(): void {
    this.#end('');
  }

  #count(): void {
    this.#pc.getStats().then(
      (stats) => {
        if (!this.#over) this.#events.onCounts(countsOf([...(stats as unknown as ReadonlyMap<string, unknown>).values()]));
      },
      () => undefined,
    );
  }

  #channel(label: string, options: RTCDataChannelInit): RTCDataChannel {
    const channel = this.#pc.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    const type = label === 'control' ? 'control' : 'datagram';
    channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#post({ type, bytes: new Uint8Array(data) });
    channel.onopen = () => {
      if (this.#datagrams.readyState === 'open' && this.#control.readyState === 'open') this.#post({ type: 'ready' });
    };
    channel.onclose = () => this.#end('the host has gone');
    return channel;
  }

  async #offer(url: string): Promise<void> {
    try {
      await this.#pc.setLocalDescription();
      const sdp = this.#pc.localDescription?.sdp ?? '';
      const headers = { 'Content-Type': 'application/sdp' };
      const response = await fetch(url, { method: 'POST', headers, body: sdp, cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.status !== 201) {
        this.#end(`the offer was refused: ${String(response.status)}`);
        return;
      }
      const resume = response.headers.get('Firstlight-Resume');
      if (resume !== null) this.#events.onResume(resume);
      this.#location = response.headers.get('Location');
      const answer = await response.text();
      if (this.#over) {
        this.#hangUp();
        return;
      }
      await this.#pc.setRemoteDescription({ type: 'answer', sdp: answer });
      this.#trickle();
    } catch (error) {
      this.#end(error instanceof Error ? error.message : 'the offer failed');
    }
  }

  #trickle(): void {
    if (this.#location === null || this.#over) return;
    const candidates = this.#candidates.splice(0);
    if (candidates.length === 0) return;
    const ufrag = candidates[0]?.usernameFragment ?? '';
    const lines = candidates.map(({ sdpMid, candidate }) => `a=mid:${sdpMid ?? '0'}\r\na=${candidate}\r\n`);
    const body = `a=ice-ufrag:${ufrag}\r\n${lines.join('')}`;
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
    // Without them the host answers what it is asked; only a path through its own checks needs them.
    fetch(this.#location, { method: 'PATCH', headers, body }).catch(() => undefined);
  }

  #onPort(message: ToCall): void {
    switch (message.type) {
      case 'datagram':
        send(this.#datagrams, message.bytes);
        break;
      case 'control':
        send(this.#control, message.bytes);
        break;
      case 'close':
        // What was written last is on its way.
        setTimeout(() => this.#end(''), GOODBYE_MS);
        break;
    }
  }

  #post(message: ToTransport): void {
    if (!this.#over) this.#port.postMessage(message);
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#post({ type: 'closed', reason });
    this.#over = true;
    clearInterval(this.#counting);
    this.#pc.close();
    this.#hangUp();
  }

  #hangUp(): void {
    if (this.#location !== null) fetch(this.#location, { method: 'DELETE', keepalive: true }).catch(() => undefined);
    this.#location = null;
  }
}

function send(channel: RTCDataChannel, bytes: Uint8Array): void {
  if (channel.readyState !== 'open' || channel.bufferedAmount > BUFFERED_MAX) return;
  channel.send(bytes as Uint8Array<ArrayBuffer>);
}

const ANSWER_MS = 10_000;
/** As often as the figures are shown. */
const COUNT_MS = 250;
const GOODBYE_MS = 100;
const BUFFERED_MAX = 65_536;
