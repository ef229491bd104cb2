import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaultControl, type Strike } from './fault-control.ts';
import { parseTrace } from './trace.ts';

/** Writes a file and renames it, as careful programs do, then one outside of the folder; prints what it was told. */
const program = `
  const fs = require('node:fs');
  const said = [];
  const attempt = (what, act) => { try { said.push([what, act()]); } catch (error) { said.push([what, error.code]); } };
  let file;
  attempt('create', () => { file = fs.openSync('draft', 'w'); return 0; });
  attempt('write', () => fs.writeSync(file, 'twelve bytes'));
  attempt('write', () => fs.writeSync(file, 'twelve bytes'));
  attempt('sync', () => fs.fsyncSync(file) ?? 0);
  attempt('rename', () => fs.renameSync(process.cwd() + '/draft', process.cwd() + '/whole') ?? 0);
  fs.writeFileSync('../elsewhere', 'untouched');
  fs.writeSync(1, JSON.stringify(said));
`;

describe('a program under the library of faults', () => {
  const place = mkdtempSync(join(tmpdir(), 'imprint-fault-control-'));
  after(() => rmSync(place, { recursive: true }));
  let runs = 0;

  function run(strike: Strike | undefined) {
    const own = join(place, String(++runs));
    const folder = join(own, 'disk');
    mkdirSync(folder, { recursive: true });
    const control = new FaultControl(folder, join(own, 'faults'));
    control.arm(strike);
    const text = program.replaceAll("'draft'", `${JSON.stringify(join(folder, 'draft'))}`);
    const ended = spawnSync(process.execPath, ['-e', text], {
      cwd: folder,
      env: control.environment(),
      encoding: 'utf8',
    });
    const outcome = {
      signal: ended.signal,
      said:
        ended.stdout === ''
          ? []
          : (JSON.parse(ended.stdout) as [string, unknown][]).map((one) => one.join(' ')),
      struck: control.struck,
      counts: control.counts(),
      traced: parseTrace(control.trace()).map(({ kind }) => kind),
      whole: existsSync(join(folder, 'whole')) ? readFileSync(join(folder, 'whole'), 'utf8').length : null,
    };
    control.close();
    return outcome;
  }

  it('is not disturbed where nothing strikes, and each operation is counted and traced', () => {
    const { signal, said, struck, counts, traced, whole } = run(undefined);
    assert.deepEqual(said, ['create 0', 'write 12', 'write 12', 'sync 0', 'rename 0']);
    assert.deepEqual([signal, struck, whole], [null, false, 24]);
    assert.deepEqual(traced, ['create', 'write', 'write', 'sync', 'rename']);
    assert.deepEqual(counts, { create: 1, write: 2, sync: 1, rename: 1, unlink: 0, truncate: 0, send: 0 });
  });

  it('meets each error at that one operation, and only there', () => {
    const told = (strike: Strike) => run(strike).said.join(', ');
    assert.equal(
      told({ class: 'write', number: 2, fault: 'enospc' }),
      'create 0, write 12, write ENOSPC, sync 0, rename 0',
    );
    assert.equal(
      told({ class: 'sync', number: 1, fault: 'eio' }),
      'create 0, write 12, write 12, sync EIO, rename 0',
    );
    assert.match(told({ class: 'rename', number: 1, fault: 'eio' }), /rename EIO$/);
    assert.match(told({ class: 'create', number: 1, fault: 'enospc' }), /^create ENOSPC/);
  });

  it('takes half of the bytes of a short write, and Node writes the other half', () => {
    const { traced, whole } = run({ class: 'write', number: 1, fault: 'short' });
    assert.deepEqual(traced, ['create', 'write', 'write', 'write', 'sync', 'rename']);
    assert.equal(whole, 24);
  });

  it('is killed before the operation, or after it was done', () => {
    const before = run({ class: 'rename', number: 1, fault: 'kill-before' });
    assert.deepEqual([before.signal, before.struck, before.whole], ['SIGKILL', true, null]);
    assert.deepEqual(before.traced, ['create', 'write', 'write', 'sync']);
    const after = run({ class: 'rename', number: 1, fault: 'kill-after' });
    assert.deepEqual([after.signal, after.struck, after.whole], ['SIGKILL', true, 24]);
    assert.deepEqual(after.traced, ['create', 'write', 'write', 'sync', 'rename']);
  });

  it('is told of a failed sync, and the trace says that what it was to keep is lost', () => {
    assert.deepEqual(run({ class: 'sync', number: 1, fault: 'lost' }).traced, [
      ...['create', 'write', 'write', 'lost', 'rename'],
    ]);
  });
});
