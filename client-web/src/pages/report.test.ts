// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeDocument } from '../../tests/document';
import { STAGES } from '../stats';
import { ReportPage } from './report';
import { span } from './report-charts';
import { asReport, bars, gradeOf, indexAt, pile, type Report, roundUp, spanOf, steps } from './report-model';

const parts = (us: number): number[] => STAGES.map((_, at) => (at === 12 ? -us : us));

function report(over: Partial<Report> = {}): Report {
  const delay = { pictures: 6, p50_us: 11_000, p95_us: 12_000, stages_us: parts(1_000), error_us: 0, stage_error_us: 700 };
  return {
    version: 1,
    link: '/report/abc#flr_key',
    session: 'abc',
    title: 'beacon',
    class: 'action',
    display: { width: 1280, height: 720, fps: 60 },
    began_ms: 1_700_000_000_000,
    lasted_ms: 6_000,
    ended: { reason: 'by_player', message: 'You ended the session.' },
    scores: { whole: 8_765, start: 9_000, mean: 8_800, worst_decile: 4_000, exit: 10_000, seconds: 4, good: 3, words: 'Good.', reasons: [{ factor: 'delay', seconds: 1, words: 'it <b>lagged</b>' }] },
    start: { parked: false, placed_us: 1_000, connected_us: 2_000, thawed_us: 0, first_frame_us: 3_000, shown_us: 4_000, total_us: 10_000 },
    click_to_photon: { ...delay, means: 'from an input' },
    glass_to_glass: delay,
    frames: { expected: 240, shown: 230, lost: 1, late: 2, dropped: 3, frozen_ms: 300, freezes: 1 },
    timeline: {
      step_s: 1,
      at_s: [0, 1, 2, 4],
      score: [9_000, 4_000, null, 10_000],
      delay_us: [11_000, 90_000, null, 11_000],
      variation_us: [0, 0, 0, 0],
      frozen_ms: [0, 300, 0, 0],
      expected: [60, 60, 60, 60],
      shown: [60, 50, 60, 60],
      received_bps: [1e6, 2e6, 3e6, 1e6],
      target_bps: [8e6, 8e6, 8e6, 8e6],
      width: [1280, 1280, 1280, 1280],
      height: [720, 720, 720, 720],
      rtt_us: [1000, 1000, 1000, 1000],
      lost: [0, 1, 0, 0],
      late: [0, 2, 0, 0],
      dropped: [0, 3, 0, 0],
      clicks: [2, 2, 0, 2],
      picture_stages_us: [parts(10), parts(20), [], parts(10)],
      click_stages_us: [parts(1000), parts(2000), [], parts(1000)],
    },
    events: [{ at_ms: 500, what: 'frozen', words: 'The picture stood still', lasted_ms: 300 }],
    events_left_out: 2,
    ...over,
  };
}

describe('what is drawn of a report', () => {
  it('other versions are not read', () => {
    expect(asReport(report())).not.toBeNull();
    for (const other of [null, {}, 'no', { ...report(), version: 2 }]) expect(asReport(other)).toBeNull();
  });

  it('a second of 70 is good, and one that was not judged has no grade', () => {
    expect([null, 0, 4_999, 5_000, 6_999, 7_000].map(gradeOf)).toEqual(['none', 'poor', 'poor', 'fair', 'fair', 'good']);
  });

  it('bars stand in their second and on what lies below them', () => {
    const box = { width: 100, height: 50, span: 5, top: 100 };
    const { timeline } = report();
    expect(bars(timeline, [50, null, 0, 200], box)).toBe('M0.0 50.0H20.0v-25.0H0.0zM80.0 50.0H100.0v-50.0H80.0z');
    expect(bars(timeline, [50], box, [50])).toBe('M0.0 25.0H20.0v-25.0H0.0z');
  });

  it('a line is broken where seconds are missing', () => {
    const box = { width: 100, height: 50, span: 5, top: 100 };
    expect(steps(report().timeline, [0, 100, 100, 100], box)).toBe('M0.0 50.0H20.0L20.0 0.0H40.0L40.0 0.0H60.0M80.0 0.0H100.0');
  });

  it('stages pile up to their sum, and what is below nothing has no height', () => {
    const piled = pile(report().timeline, true);
    expect(piled.at(-1)).toEqual({ stage: 'unattributed', values: [0, 0, 0, 0], base: [12_000, 24_000, 0, 12_000] });
  });

  it('scales and seconds', () => {
    expect([0, 7, 12, 50, 0.3].map(roundUp)).toEqual([1, 10, 20, 50, 0.5]);
    expect([0.2, 3.5, 4.9, 7].map((at) => indexAt(report().timeline, at))).toEqual([0, null, 3, null]);
    expect(spanOf(report({ lasted_ms: 100 }))).toBe(5);
  });
});

describe('the page of a report', () => {
  let root: HTMLElement;
  let page: ReportPage;
  let asked: { url: string; key: string }[];
  let answers: { status: number; body: unknown }[];

  beforeEach(() => {
    vi.useFakeTimers();
    fakeDocument();
    localStorage.clear();
    document.body.replaceChildren();
    root = document.body.appendChild(document.createElement('div'));
    asked = [];
    answers = [];
    vi.stubGlobal('fetch', (url: string, { headers }: { headers: Record<string, string> }) => {
      asked.push({ url, key: headers['Authorization'] ?? '' });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer === undefined
        ? Promise.reject(new TypeError('offline'))
        : Promise.resolve({ ok: answer.status === 200, json: () => Promise.resolve(answer.body) });
    });
  });

  afterEach(() => {
    page.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function open(key: string | null = null): Promise<void> {
    page = new ReportPage({ root, session: 'abc', key });
    await vi.advanceTimersByTimeAsync(0);
  }

  it('shows the score, its reasons, and stages that sum to the whole', async () => {
    answers = [{ status: 200, body: report() }];
    await open('flr_key');
    expect(asked).toEqual([{ url: '/v1/sessions/abc/report', key: 'Bearer flr_key' }]);
    expect(root.querySelector('.report-score')!.textContent).toContain('87.7');
    const delay = root.querySelector<HTMLElement>('[data-part=delay]')!;
    expect(Number(delay.dataset['totalUs'])).toBe(11_000);
    expect(delay.querySelectorAll('li')).toHaveLength(13);
    expect(delay.textContent).toContain('±0.7 ms');
    expect([999, 1_500_000, 0].map(span)).toEqual(['1.0 ms', '1.5 s', '0.0 ms']);
    expect(root.querySelector<HTMLAnchorElement>('[data-part=link]')!.href).toMatch(/\/report\/abc#flr_key$/);
    // Words are text, whatever they say.
    expect(root.querySelector('.report-reasons')!.textContent).toContain('it <b>lagged</b>');
    expect(root.textContent).toContain('and 2 more');
  });

  it('without a link’s key the player’s own is shown, and a session that goes on is asked for again', async () => {
    answers = [{ status: 200, body: report({ ended: null }) }, { status: 200, body: report() }];
    await open();
    expect(asked[0]!.key).toMatch(/^Bearer flp_/);
    expect(root.textContent).toContain('It goes on');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked).toHaveLength(2);
  });

  it('a report that is not there is said to be so, once', async () => {
    answers = [{ status: 404, body: { type: 'urn:firstlight:problem:unknown-session', detail: 'There is no report of it.' } }];
    await open();
    expect(root.querySelector('[data-problem=unknown-session]')!.textContent).toContain('There is no report of it.');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked).toHaveLength(1);
  });

  it('an engine that does not answer is asked again', async () => {
    await open();
    expect(root.querySelector('[data-problem=unreachable]')).not.toBeNull();
    answers = [{ status: 200, body: report() }];
    await vi.advanceTimersByTimeAsync(3_000);
    expect(root.querySelector('.report-score')).not.toBeNull();
  });

  it('a report without a second, a start or a click is shown all the same', async () => {
    const none = { pictures: 0, p50_us: 0, p95_us: 0, stages_us: [], error_us: 0, stage_error_us: 0 };
    const { timeline } = report();
    const empty = Object.fromEntries(Object.keys(timeline).map((column) => [column, column === 'step_s' ? 1 : []]));
    answers = [
      {
        status: 200,
        body: report({
          start: null,
          scores: { ...report().scores, whole: null, reasons: [], words: 'Nothing was judged.' },
          click_to_photon: { ...none, means: '' },
          glass_to_glass: none,
          timeline: empty as unknown as Report['timeline'],
          events: [],
        }),
      },
    ];
    await open();
    expect(root.querySelector('.report-score')!.textContent).toContain('–');
    expect(root.textContent).toContain('No picture was measured.');
  });
});
