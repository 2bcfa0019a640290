// WebRTC: the player's own fallback, and WHEP for a client that is not ours.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Engine, until } from '../lib/engine.mjs';
import { difference, fingerprint, openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser;
before(async () => { engine = await Engine.start(); browser = await openBrowser(); });
after(async () => { await browser?.close(); await engine?.stop(); });

const AUDIBLE = 0.0005;

test('over WebRTC the picture moves, a key changes it, and it is heard', async () => {
  const page = await play(browser, engine, 'freedoom', { query: '?autostart=1&transport=webrtc' });
  const stats = await untilStats(page, (s) => s.frames.presented > 30 && s.glass_to_glass_ms.n > 10, 'thirty pictures with their times');
  assert.equal(stats.transport, 'webrtc');
  assert.deepEqual([stats.width, stats.height], [1280, 720]);
  const counted = await untilStats(page, (s) => s.bitrate_bps > 0 && s.frames.received > 30, 'what the browser received');
  assert.ok(counted.packets.received > counted.frames.received, `${counted.packets.received} packets for ${counted.frames.received} pictures`);
  const shown = await until(async () => {
    const print = await fingerprint(page);
    return print && Math.max(...print) > 40 && print;
  }, 'a picture that is not black');
  await page.locator('[data-part="stage"]').click();
  await until(async () => {
    await page.keyboard.press('Escape', { delay: 60 });
    return difference(shown, await fingerprint(page)) > 0.6;
  }, 'Escape to open the menu');
  await untilStats(page, (s) => s.audio.level > AUDIBLE, `a sound level over ${AUDIBLE}`);
  await page.context().close();
});

test('where the browser has no WebTransport the player falls back by itself', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => { delete globalThis.WebTransport; });
  const page = await play(browser, engine, 'freedoom', { context });
  const stats = await untilStats(page, (s) => s.frames.presented > 10, 'ten pictures');
  assert.equal(stats.transport, 'webrtc');
  await context.close();
});

test('where WebTransport does not get through the player falls back by itself', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  // A port that nobody answers on, in place of the media port.
  await context.route('**/v1/sessions', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    const response = await route.fetch();
    const body = await response.json();
    const [first, ...rest] = body.endpoints;
    assert.equal(first.kind, 'webtransport');
    return route.fulfill({ response, json: { ...body, endpoints: [{ ...first, url: 'https://127.0.0.1:9/v1/media' }, ...rest] } });
  });
  const page = await play(browser, engine, 'freedoom', { context });
  const stats = await untilStats(page, (s) => s.frames.presented > 10, 'ten pictures');
  assert.equal(stats.transport, 'webrtc');
  await context.close();
});

test('whip-whep, a WHEP client that knows nothing of the engine, gets picture and sound', async () => {
  const key = `flp_${'w'.repeat(43)}`;
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const started = await (await fetch(`${engine.url}v1/sessions`, { method: 'POST', headers, body: '{"title":"freedoom"}' })).json();
  const whep = started.endpoints.find(({ kind }) => kind === 'whep');
  const refused = await fetch(whep.url, { method: 'POST', headers: { Authorization: `Bearer ${started.ticket}`, 'Content-Type': 'application/sdp' }, body: 'hello' });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).type, /:bad-offer$/);
  const stranger = await fetch(whep.url, { method: 'POST', headers: { Authorization: 'Bearer nobody', 'Content-Type': 'application/sdp' }, body: 'v=0\r\nm=video 9 X 1\r\na=rtpmap:1 H264/90000\r\n' });
  assert.equal(stranger.status, 403);
  const page = await (await browser.newContext()).newPage();
  const client = createRequire(import.meta.url).resolve('whip-whep/whep.js');
  await page.route('**/assets/whep.js', (route) => route.fulfill({ path: client, contentType: 'text/javascript' }));
  await page.goto(engine.url);
  const got = await page.evaluate(async ({ url, ticket }) => {
    const { WHEPClient } = await import('/assets/whep.js');
    const pc = new RTCPeerConnection();
    const stream = new MediaStream();
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.ontrack = ({ track }) => stream.addTrack(track);
    const whep = new WHEPClient();
    await whep.view(pc, url, ticket);
    const video = document.createElement('video');
    Object.assign(video, { muted: true, srcObject: stream });
    document.body.append(video);
    const count = async () => {
      const all = [...(await pc.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
      return { video: all.find(({ kind }) => kind === 'video'), audio: all.find(({ kind }) => kind === 'audio') };
    };
    await video.play();
    let seen = await count();
    while (!(seen.video?.framesDecoded > 30 && seen.audio?.packetsReceived > 3)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen = await count();
    }
    await whep.stop();
    return { frames: seen.video.framesDecoded, sound: seen.audio.packetsReceived, width: video.videoWidth };
  }, { url: whep.url, ticket: started.ticket });
  assert.equal(got.width, 1280);
  // It hung up: the session waits for its player.
  await until(async () => {
    const session = await (await fetch(`${engine.url}v1/sessions/${started.session}`, { headers })).json();
    return session.state === 'waiting';
  }, 'the session to wait');
  await page.context().close();
});
