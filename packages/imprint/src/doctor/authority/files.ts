/** Whether keys, data and passphrase are for their owner alone, and who that is. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Check, type Finding, fail, together, warn } from '../check.ts';
import { privateFiles } from '../private-files.ts';
import type { AuthorityFacts } from './facts.ts';

export const files: Check<AuthorityFacts> = {
  name: 'files',
  look: ({ home, configuration, uid }) => {
    const findings: Finding[] = privateFiles([home.keys, home.devPassphrase, dirname(home.database)], {
      uid,
    });
    if ((statSync(home.folder).mode & 0o022) !== 0) {
      findings.push(fail(`others may write in ${home.folder}`, `Close it: chmod go-w ${home.folder}`));
    }
    if (
      configuration.realm === 'prod' &&
      statSync(home.devPassphrase, { throwIfNoEntry: false }) !== undefined
    ) {
      findings.push(
        fail(
          `${home.devPassphrase} lies beside the keys that it opens`,
          'Keep the passphrase elsewhere: a systemd credential, or a prompt.',
        ),
      );
    }
    if (uid === 0) {
      findings.push(
        warn(
          'this runs as root',
          'Give the authority a user of its own (docs/guide/hardening.md), and run every command as that one.',
        ),
      );
    }
    return together(findings, `keys and data are closed, and belong to user ${uid}`);
  },
};
