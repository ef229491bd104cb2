/** `imprint realm`: the keys of one realm, which are certified in no other. */
import { writeFileSync } from 'node:fs';
import {
  excludeKeys,
  ownKeys,
  readRealmKeys,
  writeRealmKeys,
} from '@imprint/authority/registry/excluded-keys';
import { logId } from '@imprint/authority/trust/hierarchy';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { type ActingOptions, actOn, addIdentityOptions } from '../act-as.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { say } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface HomeOptions {
  home: string;
  json?: boolean;
}

/** A line a key: 64 digits and its end. */
const fileBytes = 66 * (limits.keysPerFile + 2);

/** Adds `realm keys|exclude`. */
export function addRealmCommands(program: Command): void {
  const realm = program
    .command('realm')
    .description('what one realm tells another: which keys it has certified');

  realm
    .command('keys')
    .description(
      'write the hashes of all keys that this authority has certified, for another realm to exclude',
    )
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--out <file>', 'where they go')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint realm keys --home ./dev-authority --out dev-keys.txt')
    .action((options: HomeOptions & { out: string }) =>
      withAuthority(options, async ({ ledger, configuration, logKey }) => {
        const keys = await ownKeys(ledger.reader);
        const { realm: own } = configuration;
        const text = writeRealmKeys({ realm: own, logId: logId(logKey.publicKey), keys });
        writeFileSync(options.out, text, { flush: true });
        say(options, { realm: own, keys: keys.length, out: options.out }, [
          `${keys.length} keys of the realm ${own} stand in ${options.out}.`,
          `In another realm: imprint realm exclude ${options.out} --home DIR`,
        ]);
      }),
    );

  addIdentityOptions(realm.command('exclude'))
    .description('certify none of the keys that another realm has certified, from now on and for ever')
    .argument('<file>', 'what imprint realm keys wrote there')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint realm exclude dev-keys.txt --home ./authority')
    .action((file: string, options: ActingOptions) =>
      actOn(options, 'ca.manage', async ({ ledger, configuration, person }) => {
        const given = readRealmKeys(readBoundedFile(file, fileBytes));
        const { added, certifiedHere } = await excludeKeys(ledger, configuration.realm, person, given);
        say(options, { realm: given.realm, named: given.keys.length, added, certified_here: certifiedHere }, [
          `${added} of ${given.keys.length} keys of the realm ${given.realm} were not excluded before, and are now.`,
          ...certifiedHere.map(
            ({ device_id }) =>
              `Warning: the key of ${device_id} was certified here already; an alarm is in the log.`,
          ),
        ]);
      }),
    );
}
