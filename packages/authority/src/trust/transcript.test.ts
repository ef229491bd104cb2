/** What a transcript says in itself, each line hashed well: nothing but the rules stands against it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toUtf8 } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { type Act, nextLine, readTranscript, samePerson } from './transcript.ts';

const act = (change: Partial<Act> = {}): Act => ({
  at: '2026-01-01T00:00:00.000Z',
  act: 'crl.issued',
  realm: 'prod',
  organization: 'Example',
  people: ['A. Abel', 'B. Baker'],
  subject: 'device-root',
  number: 1,
  in: [],
  out: [],
  ...change,
});
const none = { subject: '', number: null };
const begun = act({ act: 'root.begun', ...none });
const created = act({ act: 'root.created', ...none });

/** The text of these acts, each following the one before, whatever it says. */
function textOf(...acts: Act[]): string {
  let text = '';
  let at = { lines: [] as unknown[], head: '0'.repeat(64) };
  for (const one of acts) {
    const line = nextLine(at as never, one);
    text += line;
    at = { lines: [...at.lines, one], head: sha256Hex(toUtf8(line.slice(0, -1))) };
  }
  return text;
}
const refuses = (message: RegExp, ...acts: Act[]) =>
  assert.throws(
    () => readTranscript(textOf(...acts)),
    (error) => isImprintError(error, 'ceremony_invalid') && message.test(error.message),
  );

test('a root is begun and created once, before anything else', () => {
  assert.equal(readTranscript(textOf(begun, created, act())).lines.length, 3);
  refuses(/Line 1 .*begun and created once/, act());
  refuses(/Line 1 .*begun and created once/, created);
  refuses(/Line 2 .*begun and created once/, begun, act());
  refuses(/Line 2 .*begun and created once/, begun, begun);
  refuses(/Line 3 .*begun and created once/, begun, created, created);
  refuses(/Line 4 .*begun and created once/, begun, created, act(), begun);
});

test('all of it is of one realm and organization, and goes on in time', () => {
  refuses(/Line 3 .*another realm/, begun, created, act({ realm: 'test' }));
  refuses(/Line 3 .*another realm/, begun, created, act({ organization: 'Other' }));
  const later = act({ at: '2026-01-01T00:00:00.001Z' });
  assert.equal(readTranscript(textOf(begun, created, later, later)).lines.length, 4);
  refuses(/Line 4 .*earlier/, begun, created, later, act());
});

test('two people stand at each line, whatever the spelling of one', () => {
  refuses(/Line 3 .*one person twice/, begun, created, act({ people: ['A. Abel', ' a.  ABEL'] }));
  refuses(/Line 3 .*cannot be read/, begun, created, act({ people: ['A. Abel', 'B\u0007'] }));
  assert.ok(samePerson('\uff21. Abel', 'a. abel'));
  assert.ok(!samePerson('A. Abel', 'A. Abela'));
});

test('a file that a line names stands in a folder of the stick', () => {
  for (const file of ['../x/y', '/etc/passwd', 'crl/../x', 'crl/.x', 'crl', 'a/b/c', 'CRL/x', 'crl/x\0']) {
    const out = [{ file, sha256: '0'.repeat(64) }];
    refuses(/Line 3 .*cannot be read/, begun, created, act({ out }));
  }
});

test('each line holds the hash of the one before, and its place', () => {
  const lines = textOf(begun, created, act(), act()).split('\n').slice(0, -1);
  const other = lines.with(1, lines[1]!.replace('B. Baker', 'B. Bader'));
  for (const changed of [other, lines.toSpliced(2, 1), lines.toSpliced(2, 0, lines[2]!)]) {
    assert.throws(
      () => readTranscript(`${changed.join('\n')}\n`),
      (error) => isImprintError(error, 'ceremony_invalid') && /does not follow/.test(error.message),
    );
  }
});
