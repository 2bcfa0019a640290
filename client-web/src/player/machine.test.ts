import { describe, expect, it } from 'vitest';
import type { Answer, Created, Problem, Session } from '../api';
import { type Action, type Event, Machine } from './machine';
import type { Stored } from './store';

const ENDPOINTS = [{ kind: 'webtransport', url: 'https://h:1/v1/media', certSha256: ['ab'] }];
const OWN: Stored = { session: 's1', secret: 'first', endpoints: ENDPOINTS };
const problem = (problem: string, over: Partial<Problem> = {}) => ({
  ok: false as const,
  problem,
  status: 503,
  detail: '',
  retryAfterS: null,
  ...over,
});
const created = (session: string): Answer<Created> => ({ ok: true, value: { session, ticket: 't', endpoints: ENDPOINTS } });
const session = (over: Partial<Session> = {}): Session => ({
  session: 's1',
  title: 'doom',
  state: 'waiting',
  waitLeft: null,
  reason: null,
  message: null,
  endpoints: ENDPOINTS,
  ...over,
});
const status = (over: Partial<Session> = {}): Event => ({
  on: 'status',
  session: over.session ?? 's1',
  answer: { ok: true, value: session(over) },
});

/** A machine, a clock, and everything that it asked for. */
class Rig {
  readonly machine = new Machine('doom');
  now = 1000;
  actions: Action[] = [];

  on(event: Event): this {
    this.actions = this.machine.handle(this.now, event);
    return this;
  }

  /** Until the next timeout. */
  wait(): this {
    this.now = this.machine.timeoutAt() ?? this.now;
    this.actions = this.machine.handleTimeout(this.now);
    return this;
  }

  get did(): string[] {
    return this.actions.map((action) => action.do);
  }

  get attempt(): number {
    const attach = this.actions.find((action) => action.do === 'attach');
    if (attach === undefined) throw new Error(`no attach in ${this.did.join()}`);
    return attach.attempt;
  }

  get url(): string | undefined {
    return this.actions.find((action) => action.do === 'attach')?.url;
  }

  get words() {
    return this.actions.find((action) => action.do === 'over')?.words;
  }

  /** Plays a fresh session. */
  play(): this {
    const attempt = this.on({ on: 'start', own: null, last: null }).on({ on: 'created', answer: created('s1') }).attempt;
    this.on({ on: 'opened', attempt });
    this.on({ on: 'welcome', attempt, waitS: 120 });
    this.on({ on: 'secret', attempt, generation: 1, secret: 'one' });
    this.on({ on: 'picture', attempt });
    this.last = attempt;
    return this;
  }

  last = 0;

  close(code: number | null, reason = '', opened = true): this {
    return this.on({ on: 'closed', attempt: this.last, opened, code, reason });
  }
}

describe('starting', () => {
  it('makes a session, attaches with its ticket, stores the secret and then says so', () => {
    const rig = new Rig();
    expect(rig.on({ on: 'start', own: null, last: null }).did).toEqual(['create']);
    expect(rig.machine.state).toBe('starting');
    const { attempt } = rig.on({ on: 'created', answer: created('s1') });
    expect(rig.url).toBe('https://h:1/v1/media?ticket=t');
    expect(rig.machine.state).toBe('connecting');
    rig.on({ on: 'opened', attempt });
    expect(rig.on({ on: 'secret', attempt, generation: 4, secret: 'x' }).actions).toEqual([
      { do: 'save', stored: { session: 's1', secret: 'x', endpoints: ENDPOINTS } },
      { do: 'secretStored', generation: 4 },
    ]);
    rig.on({ on: 'picture', attempt });
    expect(rig.machine.state).toBe('playing');
    expect(rig.machine.timeoutAt()).toBeNull();
  });

  it('takes up its own session at once, without a question before', () => {
    const rig = new Rig().on({ on: 'start', own: OWN, last: OWN });
    expect(rig.did).toEqual(['attach', 'status']);
    expect(rig.url).toContain('resume=first');
  });

  it('makes another one where its own is over', () => {
    const rig = new Rig().on({ on: 'start', own: OWN, last: OWN });
    expect(rig.on(status({ state: 'ended', reason: 'not_resumed' })).did).toEqual(['forget', 'detach', 'create']);
    expect(rig.machine.state).toBe('starting');
  });

  it('goes on with a session that waits, and leaves alone one that is played', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: OWN });
    expect(rig.did).toEqual(['list']);
    const waiting = { ok: true as const, value: [session()] };
    expect(rig.on({ on: 'listed', answer: waiting }).url).toContain('resume=first');
    const other = new Rig().on({ on: 'start', own: null, last: OWN });
    const attached = { ok: true as const, value: [session({ state: 'attached' })] };
    expect(other.on({ on: 'listed', answer: attached }).did).toEqual(['create']);
    const lost = new Rig().on({ on: 'start', own: null, last: { ...OWN, session: 's0' } });
    expect(lost.on({ on: 'listed', answer: waiting }).actions).toEqual([{ do: 'ticket', session: 's1' }]);
  });

  it('says when there is room again, and offers to take back what is played elsewhere', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null });
    expect(rig.on({ on: 'created', answer: problem('full', { retryAfterS: 30 }) }).did).toEqual(['list']);
    rig.on({ on: 'listed', answer: { ok: true, value: [session({ state: 'attached' })] } });
    expect(rig.machine.state).toBe('failed');
    expect(rig.words).toMatchObject({ reason: 'full', canTakeBack: true });
    expect(rig.words?.message).toContain('30 seconds');
    expect(rig.on({ on: 'start', own: null, last: null }).actions).toEqual([{ do: 'ticket', session: 's1' }]);
    expect(rig.on({ on: 'ticket', answer: created('s1') }).url).toContain('ticket=t');
  });

  it('waits for nobody where another gateway has room', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null });
    rig.on({ on: 'created', answer: problem('full', { elsewhere: 'https://b.example' }) });
    expect(rig.words).toMatchObject({ reason: 'full', elsewhere: 'https://b.example' });
  });

  it('waits in the queue where everything is full, and goes on by itself', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null });
    rig.on({ on: 'created', answer: problem('full', { retryAfterS: 30 }) });
    expect(rig.on({ on: 'listed', answer: { ok: true, value: [] } }).actions).toEqual([{ do: 'create', wait: true }]);
    expect(rig.machine.state).toBe('starting');
    expect(rig.on({ on: 'created', answer: created('s1') }).url).toContain('ticket=t');
    const crowded = new Rig().on({ on: 'start', own: null, last: null });
    crowded.on({ on: 'created', answer: problem('full') }).on({ on: 'listed', answer: { ok: true, value: [] } });
    crowded.on({ on: 'created', answer: problem('full') });
    expect(crowded.words).toMatchObject({ reason: 'full', canTakeBack: false });
  });

  it('tells a game that crashes at its start, and does not start it over and over', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null });
    rig.last = rig.on({ on: 'created', answer: created('s1') }).attempt;
    rig.close(null, '', false).wait();
    rig.on(status({ state: 'ended', reason: 'title_crashed' }));
    expect(rig.machine.state).toBe('ended');
    expect(rig.words?.reason).toBe('title_crashed');
  });

  it('gives up in words when the media port does not answer', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null }).on({ on: 'created', answer: created('s1') });
    for (let n = 0; n < 20 && rig.machine.state === 'connecting'; n += 1) {
      rig.wait();
      if (rig.did.includes('ticket')) rig.on({ on: 'ticket', answer: created('s1') });
    }
    expect(rig.words?.reason).toBe('media_unreachable');
  });

  it('says what is wrong with the browser', () => {
    const words = { reason: 'no_codec', title: '', message: '', canRestart: true, canTakeBack: false };
    expect(new Rig().on({ on: 'start', own: null, last: null }).on({ on: 'cannot', words }).machine.state).toBe('failed');
  });
});

describe('reconnecting', () => {
  it('tries at once, replaces what does not open, and counts down', () => {
    const rig = new Rig().play().close(null);
    expect(rig.machine.state).toBe('reconnecting');
    expect(rig.did).toEqual(['status', 'attach']);
    expect(rig.url).toContain('resume=one');
    expect(rig.machine.secondsLeft(rig.now)).toBe(120);
    const at: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      const start = rig.now;
      expect(rig.wait().did).toEqual(['detach', 'status', 'attach']);
      expect(rig.url).toContain('resume=one');
      at.push(rig.now - start);
    }
    expect(at).toEqual([700, 1000, 1500, 2500, 4000, 700, 1000]);
    expect(rig.machine.secondsLeft(rig.now + 60_000)).toBeLessThan(50);
  });

  it('has one attempt at a time, and hears nothing of the one given up', () => {
    const rig = new Rig().play().close(null);
    const given = rig.attempt;
    const { attempt } = rig.wait();
    expect(attempt).not.toBe(given);
    expect(rig.on({ on: 'opened', attempt: given }).on({ on: 'picture', attempt: given }).machine.state).toBe('reconnecting');
    rig.on({ on: 'closed', attempt: given, opened: false, code: null, reason: '' });
    rig.on({ on: 'opened', attempt }).on({ on: 'picture', attempt });
    expect(rig.machine.state).toBe('playing');
    rig.last = attempt;
    const start = rig.close(null).now;
    expect(rig.wait().now - start).toBe(700);
  });

  it.each([100, 300, 600, 1200])('gets in over a line with a round trip of %i ms', (roundTrip) => {
    const rig = new Rig().play().close(null);
    const opens = 3 * roundTrip;
    for (let n = 0; n < 5 && (rig.machine.timeoutAt() ?? 0) - rig.now < opens; n += 1) {
      rig.wait();
      // The engine answers meanwhile, and still has the player as attached.
      rig.on(status({ state: 'attached' })).on(status({ state: 'waiting' }));
      expect(rig.actions).toEqual([]);
    }
    expect((rig.machine.timeoutAt() ?? 0) - rig.now).toBeGreaterThanOrEqual(opens);
  });

  it('pauses after an attempt that is refused', () => {
    const rig = new Rig().play().close(null);
    const at: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      rig.last = rig.attempt;
      const start = rig.close(null, '', false).now;
      expect(rig.wait().did).toEqual(['status', 'attach']);
      at.push(rig.now - start);
    }
    expect(at).toEqual([500, 1000, 1000, 1500, 2000]);
  });

  it('plays on when a picture comes', () => {
    const rig = new Rig().play().close(null);
    const { attempt } = rig;
    rig.on({ on: 'opened', attempt }).on({ on: 'picture', attempt });
    expect(rig.machine.state).toBe('playing');
    expect(rig.machine.secondsLeft(rig.now)).toBeNull();
  });

  it('uses what the engine says: fresh endpoints, the time that is left', () => {
    const rig = new Rig().play().close(null);
    const url = 'https://h:2/v1/media';
    rig.on(status({ waitLeft: 77, endpoints: [{ kind: 'webtransport', url, certSha256: [] }] }));
    expect(rig.machine.secondsLeft(rig.now)).toBe(77);
    expect(rig.wait().url).toContain(url);
  });

  it('ends in the engine’s words', () => {
    const rig = new Rig().play().close(null);
    rig.on(status({ state: 'ended', reason: 'engine_fault', message: 'A codec broke.' }));
    expect(rig.machine.state).toBe('ended');
    expect(rig.words).toMatchObject({ reason: 'engine_fault', message: 'A codec broke.', canRestart: true });
    expect(rig.did).toContain('detach');
  });

  it('keeps trying while the engine does not answer, and says so', () => {
    const rig = new Rig().play().close(null);
    const silent: Event = { on: 'status', session: 's1', answer: problem('unreachable') };
    for (let n = 0; n < 200; n += 1) rig.on(silent).wait();
    expect(rig.machine.state).toBe('reconnecting');
    expect(rig.machine.unreachable).toBe(true);
    expect(rig.machine.secondsLeft(rig.now)).toBeNull();
    rig.on({ on: 'status', session: 's1', answer: problem('unknown-session') });
    expect(rig.words?.reason).toBe('engine_restarted');
  });

  it('asks for a ticket when its secret is stale', () => {
    const rig = new Rig().play().close(null);
    rig.last = rig.attempt;
    rig.close(null, '', false).wait();
    rig.last = rig.attempt;
    rig.close(null, '', false);
    rig.on(status());
    expect(rig.actions).toEqual([{ do: 'ticket', session: 's1' }]);
    expect(rig.on({ on: 'ticket', answer: created('s1') }).url).toContain('ticket=t');
  });

  it('does not give up when its machine gives no ticket, and says what became of that', () => {
    const rig = new Rig().play().close(null);
    rig.last = rig.attempt;
    rig.close(null, '', false).wait();
    rig.last = rig.attempt;
    rig.close(null, '', false);
    rig.on(status());
    rig.on({ on: 'ticket', answer: problem('too-many') });
    expect(rig.machine.state).toBe('reconnecting');
    expect(rig.wait().did).toContain('status');
    rig.on(status({ state: 'ended', reason: 'host_lost' }));
    expect([rig.machine.state, rig.words?.reason]).toEqual(['ended', 'host_lost']);
  });

  it('tries at once when the network is back', () => {
    const rig = new Rig().play().close(null);
    rig.last = rig.attempt;
    rig.close(null, '', false);
    expect(rig.on({ on: 'online' }).did).toEqual(['status', 'attach']);
  });
});

describe('ending', () => {
  it.each([
    [2, 'taken_over', 'ended'],
    [4, 'gave_way', 'ended'],
  ])('close code %i is %s', (code, reason, state) => {
    const rig = new Rig().play().close(code);
    expect(rig.words?.reason).toBe(reason);
    expect(rig.machine.state).toBe(state);
  });

  it('asks why a session ended when the goodbye was lost', () => {
    const rig = new Rig().play().close(1);
    expect(rig.actions).toEqual([{ do: 'status', session: 's1' }]);
    rig.on(status({ state: 'ended', reason: 'title_exited' }));
    expect(rig.words?.reason).toBe('title_exited');
  });

  it('tries again after a misunderstanding, but not for ever', () => {
    const rig = new Rig().play();
    for (let n = 0; n < 2; n += 1) {
      rig.close(3, 'odd');
      if (!rig.did.includes('attach')) rig.wait();
      expect(rig.machine.state).toBe('reconnecting');
      rig.last = rig.attempt;
      rig.on({ on: 'opened', attempt: rig.last });
    }
    expect(rig.close(3, 'odd').words?.reason).toBe('protocol');
    expect(rig.machine.state).toBe('failed');
  });

  it('a version that does not fit is said as such', () => {
    expect(new Rig().play().close(3, 'version 2 is the oldest').words?.reason).toBe('version');
  });

  it('takes back what is played elsewhere', () => {
    const rig = new Rig().play().close(2);
    expect(rig.words).toMatchObject({ canTakeBack: true, canRestart: false });
    expect(rig.actions).toContainEqual({ do: 'forget', session: 's1', everywhere: false });
    expect(rig.on({ on: 'start', own: null, last: OWN }).actions).toEqual([{ do: 'ticket', session: 's1' }]);
  });

  it('leaves so that it can come back, and ends so that it cannot', () => {
    expect(new Rig().play().on({ on: 'leave' }).actions).toEqual([{ do: 'detach', leave: 'wait' }]);
    const rig = new Rig().play().on({ on: 'end' });
    expect(rig.did).toEqual(['delete', 'detach', 'over', 'forget']);
    expect(rig.words?.reason).toBe('by_player');
  });

  it('hears nothing of an attempt that is replaced', () => {
    const rig = new Rig().play();
    const old = rig.last;
    rig.close(null);
    expect(rig.on({ on: 'closed', attempt: old, opened: true, code: 2, reason: '' }).actions).toEqual([]);
    expect(rig.machine.state).toBe('reconnecting');
  });
});

describe('a path that falls silent', () => {
  const silent = (): Rig => {
    const rig = new Rig().play();
    return rig.on({ on: 'silent', attempt: rig.last });
  };

  it('is raced against a new attachment at once, and nothing is said yet', () => {
    const rig = silent();
    expect(rig.actions).toContainEqual(expect.objectContaining({ do: 'attach', race: true, url: 'https://h:1/v1/media?resume=one' }));
    expect(rig.did).not.toContain('detach');
    expect(rig.machine.state).toBe('playing');
  });

  it('is told as lost when it lasts, with the time that is left', () => {
    const rig = silent();
    while (rig.machine.state === 'playing') rig.wait();
    expect(rig.now).toBe(1700);
    expect(rig.machine.state).toBe('reconnecting');
    expect(rig.machine.secondsLeft(rig.now)).toBe(120);
  });

  it('is used when it revives first; what was on its way is given up', () => {
    const rig = silent();
    const rival = rig.attempt;
    rig.wait();
    rig.on({ on: 'revived', attempt: rig.last });
    expect(rig.actions).toEqual([{ do: 'detach', leave: 'abandon', only: rival + 1 }]);
    expect(rig.machine.state).toBe('playing');
    expect(rig.machine.transport).toBe('webtransport');
    expect(rig.machine.timeoutAt()).toBeNull();
    // It may fall silent again.
    rig.on({ on: 'silent', attempt: rig.last });
    expect(rig.did).toContain('attach');
  });

  it('goes on being tried, each attempt by itself', () => {
    const rig = silent();
    const tried = [rig.attempt];
    for (let n = 0; n < 12 && tried.length < 5; n += 1) {
      rig.wait();
      for (const action of rig.actions) {
        if (action.do === 'detach') expect(action.only).toBe(tried.at(-1));
        if (action.do === 'attach') {
          expect(action.race).toBe(true);
          tried.push(action.attempt);
        }
      }
    }
    expect(tried).toEqual([2, 3, 4, 5, 6]);
  });

  it('is left when the new attachment opens', () => {
    const rig = silent();
    const attempt = rig.attempt;
    rig.on({ on: 'opened', attempt }).on({ on: 'picture', attempt });
    expect(rig.machine.state).toBe('playing');
    rig.on({ on: 'closed', attempt: rig.last, opened: true, code: 2, reason: '' });
    expect(rig.actions).toEqual([]);
    expect(rig.machine.state).toBe('playing');
    expect(rig.machine.timeoutAt()).toBeNull();
  });

  it('may close for the attempt that takes its place', () => {
    const rig = silent();
    const attempt = rig.attempt;
    rig.on({ on: 'ended', attempt: rig.last, reason: 'taken_over', message: '' });
    rig.on({ on: 'closed', attempt: rig.last, opened: true, code: 2, reason: '' });
    expect(rig.machine.state).toBe('playing');
    rig.on({ on: 'opened', attempt }).on({ on: 'picture', attempt });
    expect(rig.machine.state).toBe('playing');
  });

  it('and revived may yet be replaced by an attempt that was given up too late: that is no other player', () => {
    const rig = silent();
    rig.on({ on: 'revived', attempt: rig.last });
    rig.on({ on: 'ended', attempt: rig.last, reason: 'taken_over', message: '' });
    rig.on({ on: 'closed', attempt: rig.last, opened: true, code: 2, reason: '' });
    expect(rig.machine.state).toBe('reconnecting');
    expect(rig.actions).toContainEqual(expect.objectContaining({ do: 'attach', race: false }));
  });

  it('and says that the session is over ends it', () => {
    const rig = silent();
    rig.on({ on: 'ended', attempt: rig.last, reason: 'by_operator', message: 'm' });
    expect(rig.machine.state).toBe('ended');
    expect(rig.did).toContain('detach');
  });
});

const attachOf = (actions: readonly Action[]) => actions.find((action) => action.do === 'attach');

describe('WebRTC', () => {
  const whep = { kind: 'whep', url: 'http://h/v1/sessions/s1/whep', certSha256: [], iceServers: [{ urls: ['stun:s:1'] }] };
  const answer: Answer<Created> = { ok: true, value: { session: 's1', ticket: 't', endpoints: [...ENDPOINTS, whep] } };

  it('is taken when WebTransport does not open, with a new ticket and within a second', () => {
    const rig = new Rig().on({ on: 'start', own: null, last: null }).on({ on: 'created', answer });
    const began = rig.now;
    expect(attachOf(rig.actions)?.kind).toBe('webtransport');
    rig.wait();
    while (!rig.did.includes('ticket')) rig.wait();
    rig.on({ on: 'ticket', answer });
    expect(attachOf(rig.actions)).toMatchObject({ kind: 'whep', url: `${whep.url}?ticket=t`, iceServers: whep.iceServers });
    expect(rig.now - began).toBeLessThanOrEqual(1_500);
    expect(rig.machine.transport).toBe('whep');
  });

  it('is the only one where the browser has no WebTransport, and its secret outlives a failed call', () => {
    const machine = new Machine('doom', null, { direct: false, call: true, decoder: true, secure: true });
    machine.handle(0, { on: 'start', own: null, last: null });
    const attach = attachOf(machine.handle(0, { on: 'created', answer }));
    expect(attach?.kind).toBe('whep');
    const attempt = attach?.attempt ?? 0;
    machine.handle(1, { on: 'resume', attempt, secret: 'fresh' });
    machine.handle(2, { on: 'closed', attempt, opened: false, code: null, reason: '' });
    const again = machine.handleTimeout(machine.timeoutAt() ?? 0);
    expect(attachOf(again)?.url).toBe(`${whep.url}?resume=fresh`);
  });
});

describe('what others carry', () => {
  const kinds = ['webtransport', 'whep', 'relay', 'websocket'] as const;
  const url = { webtransport: 'https://h:1/m', whep: 'http://h/w', relay: 'https://r:1/v1/relay?route=r', websocket: 'ws://h/s' };
  const endpoints = kinds.map((kind) => ({ kind, url: url[kind], certSha256: [] }));
  const created = { ok: true, value: { session: 's1', ticket: 't', endpoints } } as const;
  const sealed = { ok: true, value: { session: 's1', ticket: 'sealed', endpoints, sealKey: 'host' } } as const;
  const can = { direct: true, call: true, decoder: true, secure: true };
  const start = (only: string | null, has = can): Machine => {
    const machine = new Machine('doom', only, has);
    machine.handle(0, { on: 'start', own: null, last: null });
    return machine;
  };

  it('never sees a ticket that opens an attachment in the clear', () => {
    const machine = start('relay');
    const asked = machine.handle(0, { on: 'created', answer: created });
    expect(asked).toEqual([{ do: 'ticket', session: 's1', sealed: true }]);
    const attach = attachOf(machine.handle(0, { on: 'ticket', answer: sealed }));
    expect(attach).toMatchObject({
      kind: 'relay',
      url: 'https://r:1/v1/relay?route=r&ticket=sealed',
      seal: { session: 's1', hostKey: 'host' },
    });
    machine.handle(1, { on: 'opened', attempt: 1 });
    const actions = machine.handle(1, { on: 'secret', attempt: 1, generation: 1, secret: 'x' });
    expect(actions, 'the key is gone with the page').toContainEqual(
      expect.objectContaining({ do: 'save', stored: { session: 's1', secret: '', endpoints } }),
    );
    machine.handle(2, { on: 'picture', attempt: 1 });
    const again = attachOf(machine.handle(3, { on: 'closed', attempt: 1, opened: true, code: 0, reason: '' }));
    expect(again).toMatchObject({ url: 'https://r:1/v1/relay?route=r&resume=x', seal: { hostKey: 'host' } });
  });

  it('comes after the direct ways, and a call gets a ticket without a key', () => {
    const machine = start(null);
    expect(attachOf(machine.handle(0, { on: 'created', answer: created }))?.kind).toBe('webtransport');
    const order: string[] = [];
    for (let attempt = 1, now = 1; attempt < 4; attempt += 1, now += 10_000) {
      machine.handle(now, { on: 'closed', attempt, opened: false, code: null, reason: '' });
      let actions = machine.handleTimeout(now + 5_000);
      const ticket = actions.find((action) => action.do === 'ticket');
      if (ticket?.do === 'ticket') actions = machine.handle(now + 5_000, { on: 'ticket', answer: ticket.sealed ? sealed : created });
      const attach = attachOf(actions);
      order.push(`${attach?.kind} ${attach?.seal === undefined ? 'plain' : 'sealed'}`);
    }
    expect(order).toEqual(['whep plain', 'relay sealed', 'websocket sealed']);
  });

  it('is reached over TCP by a browser without WebTransport', () => {
    const tcp = [
      { kind: 'relay', url: 'https://r:1/v1/relay?route=r', certSha256: [] },
      { kind: 'relay', url: 'wss://r:1/v1/relay?route=r', certSha256: [] },
    ];
    const machine = start(null, { ...can, direct: false, call: false });
    machine.handle(0, { on: 'created', answer: { ok: true, value: { ...created.value, endpoints: tcp } } });
    const attach = attachOf(machine.handle(0, { on: 'ticket', answer: { ok: true, value: { ...sealed.value, endpoints: tcp } } }));
    expect(attach?.url).toBe('wss://r:1/v1/relay?route=r&ticket=sealed');
    const insecure = start(null, { direct: false, call: false, decoder: true, secure: false });
    const over = insecure.handle(0, { on: 'created', answer: created });
    expect(over).toContainEqual(expect.objectContaining({ do: 'over', words: expect.objectContaining({ reason: 'insecure_origin' }) }));
  });
});
