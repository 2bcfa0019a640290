/**
 * Access units in, pictures out, with `VideoDecoder`.
 *
 * It opens a decoder by the first IDR's own parameter sets, because the picture arrives before anything else does. After
 * an error it opens a new one at the next IDR, in software if the browser's first choice has failed twice.
 * Whoever takes a `Picture` closes its frame.
 */
import type { AccessUnit } from '../receive/unit';
import type { Micros } from '../time';
import { codecOf } from './codec';
import { Watch } from './watch';

export type Picture = {
  readonly frame: VideoFrame;
  readonly unit: AccessUnit;
  readonly submittedAt: Micros;
  readonly decodedAt: Micros;
};

export type DecoderEvents = {
  readonly onPicture: (picture: Picture) => void;
  /** `discarded` access units were in it. The next one must be an IDR. */
  readonly onBroken: (discarded: number) => void;
  readonly onDoesNotFollow: () => void;
};

type Inside = { readonly unit: AccessUnit; readonly submittedAt: Micros };

export class PictureDecoder {
  readonly watch = new Watch();
  readonly #now: () => Micros;
  readonly #events: DecoderEvents;
  #decoder: VideoDecoder | null = null;
  #codec = '';
  #inside = new Map<number, Inside>();
  #lastTimestamp = 0;
  #errors = 0;

  constructor(now: () => Micros, events: DecoderEvents) {
    this.#now = now;
    this.#events = events;
  }

  decode(unit: AccessUnit): void {
    const codec = unit.idr ? codecOf(unit.nals) : null;
    if (codec !== null && (this.#decoder === null || codec !== this.#codec)) this.#open(codec);
    // What was on its way when the decoder broke: nothing can be made of it.
    if (this.#decoder === null && !unit.idr) return;
    const now = this.#now();
    // Two pictures of one still surface were captured at the same time; timestamps name them apart.
    const timestamp = Math.max(unit.capturedAt, this.#lastTimestamp + 1);
    this.#lastTimestamp = timestamp;
    this.#inside.set(timestamp, { unit, submittedAt: now });
    this.watch.onSubmitted(now, unit.frame, unit.recovery && unit.skipped > 0);
    try {
      if (this.#decoder?.state !== 'configured') throw new Error('no IDR yet');
      this.#decoder.decode(new EncodedVideoChunk({ type: unit.idr ? 'key' : 'delta', timestamp, data: unit.nals }));
    } catch {
      this.#fail();
      return;
    }
    this.#judge(now);
  }

  /** Forgets everything; the next access unit must be an IDR. Pictures of before do not come out any more. */
  reset(): void {
    if (this.#decoder !== null && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
    this.#inside.clear();
    this.watch.clear();
  }

  get codec(): string {
    return this.#codec;
  }

  get name(): string {
    return this.#errors >= SOFTWARE_AFTER ? 'WebCodecs (software)' : 'WebCodecs';
  }

  #open(codec: string): void {
    this.reset();
    this.#codec = codec;
    const decoder: VideoDecoder = new VideoDecoder({
      output: (frame) => this.#onOutput(decoder, frame),
      error: () => {
        if (decoder === this.#decoder) this.#fail();
      },
    });
    this.#decoder = decoder;
    decoder.configure({
      codec,
      // Without it Chromium keeps one picture back (measured).
      optimizeForLatency: true,
      hardwareAcceleration: this.#errors >= SOFTWARE_AFTER ? 'prefer-software' : 'no-preference',
    });
  }

  #onOutput(decoder: VideoDecoder, frame: VideoFrame): void {
    const inside = this.#inside.get(frame.timestamp);
    if (decoder !== this.#decoder || inside === undefined) {
      frame.close();
      return;
    }
    // Decoding order is showing order: what came before it never comes.
    for (const timestamp of this.#inside.keys()) {
      if (timestamp <= frame.timestamp) this.#inside.delete(timestamp);
    }
    this.watch.onOutput(inside.unit.frame);
    this.#events.onPicture({ frame, ...inside, decodedAt: this.#now() });
  }

  #judge(now: Micros): void {
    const verdict = this.watch.verdict(now);
    if (verdict === 'stuck') this.#fail();
    if (verdict === 'does_not_follow') {
      this.watch.clear();
      this.#events.onDoesNotFollow();
    }
  }

  #fail(): void {
    this.#errors += 1;
    const discarded = this.#inside.size;
    this.reset();
    this.#events.onBroken(discarded);
  }
}

/** The codecs that this browser decodes, best first; empty: none. H.264 it says, AV1 it has to show. */
export async function supportedCodecs(): Promise<string[]> {
  if (typeof VideoDecoder === 'undefined') return [];
  const asked = CODECS.map(async (codec) => {
    try {
      const { supported } = await VideoDecoder.isConfigSupported({ codec, optimizeForLatency: true });
      return supported === true && (codec !== AV1 || (await decodesAv1())) ? [codec] : [];
    } catch {
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Decodes one picture. */
async function decodesAv1(): Promise<boolean> {
  let pictures = 0;
  const decoder = new VideoDecoder({
    output: (frame) => {
      pictures += 1;
      frame.close();
    },
    error: () => undefined,
  });
  decoder.configure({ codec: AV1, optimizeForLatency: true });
  const data = Uint8Array.from(atob(AV1_PICTURE), (char) => char.charCodeAt(0));
  decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data }));
  await decoder.flush();
  decoder.close();
  return pictures === 1;
}

/** Opens a decoder and closes it again: what it loads stays loaded. */
export async function warmDecoder(codec: string | undefined): Promise<void> {
  if (codec === undefined || typeof VideoDecoder === 'undefined') return;
  try {
    const decoder = new VideoDecoder({ output: (frame) => frame.close(), error: () => undefined });
    decoder.configure({ codec, optimizeForLatency: true });
    await decoder.flush();
    decoder.close();
  } catch {
    // It shows when there is something to decode.
  }
}

/** Baseline first: it decodes fastest (measured), and the engine encodes without B-frames whatever the profile. */
const AV1 = 'av01.0.08M.08';
const CODECS = ['avc1.42E02A', 'avc1.4D402A', 'avc1.64002A', AV1];
/** A key frame of 16 by 16 pixels, all grey. */
const AV1_PICTURE = 'EgAKCgAAAAGf+bXyAIAyDRAAxQBhhhgoJIA5UcA=';
const SOFTWARE_AFTER = 2;
