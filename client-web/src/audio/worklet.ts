/** Runs in the audio thread: samples from the worker into the card, and a report a few times a second. */
import { JitterBuffer } from './jitter';
import { type FromDecoder, type FromWorklet, type ToWorklet, WORKLET_NAME } from './messages';

declare const sampleRate: number;
declare const currentTime: number;
declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

class SoundProcessor extends AudioWorkletProcessor {
  readonly #buffer = new JitterBuffer(sampleRate);
  #quanta = 0;
  /** Sums of squares and counts of the last two quarter seconds. */
  #power = { before: 0, beforeCount: 0, current: 0, count: 0 };

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToWorklet>) => {
      if (data.type === 'hold') {
        this.#buffer.hold = data.samples;
        return;
      }
      data.port.onmessage = ({ data: samples }: MessageEvent<FromDecoder>) => {
        const { frame, capturedAt, left, right, silent } = samples;
        this.#buffer.push(currentFrame, frame, capturedAt, left, right, silent);
      };
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const left = outputs[0]?.[0];
    const right = outputs[0]?.[1];
    if (left === undefined || right === undefined) return true;
    const capturedAt = this.#buffer.pull(left, right);
    for (let n = 0; n < left.length; n += 1) this.#power.current += ((left[n] ?? 0) ** 2 + (right[n] ?? 0) ** 2) / 2;
    this.#power.count += left.length;
    this.#quanta += 1;
    if (this.#quanta % REPORT_QUANTA === 0) this.#report(capturedAt);
    return true;
  }

  #report(capturedAt: number | null): void {
    const { before, beforeCount, current, count } = this.#power;
    const message: FromWorklet = {
      type: 'report',
      contextTime: currentTime,
      capturedAt,
      bufferMs: (1000 * this.#buffer.level) / sampleRate,
      underruns: this.#buffer.counts.underruns,
      concealed: this.#buffer.counts.concealed,
      level: Math.sqrt((before + current) / (beforeCount + count)),
    };
    this.port.postMessage(message);
    this.#power = { before: current, beforeCount: count, current: 0, count: 0 };
  }
}

/** A quarter of a second. */
const REPORT_QUANTA = 94;

registerProcessor(WORKLET_NAME, SoundProcessor);
