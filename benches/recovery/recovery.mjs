// `./bench recovery`: what a lost picture costs by each way to repair it; time is simulated, so the machine's load does not matter.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { measured, options, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'examples', 'measure_recovery');

const { json, plot } = options('Usage: ./bench recovery [options]', {
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const cases = measured(PROGRAM, []);
const ms = (value) => (value === null ? 'never' : round(value, 0));
table([
  ['recovery by', 'clean after ms', 'as sharp as before after ms', 'first clean picture bytes', 'dB', 'more bytes in the second after', 'IDRs'],
  ...cases.map((of) => [of.name, ms(of.clean_after_ms), ms(of.sharp_after_ms), of.first_clean_bytes, round(of.first_clean_db, 1), of.more_bytes, of.idrs]),
]);
write(json, result('recovery', cases, []));
if (plot) {
  const groups = cases.map((of) => ({
    name: of.name,
    bars: [{ label: 'clean', value: of.clean_after_ms }, { label: 'as sharp as before', value: of.sharp_after_ms }]
      .map(({ label, value }) => ({ label, p50: round(value, 0), color: '#5aa9ff' })),
  }));
  writeFileSync(plot, barPlot({ title: 'After a lost picture, at a round trip of 50 ms', unit: 'ms', groups }));
}
