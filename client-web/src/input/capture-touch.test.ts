import { beforeEach, describe, expect, it } from 'vitest';
import { Fingers } from './capture-touch';

let sent: string[];
let fingers: Fingers;
const at = { x: 0.25, y: 0.5 };

beforeEach(() => {
  sent = [];
  fingers = new Fingers({ touch: (contact, phase) => sent.push(`${contact} ${phase}`) });
});

const down = (pointerId: number): void => fingers.handle({ type: 'pointerdown', pointerId }, at);
const move = (pointerId: number): void => fingers.handle({ type: 'pointermove', pointerId }, at);
const up = (pointerId: number): void => fingers.handle({ type: 'pointerup', pointerId }, at);

describe('fingers', () => {
  it('have the lowest number that is free, as long as they are there', () => {
    down(41);
    down(57);
    move(57);
    up(41);
    down(99);
    up(57);
    up(99);
    expect(sent).toEqual(['0 down', '1 down', '1 move', '0 up', '0 down', '1 up', '0 up']);
  });

  it('are ten at most, and those beyond are nobody’s', () => {
    for (let id = 0; id < 11; id += 1) down(id);
    move(10);
    up(10);
    expect(sent).toHaveLength(10);
  });

  it('are all gone when the system takes one', () => {
    down(1);
    down(2);
    fingers.handle({ type: 'pointercancel', pointerId: 1 }, at);
    up(2);
    fingers.handle({ type: 'pointercancel', pointerId: 2 }, at);
    expect(sent).toEqual(['0 down', '1 down', '0 cancel']);
  });

  it('that were let go meanwhile move nothing', () => {
    down(1);
    fingers.forget();
    move(1);
    up(1);
    expect(sent).toEqual(['0 down']);
  });
});
