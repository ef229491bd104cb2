/** Configuration over an open authority. The key of its secrets is opened when one is sealed or opened, and not before. */
import type { ConfigurationCore } from '@imprint/authority/configuration/core';
import { type ConfigurationVault, configurationVault } from '@imprint/authority/configuration/vault';
import type { Ledger } from '@imprint/authority/ledger/ledger';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import type { OpenAuthority } from './open-authority.ts';

/** @param ledger where it is given, that of a person: each decision asks for their permission */
export function configurationOf(
  authority: Pick<OpenAuthority, 'ledger' | 'contracts' | 'clock' | 'entropy' | 'unlock'>,
  ledger: Ledger = authority.ledger,
): ConfigurationCore {
  let vault: Promise<ConfigurationVault> | undefined;
  const open = async () => {
    const { keys } = await authority.unlock();
    return configurationVault(await keys.read(keyNames.secondFactors), authority.entropy);
  };
  return {
    ledger,
    contracts: authority.contracts,
    clock: authority.clock,
    vault: () => {
      vault ??= open();
      return vault;
    },
  };
}
