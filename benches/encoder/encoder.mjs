// `./bench encoder`: records clips of games, encodes them by every backend that works here, and compares.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, distribution, options, printBars, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'encoder');
const [WIDTH, HEIGHT, FPS] = [1280, 720, 60];
const ALL = ['x264', 'openh264', 'aom', 'gst-x264enc', 'gst-openh264enc', 'gst-av1enc'];

const given = options('Usage: ./bench encoder [options]', {
  pictures: { default: 300, help: 'pictures of each clip', parse: Number },
  rates: { default: [2, 5, 10, 20], help: 'Mbit/s, such as 2,5', parse: (text) => text.split(',').map(Number) },
  backends: { default: ALL, help: 'by name, such as x264,aom', parse: (text) => text.split(',') },
  clips: { default: undefined, help: 'folder of clips that were recorded before; they are kept there' },
  rounds: { default: 3, help: 'runs of our wrapper against bare libx264', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

/** What is recorded: a game's own demonstration, at 60 pictures a second. */
const GAMES = {
  freedoom1: ['/usr/games/crispy-doom', '-iwad', '/usr/share/games/doom/freedoom1.wad', '-playdemo', 'demo1', '-window', '-width', '1280', '-height', '720'],
  freedoom2: ['/usr/games/crispy-doom', '-iwad', '/usr/share/games/doom/freedoom2.wad', '-playdemo', 'demo2', '-window', '-width', '1280', '-height', '720'],
  lbreakouthd: ['/usr/games/lbreakouthd'],
};

const folder = given.clips ?? mkdtempSync(join(tmpdir(), 'firstlight-clips-'));
mkdirSync(folder, { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'firstlight-encoder-'));

try {
  const clips = [];
  for (const [name, command] of Object.entries(GAMES)) clips.push({ name, file: await record(name, command) });
  const cases = [];
  for (const clip of clips) for (const backend of given.backends) cases.push(...measure(clip, backend));
  for (const clip of clips) for (const codec of ['h264', 'av1']) cases.push(...given.rates.map((mbps) => plain(clip, codec, mbps)));
  const overhead = againstBare(clips);
  print(cases, overhead);
  const bars = [
    bar('our wrapper over bare libx264, median time a picture', overhead.percent, 3, '%'),
    ...given.backends.map((backend) => {
      const steps = cases.filter((c) => c.backend === backend && c.step_percent !== undefined);
      return bar(`${backend}: bitrate off target after a step, worst clip`, Math.max(...steps.map((c) => Math.abs(c.step_percent - 100))), 25, '%');
    }),
  ];
  printBars(bars);
  write(given.json, result('encoder', cases, bars, { overhead }));
  if (given.plot) draw(cases);
} finally {
  rmSync(work, { recursive: true, force: true });
  if (given.clips === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Has the game play by itself on a display of its own, and keeps what it shows. */
async function record(name, command) {
  const file = join(folder, `${name}.bgr0`);
  if (existsSync(file) && statSync(file).size >= given.pictures * WIDTH * HEIGHT * 4) return file;
  console.error(`recording ${name}`);
  const display = `:${300 + Object.keys(GAMES).indexOf(name)}`;
  const screen = spawn('Xvfb', [display, '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp'], { stdio: 'ignore' });
  const home = mkdtempSync(join(work, 'home-'));
  const env = { ...process.env, DISPLAY: display, HOME: home, SDL_VIDEODRIVER: 'x11', SDL_RENDER_DRIVER: 'software', SDL_AUDIODRIVER: 'dummy' };
  await waitFor(() => existsSync(`/tmp/.X11-unix/X${display.slice(1)}`));
  const game = spawn(command[0], command.slice(1), { stdio: 'ignore', env });
  try {
    // Past what it shows while it loads.
    await new Promise((done) => setTimeout(done, 6_000));
    execFileSync('ffmpeg', ['-loglevel', 'error', '-y', '-f', 'x11grab', '-framerate', String(FPS), '-video_size', `${WIDTH}x${HEIGHT}`, '-draw_mouse', '0',
      '-i', display, '-frames:v', String(given.pictures), '-f', 'rawvideo', '-pix_fmt', 'bgr0', file]);
  } finally {
    game.kill('SIGKILL');
    screen.kill('SIGTERM');
  }
  return file;
}

async function waitFor(isTrue) {
  for (let tries = 0; !isTrue(); tries += 1) {
    if (tries > 100) throw new Error('Xvfb does not start');
    await new Promise((done) => setTimeout(done, 100));
  }
}

function program(clip, preset, ...what) {
  const size = ['--width', WIDTH, '--height', HEIGHT, '--fps', FPS, '--preset', preset].map(String);
  return JSON.parse(execFileSync(PROGRAM, ['--clip', clip.file, ...size, ...what.map(String)], { encoding: 'utf8', maxBuffer: 1 << 26 }));
}

/** Each preset at each rate, and a step of the rate. */
function measure(clip, backend) {
  const cases = [];
  for (const preset of backend === 'openh264' || backend === 'gst-openh264enc' ? ['fastest'] : ['fastest', 'fast']) {
    for (const mbps of given.rates) {
      console.error(`${clip.name}: ${backend} ${preset} at ${mbps} Mbit/s`);
      const stream = join(work, 'stream');
      const found = program(clip, preset, 'run', backend, mbps * 1000, stream);
      const seconds = found.bytes.length / FPS;
      cases.push({
        name: `${clip.name} ${backend} ${preset} ${mbps}`, clip: clip.name, backend, preset, mbps,
        encode_ms: distribution(found.encode_ms), cpu_ms: round(found.cpu_ms / found.bytes.length),
        produced_mbps: round((found.bytes.reduce((a, b) => a + b) * 8) / seconds / 1e6, 2),
        largest_of_cap: round(Math.max(...found.bytes.slice(1)) / found.cap_bytes, 2),
        ...quality(clip, stream, found.codec),
      });
    }
  }
  const { bytes } = program(clip, 'fastest', 'step', backend, 8_000, 2_000);
  const after = bytes.slice(5, 35);
  cases[0].step_percent = round((after.reduce((a, b) => a + b) * 8 * FPS) / after.length / 2e6 * 100, 1);
  return cases;
}

/** PSNR and SSIM of luma and chroma together, by ffmpeg's own filters. */
function quality(clip, stream, codec) {
  const format = codec.startsWith('av01') ? 'obu' : codec === 'any' ? undefined : 'h264';
  const source = ['-f', 'rawvideo', '-pix_fmt', 'bgr0', '-s', `${WIDTH}x${HEIGHT}`, '-r', String(FPS), '-i', clip.file];
  const graph = '[0:v]settb=1/60,setpts=N[a];[1:v]scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,settb=1/60,setpts=N,split[b][c];[a]split[d][e];[d][b]psnr[x];[e][c]ssim';
  const flags = ['-loglevel', 'info', '-nostats', '-r', String(FPS), ...(format ? ['-f', format] : []), '-i', stream, ...source];
  const said = runForWords('ffmpeg', [...flags, '-lavfi', `${graph};[x]nullsink`, '-f', 'null', '-']);
  return { psnr_db: Number(/PSNR.*average:([\d.]+)/.exec(said)?.[1]), ssim: Number(/SSIM.*All:([\d.]+)/.exec(said)?.[1]) };
}

/** Plain ffmpeg with the same codec, told what a page of advice would tell it. */
function plain(clip, codec, mbps) {
  console.error(`${clip.name}: ffmpeg ${codec} at ${mbps} Mbit/s`);
  const stream = join(work, 'plain.mkv');
  const rate = ['-b:v', `${mbps}M`, '-maxrate', `${mbps}M`, '-bufsize', `${Math.round((mbps * 1e6) / FPS)}`];
  const encoder = codec === 'h264'
    ? ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-threads', '2', '-g', '100000', ...rate]
    : ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0', '-threads', '2', '-row-mt', '1', '-g', '100000', ...rate];
  const source = ['-f', 'rawvideo', '-pix_fmt', 'bgr0', '-s', `${WIDTH}x${HEIGHT}`, '-r', String(FPS), '-i', clip.file];
  const color = ['-vf', 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p'];
  const said = runForWords('ffmpeg', ['-loglevel', 'info', '-nostats', '-benchmark', '-y', ...source, ...color, ...encoder, stream]);
  const cpu = /utime=([\d.]+)s stime=([\d.]+)s/.exec(said);
  const bytes = statSync(stream).size;
  return {
    name: `${clip.name} ffmpeg ${codec} ${mbps}`, clip: clip.name, backend: `ffmpeg ${codec}`, preset: 'plain', mbps,
    // Conversion is in it, which ours is not.
    cpu_ms: round(((Number(cpu?.[1]) + Number(cpu?.[2])) * 1e3) / given.pictures),
    produced_mbps: round((bytes * 8 * FPS) / given.pictures / 1e6, 2),
    ...quality(clip, stream, 'any'),
  };
}

function runForWords(command, flags) {
  try {
    return execFileSync('bash', ['-c', `exec "$0" "$@" 2>&1`, command, ...flags], { encoding: 'utf8', maxBuffer: 1 << 26 });
  } catch (error) {
    throw new Error(`${command} failed: ${error.stdout?.slice(-2000)}`);
  }
}

/** Interleaved picture by picture; the median of each round's ratio of medians. */
function againstBare(clips) {
  const ratios = [];
  for (const clip of clips) {
    for (let n = 0; n < given.rounds; n += 1) {
      const { encode_ms, bare_ms } = program(clip, 'fastest', 'bare', 8_000);
      ratios.push({ clip: clip.name, ours: distribution(encode_ms).p50, bare: distribution(bare_ms).p50 });
    }
  }
  const percents = ratios.map(({ ours, bare }) => (ours / bare - 1) * 100).sort((a, b) => a - b);
  return { rounds: ratios, percent: round(percents[Math.floor(percents.length / 2)], 2) };
}

function print(cases, overhead) {
  table([
    ['clip, backend, preset, Mbit/s', 'ms p50', 'p99', 'cpu ms', 'Mbit/s', 'largest/cap', 'PSNR dB', 'SSIM', 'step %'],
    ...cases.map((c) => [c.name, c.encode_ms?.p50, c.encode_ms?.p99, c.cpu_ms, c.produced_mbps, c.largest_of_cap, round(c.psnr_db, 2), round(c.ssim, 4), c.step_percent]),
  ]);
  console.log(`\nOur wrapper over bare libx264 (8 Mbit/s, interleaved, ${overhead.rounds.length} rounds): ${overhead.percent} %`);
}

function draw(cases) {
  const colors = { x264: '#5aa9ff', openh264: '#7bd88f', aom: '#f2b266', 'gst-x264enc': '#8892a6', 'gst-openh264enc': '#8892a6', 'gst-av1enc': '#8892a6' };
  const timed = cases.filter((c) => c.encode_ms !== undefined && c.preset === 'fastest' && c.mbps === given.rates[0]);
  const groups = Object.keys(GAMES).map((name) => ({
    name,
    bars: timed.filter((c) => c.clip === name).map((c) => ({ label: c.backend, p50: c.encode_ms.p50, p95: c.encode_ms.p99, color: colors[c.backend] ?? '#8892a6' })),
  }));
  writeFileSync(given.plot, barPlot({ title: `A picture's time at ${given.rates[0]} Mbit/s, 720p (p50, p99)`, unit: 'ms', groups }));
}
