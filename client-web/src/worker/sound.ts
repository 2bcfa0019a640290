/** Opus packets in, samples to the worklet's port out. */
import type { AudioPacket } from '../receive/audio';
import type { FromDecoder } from '../audio/messages';
import type { Micros } from '../time';

export class SoundDecoder {
  frameUs: Micros = 10_000;
  sampleRate = 48_000;
  channels = 2;
  #port: MessagePort | null = null;
  #decoder: AudioDecoder | null = null;
  /** Packets that went into a decoder. Browsers stamp what comes out by counting samples, so a hole in the timestamps would set all later ones off. */
  #count = 0;
  /** Frame and capture time of what is in the decoder, by timestamp. */
  #inside = new Map<number, { readonly frame: number; readonly capturedAt: Micros; readonly silent: boolean }>();

  set port(port: MessagePort) {
    this.#port = port;
  }

  decode(packet: AudioPacket): void {
    if (this.#port === null || packet.opus.length === 0 || typeof AudioDecoder === 'undefined') return;
    const timestamp = this.#count * this.frameUs;
    this.#count += 1;
    this.#inside.set(timestamp, packet);
    if (this.#inside.size > INSIDE_MAX) this.#inside.clear();
    try {
      this.#decoder ??= this.#open();
      this.#decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp, data: packet.opus }));
    } catch {
      this.reset();
    }
  }

  /** A new attachment: what is in the decoder is of the old one. */
  reset(): void {
    if (this.#decoder !== null && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
    this.#inside.clear();
  }

  #open(): AudioDecoder {
    const decoder: AudioDecoder = new AudioDecoder({
      output: (samples) => this.#onOutput(samples),
      error: () => {
        // The next packet opens another one.
        if (decoder === this.#decoder) this.reset();
      },
    });
    decoder.configure({ codec: 'opus', sampleRate: this.sampleRate, numberOfChannels: this.channels });
    return decoder;
  }

  #onOutput(samples: AudioData): void {
    const timestamp = Math.round(samples.timestamp / this.frameUs) * this.frameUs;
    const inside = this.#inside.get(timestamp);
    this.#inside.delete(timestamp);
    if (inside !== undefined && this.#port !== null) {
      const left = plane(samples, 0);
      const right = samples.numberOfChannels > 1 ? plane(samples, 1) : left.slice();
      const { frame, capturedAt, silent } = inside;
      const message: FromDecoder = { type: 'samples', frame, capturedAt, silent, left, right };
      this.#port.postMessage(message, [left.buffer, right.buffer]);
    }
    samples.close();
  }
}

function plane(samples: AudioData, planeIndex: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(samples.numberOfFrames);
  samples.copyTo(out, { planeIndex, format: 'f32-planar' });
  return out;
}

/** Half a second of 5 ms frames. */
const INSIDE_MAX = 100;
