/** What configuration is decided with. */
import type { Ledger } from '../ledger/ledger.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { Clock } from '../surroundings.ts';
import type { ConfigurationVault } from './vault.ts';

export interface ConfigurationCore {
  ledger: Ledger;
  contracts: ContractShelf;
  clock: Clock;
  /** Opens the key of the secrets; asked for where there is one to seal or to open. */
  vault(): Promise<ConfigurationVault>;
}
