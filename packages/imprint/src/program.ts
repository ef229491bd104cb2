/** The command line as a whole: every command, by name, in the order in which a newcomer meets them. */
import { Command } from 'commander';
import { addContractCommands } from './commands/contract.ts';
import { addInitCommand } from './commands/init.ts';
import { addSimCommand } from './commands/sim.ts';

export function buildProgram(): Command {
  const program = new Command('imprint')
    .description('Identity, keys, certificates and first configuration for manufactured devices')
    .version('0.1.0')
    .showHelpAfterError('(add --help for what is possible)');
  addInitCommand(program);
  addContractCommands(program);
  addSimCommand(program);
  return program;
}
