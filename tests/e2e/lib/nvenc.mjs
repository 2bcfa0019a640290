// NVIDIA's driver as the double plays it (encoder/nvenc-double): a folder for LD_LIBRARY_PATH.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binary } from './engine.mjs';

export class Nvenc {
  /** `control`: lines of `key = value`, as encoder/nvenc-double/src/control.rs lists them. */
  constructor(control = '') {
    const library = join(dirname(binary()), 'libfirstlight_nvenc_double.so');
    if (!existsSync(library)) throw new Error(`${library} is not there: ./test e2e builds it`);
    this.folder = mkdtempSync(join(tmpdir(), 'firstlight-nvenc-'));
    copyFileSync(library, join(this.folder, 'libnvidia-encode.so.1'));
    symlinkSync('libnvidia-encode.so.1', join(this.folder, 'libcuda.so.1'));
    this.control(control);
  }

  /** For the engine's environment. */
  get env() { return { LD_LIBRARY_PATH: this.folder }; }

  control(lines) {
    writeFileSync(join(this.folder, 'control.new'), lines);
    renameSync(join(this.folder, 'control.new'), join(this.folder, 'control'));
  }

  /** What happened, line by line: `open`, `picture IDR 1234 bytes`, `close`. */
  get log() { return this.#lines('log'); }

  get pictures() { return this.log.filter((line) => line.startsWith('picture')).length; }

  /** Rules of the driver's interface that were broken. */
  get broken() { return this.#lines('report'); }

  #lines(file) {
    try { return readFileSync(join(this.folder, file), 'utf8').split('\n').filter(Boolean); } catch { return []; }
  }

  forget() { rmSync(this.folder, { recursive: true, force: true }); }
}
