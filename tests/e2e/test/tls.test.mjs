// HTTPS from the engine itself, with a certificate of its own making.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Engine } from '../lib/engine.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

// This process asks the engine whether it is up; the certificate is nobody's but the engine's.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

let engine, browser;
before(async () => {
  engine = await Engine.start({ args: ['--tls', 'self-signed'], scheme: 'https' });
  browser = await openBrowser({ args: ['--ignore-certificate-errors'] });
});
after(async () => { await browser?.close(); await engine?.stop(); });

test('a page that came over the engine\'s own TLS is a secure context and plays', async () => {
  const page = await play(browser, engine, 'beacon');
  assert.equal(await page.evaluate(() => `${location.protocol} ${isSecureContext}`), 'https: true');
  await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
  await page.context().close();
});
