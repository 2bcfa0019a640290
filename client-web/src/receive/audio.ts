/** Audio packets as they come: each frame once, the redundant copy where its own packet never came. */
import type { Micros } from '../time';
import { MEDIA_HEADER_BYTES, type MediaHeader, parseAudioUnit, unwrap32 } from '../wire';

export type AudioPacket = {
  readonly frame: number;
  /** Of the first sample. Host's clock. */
  readonly capturedAt: Micros;
  /** Digital silence: frames that do not come after it are silence too, not lost. */
  readonly silent: boolean;
  readonly opus: Uint8Array;
};

export class AudioReceiver {
  frameUs: Micros = 10_000;
  readonly counts = { received: 0, recovered: 0, lost: 0, late: 0, malformed: 0 };
  #newest: number | null = null;
  #quiet = false;
  #ready: AudioPacket[] = [];

  handlePacket(header: MediaHeader, datagram: Uint8Array): void {
    const unit = parseAudioUnit(datagram.subarray(MEDIA_HEADER_BYTES));
    if (typeof unit === 'string') {
      this.counts.malformed += 1;
      return;
    }
    const frame = unwrap32(header.frame, this.#newest ?? header.frame + 0x1_0000_0000);
    const missing = this.#newest === null ? 0 : frame - this.#newest - 1;
    if (missing < 0) {
      // An Opus decoder goes forward only; its place was filled already.
      this.counts.late += 1;
      return;
    }
    const recovered = missing > 0 && unit.previous.length > 0;
    if (recovered) {
      this.#ready.push({ frame: frame - 1, capturedAt: header.capturedAt - this.frameUs, silent: false, opus: unit.previous });
      this.counts.recovered += 1;
    }
    if (!this.#quiet) this.counts.lost += missing - Number(recovered);
    this.counts.received += 1;
    this.#newest = frame;
    this.#quiet = header.still;
    this.#ready.push({ frame, capturedAt: header.capturedAt, silent: header.still, opus: unit.primary });
  }

  poll(): AudioPacket | null {
    return this.#ready.shift() ?? null;
  }
}
