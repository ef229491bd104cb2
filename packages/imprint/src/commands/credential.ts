/** `imprint credential`: revokes a certificate, or an intent whose certificate nobody ever saw, and says when the world knows. */
import { revokeCredential } from '@imprint/authority/jobs/revoke-credential';
import { tightestVisibility } from '@imprint/authority/revocation/visibility';
import { type PersonsRevocationReason, revocationReason } from '@imprint/contract/api/credentials';
import { ImprintError } from '@imprint/contract/errors';
import { type Command, Option } from 'commander';
import { actAs, addIdentityOptions } from '../act-as.ts';
import { say } from '../say.ts';
import { addRevokeBulkCommand } from './credential-bulk.ts';

interface RevokeOptions {
  home: string;
  json?: boolean;
  serial?: string;
  keySha256?: string;
  reason: PersonsRevocationReason;
}

/** Adds `credential revoke|revoke-bulk`. */
export function addCredentialCommands(program: Command): void {
  const credential = program.command('credential').description('device credentials');
  addIdentityOptions(credential.command('revoke'))
    .description('revoke by serial or by public key, also what was never stored or delivered; for ever')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--serial <hex>', 'serial of the certificate, lower-case hex')
    .option('--key-sha256 <hex>', 'SHA-256 of the public key, lower-case hex')
    .addOption(
      new Option('--reason <reason>', 'why; it stands in the log')
        .choices(revocationReason.options)
        .makeOptionMandatory(),
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint credential revoke --home ./authority --serial 01e6a4… --reason key-compromise',
    )
    .action((options: RevokeOptions) =>
      actAs(options, 'credential.revoke', async ({ contracts, clock }, { ledger, person }) => {
        const revoked = await revokeCredential(ledger, person, whichOf(options), options.reason);
        const { boundMs } = await tightestVisibility(ledger.reader, contracts);
        const visible_by = new Date(clock().getTime() + boundMs).toISOString();
        say(options, { revoked, visible_by }, [
          ...revoked.map((serial) => `Serial ${serial} is revoked.`),
          `While imprint serve runs, CRL and OCSP say so within seconds. Whoever keeps an earlier answer for as long as it holds knows by ${visible_by}.`,
        ]);
      }),
    );
  addRevokeBulkCommand(credential);
}

/** @throws usage unless exactly one of the two was given */
function whichOf({ serial, keySha256 }: RevokeOptions): { serial: string } | { publicKeySha256: string } {
  if (serial !== undefined && keySha256 === undefined) return { serial };
  if (keySha256 !== undefined && serial === undefined) return { publicKeySha256: keySha256 };
  throw new ImprintError('usage', 'give either --serial or --key-sha256', {
    hint: 'imprint device show prints both.',
  });
}
