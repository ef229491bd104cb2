import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeptAnswer, OcspAnswers } from './ocsp-answers.ts';
import type { CertId } from './ocsp-request.ts';

const idOf = (serial: string, form = 0): CertId => ({
  der: Buffer.from(`${form} ${serial}`),
  hash: 'sha1',
  issuerNameHash: '00',
  issuerKeyHash: '00',
  serial,
});
const answer: KeptAnswer = {
  response: Buffer.from('answer'),
  thisUpdateMs: 0,
  nextUpdateMs: 2,
  freshUntilMs: 1,
  etag: '"e"',
  lastModified: '',
  expires: '',
};
const request = (text: string) => Buffer.from(text);

test('an answer is found by its exact CertID, its request is read once, and it is gone with its serial', () => {
  const answers = new OcspAnswers();
  answers.keep(request('one'), idOf('01'), answer);
  answers.keep(request('other form'), idOf('01', 1), answer);
  assert.equal(answers.get(idOf('01')), answer);
  assert.equal(answers.get(idOf('01', 2)), undefined);
  assert.equal(answers.asked(request('one'))!.serial, '01');
  answers.drop('01');
  assert.deepEqual([answers.get(idOf('01')), answers.get(idOf('01', 1))], [undefined, undefined]);
});

test('there is room for so many serials, a few forms of each, and no long request', () => {
  const answers = new OcspAnswers(3);
  for (const serial of ['01', '02', '03', '04']) answers.keep(request(serial), idOf(serial), answer);
  assert.deepEqual(
    ['01', '02', '04'].map((serial) => answers.get(idOf(serial)) !== undefined),
    [false, true, true],
  );
  assert.deepEqual([answers.asked(request('01')), answers.asked(request('04'))?.serial], [undefined, '04']);
  for (let form = 0; form < 100; form++) answers.keep(request('04'), idOf('04', form), answer);
  const forms = Array.from({ length: 100 }, (_, form) => answers.get(idOf('04', form))).filter(Boolean);
  assert.ok(forms.length >= 1 && forms.length <= 8);
  const long = Buffer.alloc(161);
  answers.keep(long, idOf('05'), answer);
  assert.deepEqual([answers.get(idOf('05')), answers.asked(long)], [answer, undefined]);
});
