import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { isJournalFailure, type Journal, openJournal } from './journal.ts';

describe('the journal', () => {
  let folder: string;
  let path: string;
  let clock = '2026-01-10T00:00:00.000Z';
  const open = () => openJournal(path, () => clock);
  const attempt = { lane: 1, hardwareUid: 'mcu-uid=AA', deviceId: 'SN-1', jobId: 'j-1', attempt: 1 };
  const request = { request_id: '0'.repeat(32), route: 'endAttempt', params: '{}', body: '{}' };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'imprint-journal-'));
    path = join(folder, 'journal.sqlite');
    clock = '2026-01-10T00:00:00.000Z';
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps what it was told over a restart, for its owner alone', () => {
    const { journal, setAside } = open();
    assert.equal(setAside, null);
    journal.recordAttempt(attempt);
    journal.recordStep('j-1', 1, 'write');
    journal.recordFact('checkpoint', 'text');
    journal.recordRequest(request, true);
    journal.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);

    const again = open().journal;
    assert.equal(again.fact('checkpoint'), 'text');
    assert.deepEqual(
      again.openAttempts().map(({ job_id, step }) => ({ job_id, step })),
      [{ job_id: 'j-1', step: 'write' }],
    );
    assert.equal(again.undelivered().length, 1);
    assert.equal(again.unansweredRequest('endAttempt', '{}', '{}'), request.request_id);
    assert.equal(again.unansweredRequest('endAttempt', '{}', '{"other":1}'), null);
    again.close();
  });

  it('I-24: a journal that is no database, torn or of another version is set aside and a new one begun', () => {
    const damages: (() => void)[] = [
      () => writeFileSync(path, 'this is no database, however long it may be '.repeat(200)),
      () => {
        const bytes = readFileSync(path);
        bytes.fill(0xff, 4096, 8192);
        writeFileSync(path, bytes);
      },
      () => truncateSync(path, 5000),
      () => {
        const bytes = readFileSync(path);
        bytes.writeUInt32BE(99, 60);
        writeFileSync(path, bytes);
      },
    ];
    for (const [index, damage] of damages.entries()) {
      const first = open().journal;
      first.recordAttempt({ ...attempt, jobId: `j-${index}` });
      first.close();
      damage();
      const { journal, setAside } = open();
      assert.ok(setAside && existsSync(setAside), `damage ${index}`);
      assert.deepEqual(journal.openAttempts(), []);
      journal.recordAttempt(attempt);
      journal.close();
      rmSync(path);
      rmSync(setAside);
    }
  });

  it('I-24: whichever bit of it is flipped, it is set aside at the start or serves all day', () => {
    const fill = (journal: Journal) => {
      for (let index = 0; index < 12; index++) {
        const request_id = index.toString(16).padStart(32, '0');
        journal.recordAttempt({ ...attempt, jobId: `j-${index}` });
        journal.recordSeenAct(journal.recordIntendedAct('uid', `j-${index}`, 'finalize', 'locked'));
        journal.recordRequest({ request_id, route: 'endAttempt', params: '{}', body: '{}' }, true);
        if (index % 2 === 0) journal.recordAnswer(request_id, null);
      }
    };
    const useAll = (journal: Journal) => {
      journal.recordAttempt({ ...attempt, jobId: 'j-new' });
      journal.recordEnd('j-new', 1, 'passed', null);
      journal.acts('uid');
      journal.openAttempts();
      journal.undelivered();
      journal.unansweredRequest('endAttempt', '{}', '{}');
      journal.purge('2100-01-01T00:00:00.000Z');
    };
    const first = open().journal;
    fill(first);
    first.close();
    const sound = readFileSync(path);
    let whole = 0;
    for (let flip = 0; flip < 200; flip++) {
      const bytes = Buffer.from(sound);
      // spread over the file by a number that shares no factor with its length
      const at = (flip * 7919) % bytes.length;
      bytes[at]! ^= 1 << (flip % 8);
      writeFileSync(path, bytes);
      const { journal, setAside } = open();
      if (setAside === null) {
        whole++;
        useAll(journal);
      }
      journal.close();
      rmSync(path);
      if (setAside !== null) rmSync(setAside);
    }
    assert.ok(whole > 0 && whole < 200, `${whole} of 200 were whole`);
  });

  it('I-24: what it knows of the authority is whole or set aside, whichever bit of it is flipped', () => {
    const known = 'c0ffee'.repeat(10);
    const first = open().journal;
    first.recordFact('root_sha256', known);
    first.close();
    const sound = readFileSync(path);
    const begin = sound.indexOf(known);
    for (let at = begin; at < begin + known.length; at++) {
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      writeFileSync(path, bytes);
      const { journal, setAside } = open();
      assert.ok(setAside !== null, `byte ${at - begin} of the value`);
      assert.equal(journal.fact('root_sha256'), null);
      journal.close();
      rmSync(path);
      rmSync(setAside);
    }
  });

  it('fails closed where the disk does not take it, and sets nothing aside for that', () => {
    const nowhere = join(folder, 'no-such-folder', 'journal.sqlite');
    assert.throws(
      () => openJournal(nowhere, () => clock),
      (error) => isImprintError(error, 'storage_failed'),
    );
    const { journal } = open();
    journal.close();
    assert.throws(() => journal.recordAttempt(attempt), isJournalFailure);
  });

  it('is open in one process alone', () => {
    const { journal } = open();
    assert.throws(
      open,
      (error) => isJournalFailure(error) && /another process/.test((error as Error).message),
    );
    journal.close();
    open().journal.close();
  });

  it('forgets acknowledged work after its days, and nothing that still waits', () => {
    const { journal } = open();
    journal.recordAttempt(attempt);
    journal.recordAttempt({ ...attempt, jobId: 'j-2' });
    journal.recordEnd('j-1', 1, 'passed', null);
    journal.recordRequest(request, true);
    journal.recordRequest({ ...request, request_id: '1'.repeat(32) }, true);
    journal.recordAnswer(request.request_id, null);
    const act = journal.recordIntendedAct('mcu-uid=AA', 'j-1', 'finalize', 'locked');
    journal.recordIntendedAct('mcu-uid=BB', 'j-2', 'finalize', 'locked');
    journal.recordSeenAct(act);
    assert.equal(journal.purge('2026-01-09T00:00:00.000Z'), 0);
    assert.equal(journal.purge('2026-01-11T00:00:00.000Z'), 3);
    assert.deepEqual(
      journal.openAttempts().map((each) => each.job_id),
      ['j-2'],
    );
    assert.equal(journal.undelivered().length, 1);
    assert.equal(journal.acts('mcu-uid=BB').length, 1);
    journal.close();
  });

  it('a tail of rubbish behind the file is no reason to lose it', () => {
    const { journal } = open();
    journal.recordFact('shift', 's-1');
    journal.close();
    appendFileSync(path, Buffer.alloc(100));
    const again = open();
    assert.equal(again.journal.fact('shift'), 's-1');
    again.journal.close();
  });
});
