/** The command line as a whole: every command, by name, in the order in which a newcomer meets them. */
import { Command } from 'commander';
import { addAuditCommands } from './commands/audit.ts';
import { addClockCommands } from './commands/clock.ts';
import { addContractCommands } from './commands/contract.ts';
import { addCredentialCommands } from './commands/credential.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDeviceCommands } from './commands/device.ts';
import { addInitCommand } from './commands/init.ts';
import { addOperatorCommands } from './commands/operator.ts';
import { addOrderCommands } from './commands/order.ts';
import { addReceiptCommands } from './commands/receipt.ts';
import { addSampleCommands } from './commands/sample.ts';
import { addServeCommand } from './commands/serve.ts';
import { addSimCommand } from './commands/sim.ts';
import { addStationCommands } from './commands/station.ts';
import { addStationAdminCommands } from './commands/station-admin.ts';
import { addVerifyChainCommand } from './commands/verify-chain.ts';

export function buildProgram(): Command {
  const program = new Command('imprint')
    .description('Identity, keys, certificates and first configuration for manufactured devices')
    .version('0.1.0')
    .showHelpAfterError('(add --help for what is possible)');
  addDemoCommand(program);
  addInitCommand(program);
  addServeCommand(program);
  addContractCommands(program);
  addOrderCommands(program);
  addOperatorCommands(program);
  addStationAdminCommands(program);
  addStationCommands(program);
  addSampleCommands(program);
  addDeviceCommands(program);
  addCredentialCommands(program);
  addAuditCommands(program);
  addReceiptCommands(program);
  addVerifyChainCommand(program);
  addClockCommands(program);
  addSimCommand(program);
  return program;
}
