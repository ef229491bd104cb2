/** `backup` and `restore` among the commands that are struck: what stands under the name is whole, verifies, and a restored home is held. */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { isImprintError } from '@imprint/contract/errors';
import { checkBackup } from 'imprint/backup/check-backup';
import { makeBackup } from 'imprint/backup/make-backup';
import { openAuthority } from 'imprint/open-authority';
import { type CommandCase, checkAuthority } from './command-cases.ts';

/** Of the template, in a new folder. */
export async function makeTemplateBackup(template: string, to: string): Promise<string> {
  const authority = await openAuthority(template);
  try {
    await makeBackup(authority, to);
    return to;
  } finally {
    await authority.close();
  }
}

export function backUp(template: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  const backup = (disk: string) => join(disk, 'backup');
  return {
    part: 'backup',
    prepare: async (disk) => cpSync(template, home(disk), { recursive: true }),
    arguments: (disk) => ['backup', '--home', home(disk), '--to', backup(disk)],
    isMade: (disk) => existsSync(backup(disk)),
    isThereAlready: /home_exists/,
    check: async (disk) => {
      await checkBackup(backup(disk));
      await checkAuthority(home(disk));
    },
  };
}

export function restore(template: string, from: string): CommandCase {
  const home = (disk: string) => join(disk, 'restored');
  return {
    part: 'restore',
    prepare: async (disk) => {
      cpSync(from, join(disk, 'backup'), { recursive: true });
      cpSync(join(template, 'keys'), join(disk, 'safe', 'keys'), { recursive: true });
      cpSync(join(template, 'dev-passphrase'), join(disk, 'safe', 'dev-passphrase'));
    },
    arguments: (disk) => [
      ...['restore', '--from', join(disk, 'backup'), '--home', home(disk)],
      ...['--keys', join(disk, 'safe', 'keys')],
    ],
    isMade: (disk) => existsSync(join(home(disk), 'imprint.json')),
    isThereAlready: /home_exists/,
    check: (disk) =>
      checkAuthority(home(disk), async ({ refusal }) => {
        if (!isImprintError(refusal, 'log_held')) throw new Error('the restored home is not held');
      }),
  };
}
