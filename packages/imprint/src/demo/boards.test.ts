import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Boards } from './boards.ts';
import type { Tray } from './line-setup.ts';

/** Two lanes: lane 1 is fixture 1, lane 2 is fixture 2. */
function boards(): Boards {
  const lanes = [1, 2].map((at) => ({ lane: at, fixture: at }));
  return new Boards({ lanes } as unknown as Tray);
}

const lay = (of: Boards, fixture: number, unit: number) => of.moved({ event: 'loaded', fixture, unit });
const swap = (of: Boards, fixture: number, unit: number) => of.moved({ event: 'swapped', fixture, unit });
const ask = (of: Boards, lane: number) => of.stepped({ event: 'step', lane, step: 'open' });

describe('boards and labels', () => {
  it('stay together where nothing was exchanged', () => {
    const of = boards();
    lay(of, 1, 7);
    ask(of, 1);
    of.bind(7, 1);
    assert.equal(of.of(7), 7);
    assert.equal(of.wasAnother(7, 1), false);
  });

  it('change places where another board lay there when the job was opened', () => {
    const of = boards();
    lay(of, 1, 6);
    swap(of, 1, 19);
    ask(of, 1);
    assert.equal(of.wasAnother(6, 1), true);
    of.bind(6, 1);
    assert.equal(of.of(6), 19);
    assert.equal(of.of(19), 6);
  });

  it('go on changing places along a chain, and each board bears one label', () => {
    const of = boards();
    lay(of, 1, 19);
    ask(of, 1);
    of.bind(6, 1);
    lay(of, 2, 6);
    ask(of, 2);
    of.bind(3, 2);
    assert.deepEqual(
      [3, 6, 19].map((unit) => of.of(unit)),
      [6, 19, 3],
    );
  });

  it('a swap after the job was opened binds nothing, and a new scan forgets the last', () => {
    const of = boards();
    lay(of, 1, 6);
    ask(of, 1);
    swap(of, 1, 19);
    of.bind(6, 1);
    assert.equal(of.of(6), 6);
    of.clear(1);
    assert.equal(of.wasAnother(6, 1), false);
  });
});
