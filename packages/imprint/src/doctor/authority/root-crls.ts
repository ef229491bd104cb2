/** Whether the CRL of each root still holds: nobody renews it but people, and whoever asks about every CA trusts nothing when it has ended. */
import { keptRootCrls } from '@imprint/authority/trust/root-crls';
import { limits } from '@imprint/contract/limits';
import { type Finding, ok, together, warn } from '../check.ts';
import { endOf } from '../ends.ts';
import { ofDatabase } from './facts.ts';

export const rootCrls = ofDatabase('root CRLs', async ({ storage }, { now, configuration }) => {
  const advice =
    configuration.realm === 'dev'
      ? 'Make the next one: imprint crl publish.'
      : 'Have people sign the next one: imprint root crl at the ceremony, then imprint ca install --from STICK (docs/guide/hierarchy.md).';
  const kept = await keptRootCrls(storage.reader);
  const findings = (['device', 'station'] as const).map((branch): Finding => {
    const one = kept.find((crl) => crl.branch === branch);
    const what = `the CRL of the ${branch} root`;
    if (one !== undefined)
      return endOf(what, new Date(one.next_update), now, limits.rootCrlEndsSoonDays, advice);
    // without a public URL no certificate names one
    if (configuration.public_url === undefined) return ok(`${what} was not brought here`);
    return warn(`${what} was not brought here, and the certificates of the CAs beneath it name it`, advice);
  });
  return together(
    findings,
    kept.length === 0
      ? 'none is here, and no certificate names one'
      : kept.map(({ branch, next_update }) => `${branch}: until ${next_update.slice(0, 10)}`).join(', '),
  );
});
