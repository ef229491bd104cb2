import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { Journal } from '@imprint/station/journal';
import { cellName } from './catalogue.ts';
import { Session } from './database/session.ts';
import { runFactory } from './factory.ts';
import { tellFailure } from './failure.ts';
import { runSeeds } from './run-seeds.ts';
import { factoryOf, seedNames } from './seeds.ts';
import { Totals } from './summary.ts';

describe('simulated factories', { timeout: 600_000 }, () => {
  it('every fault strikes in every phase where it can, every hostile act is done, and no invariant is broken', async () => {
    const totals = new Totals();
    await runSeeds(seedNames(11, 10), 180, 2, (summary) => totals.add(summary));
    assert.deepEqual(totals.violations, []);
    assert.deepEqual([...totals.untried.map(cellName), ...totals.untriedActs], []);
    assert.ok(totals.fates.done > 1_580, JSON.stringify(totals.fates));
    assert.ok(totals.secondLives.done > 70, JSON.stringify(totals.secondLives));
  });

  for (const seed of ['lab-3', 'lab-4']) {
    it(`a seed is the same factory again, event by event (${seed})`, async () => {
      const history = async () => {
        const hash = createHash('sha256');
        const tell = (sentence: string) => hash.update(`${sentence}\n`);
        const { events, struck } = await runFactory({ ...factoryOf(seed, 60), tell });
        assert.ok(struck.length > 10);
        return { events, struck, told: hash.digest('hex') };
      };
      assert.deepEqual(await history(), await history());
    });
  }

  it('a station that writes down no irreversible act is found, and the failure is told short with its command', async () => {
    const { recordIntendedAct } = Journal.prototype;
    // the second act of a visit is written down and the first is not
    Journal.prototype.recordIntendedAct = function (uid, jobId, act, detail) {
      return recordIntendedAct.call(this, act === 'finalize' ? 'another board' : uid, jobId, act, detail);
    };
    try {
      const told = (await tellFailure('lab-5', 20)).join('\n');
      assert.match(told, /I-25 is broken after [\d.]+ s: debug lock of .* is burnt, and no journal says so/);
      assert.match(told, /It needs no fault/);
      assert.match(told, /npm run lab -- --seed lab-5 --units 20 --only none/);
    } finally {
      Journal.prototype.recordIntendedAct = recordIntendedAct;
    }
  });

  it('a database server that forgets what it acknowledged is found, with its seed and without a fault', async () => {
    const { query } = Session.prototype;
    let commits = 0;
    Session.prototype.query = function (text, values) {
      if (text !== 'commit' || ++commits % 20 !== 0) return query.call(this, text, values);
      query.call(this, 'rollback', []);
      return { command: 'COMMIT', rowCount: 0, rows: [] };
    };
    try {
      const told = (await tellFailure('lab-4', 20)).join('\n');
      assert.match(
        told,
        /I-1 is broken after [\d.]+ s: act-\d+ was acknowledged as entry \d+, and the log has it at no place/,
      );
      assert.match(told, /It needs no fault/);
      assert.match(told, /npm run lab -- --seed lab-4 --units 20 --only none/);
    } finally {
      Session.prototype.query = query;
    }
  });
});
