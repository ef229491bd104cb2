/** Who lets a restored log go on, where people have accounts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createAccount } from '@imprint/authority/access/accounts';
import type { Who } from '@imprint/authority/access/authorize';
import { changePolicy } from '@imprint/authority/access/change-policy';
import { hashPassword } from '@imprint/authority/access/password';
import { toUtf8 } from '@imprint/contract/bytes';
import type { Role } from '@imprint/contract/permission';
import { authorityHome } from '../authority-home.ts';
import { at, makeHome, place } from '../backup/homes.test-kit.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { readHeld } from './held.ts';
import { releaseHome } from './release.ts';
import { restoreBackup } from './restore-backup.ts';

const under = place(after);

test('I-18: a restored log is released by an account that may, and by nobody else at the machine', async () => {
  const home = await makeHome(under('home'));
  await at(home, async (authority) => {
    const { ledger, entropy, person } = authority;
    const who: Who = { means: 'home', actor: person };
    const password = await hashPassword(toUtf8('correct horse battery staple'), entropy);
    for (const [accountId, role] of [
      ['ada', 'administrator'],
      ['ben', 'administrator'],
      ['lee', 'line-lead'],
    ] as [string, Role][]) {
      const login = { name: accountId, password };
      await createAccount(ledger, who, { accountId, roles: [role], login, reason: 'x' });
    }
    const policy = { approvals: 'required' as const, order_limit: null, site_limits: {} };
    await changePolicy(ledger, who, policy, 'we are two');
    await makeBackup(authority, under('backup'));
  });
  const restored = under('restored');
  await restoreBackup({ from: under('backup'), home: restored, keys: join(home, 'keys') });
  const passwordFile = under('password');
  writeFileSync(passwordFile, 'correct horse battery staple\n', { mode: 0o600 });
  const release = (as?: string) =>
    releaseHome({
      ...{ home: restored, nothingLater: true, reason: 'no station worked' },
      ...(as === undefined ? {} : { as, passwordFile }),
    });
  await assert.rejects(release(), { code: 'not_authenticated' });
  await assert.rejects(release('lee'), { code: 'not_authorized', message: /log\.release/ });
  assert.ok(readHeld(authorityHome(restored)));
  assert.equal((await release('ada')).reason, 'no station worked');
  assert.equal(readHeld(authorityHome(restored)), undefined);
});
