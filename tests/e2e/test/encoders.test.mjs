// Every encoder that this machine has without hardware, in a browser.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { Engine, binary, titlesFolder } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

const ENCODERS = [
  ['x264', 'libx264', 'avc1.'],
  ['openh264', 'openh264', 'avc1.'],
  ['aom', 'libaom', 'av01.'],
  ['gst-x264enc', 'gst-x264enc', 'avc1.'],
  ['gst-openh264enc', 'gst-openh264enc', 'avc1.'],
  ['gst-av1enc', 'gst-av1enc', 'av01.'],
];

let browser, titles;
before(async () => {
  titles = titlesFolder({
    beacon: { from: 'beacon' },
    forced: { from: 'beacon', edit: (toml) => toml.replace('[input]', '[video]\nencoder = "av1"\n\n[input]') },
  });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); rmSync(titles, { recursive: true, force: true }); });

for (const [word, name, codec] of ENCODERS) {
  test(`--encoder ${word}: the picture is right, and in order`, async () => {
    const engine = await Engine.start({ titles, args: ['--encoder', word] });
    try {
      const page = await play(browser, engine, 'beacon');
      await assertPlays(page, name, codec);
      await page.context().close();
    } finally { await engine.stop(); }
  });
}

test('a title may ask for a codec', async () => {
  const engine = await Engine.start({ titles });
  try {
    const page = await play(browser, engine, 'forced');
    await assertPlays(page, 'libaom', 'av01.');
    await page.context().close();
  } finally { await engine.stop(); }
});

test('an encoder that is not here is refused in one line', () => {
  for (const [word, said] of [['nothing', /there is no encoder 'nothing'; this build has /], ['gst-vah264enc', /nothing encodes by gst-vah264enc on this machine: /]]) {
    const run = () => execFileSync(binary(), ['up', '--titles', titles, '--encoder', word, '--listen', 'localhost:0'], { encoding: 'utf8', stdio: 'pipe', timeout: 20_000 });
    assert.throws(run, (error) => error.status !== 0 && said.test(error.stderr), `${word} is refused`);
  }
});

async function assertPlays(page, name, codec) {
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.seen = [];
    firstlight.observe(rect, ({ luma }) => { seen.push(sampleBarcode(luma)); seen.splice(0, seen.length - 300); });
  }, RECT);
  const stats = await untilStats(page, (s) => s.frames.decoded > 60 && s.encoder !== '', `pictures by ${name}`);
  assert.ok(stats.codec.startsWith(codec), stats.codec);
  assert.equal(stats.encoder, name);
  const codes = (await page.evaluate(() => globalThis.seen)).map(decodeBarcode).filter((code) => code !== null);
  assert.ok(codes.length > 20, `${codes.length} barcodes were read`);
  const frames = codes.map((code) => code.frame);
  assert.deepEqual(frames, [...frames].sort((a, b) => a - b), 'in order');
}
