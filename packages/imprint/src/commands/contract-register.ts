/** `imprint contract register`: brings a contract into the registry before there is an order under it; it takes two people. */
import { checkContract, registerContract } from '@imprint/authority/registry/contracts';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { type ActingOptions, actAs, addApprovalOptions, addHomeOptions } from '../act-as.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { say } from '../say.ts';

/** Adds `contract register`. */
export function addContractRegisterCommand(program: Command): void {
  const contract =
    program.commands.find((command) => command.name() === 'contract') ?? program.command('contract');
  addApprovalOptions(addHomeOptions(contract.command('register')))
    .description('register a contract, so that orders can be made under it')
    .argument('<file>', 'provisioning contract, YAML')
    .addHelpText(
      'after',
      '\nExample:\n  imprint contract register examples/contracts/gateway.yaml --home ./authority --as ada --request-approval "revision 2026.1"',
    )
    .action((file: string, options: ActingOptions) =>
      actAs(options, 'contract.register', async (_, { ledger, person }) => {
        const checked = checkContract(readBoundedFile(file, limits.yamlBytes), file);
        const { isNew, contract_sha256 } = await registerContract(ledger, person, checked);
        const { product, revision } = checked.contract;
        say(options, { product, revision, contract_sha256, new: isNew }, [
          `${product} ${revision} is registered${isNew ? '' : ' already'}: ${contract_sha256}`,
        ]);
      }),
    );
}
