/**
 * The command line as a whole: every command, by name, in the order in which a newcomer meets them. A command is loaded when it
 * is asked for: a station starts in half of the time that all of them take.
 */
import { Command } from 'commander';

interface Part {
  name: string;
  /** Which of the commands under `name` it adds, where there are other parts with the same name. */
  under?: readonly string[];
  add(program: Command): Promise<void>;
}

const parts: readonly Part[] = [
  { name: 'demo', add: async (to) => (await import('./commands/demo.ts')).addDemoCommand(to) },
  { name: 'init', add: async (to) => (await import('./commands/init.ts')).addInitCommand(to) },
  { name: 'serve', add: async (to) => (await import('./commands/serve.ts')).addServeCommand(to) },
  { name: 'backup', add: async (to) => (await import('./commands/backup.ts')).addBackupCommands(to) },
  { name: 'hsm', add: async (to) => (await import('./commands/hsm.ts')).addHsmCommands(to) },
  { name: 'restore', add: async (to) => (await import('./commands/restore.ts')).addRestoreCommands(to) },
  { name: 'migrate', add: async (to) => (await import('./commands/migrate.ts')).addMigrateCommand(to) },
  {
    name: 'contract',
    under: ['register'],
    add: async (to) => (await import('./commands/contract-register.ts')).addContractRegisterCommand(to),
  },
  {
    name: 'contract',
    under: ['check', 'render', 'header', 'lint-manifest'],
    add: async (to) => (await import('./commands/contract.ts')).addContractCommands(to),
  },
  { name: 'order', add: async (to) => (await import('./commands/order.ts')).addOrderCommands(to) },
  { name: 'operator', add: async (to) => (await import('./commands/operator.ts')).addOperatorCommands(to) },
  { name: 'account', add: async (to) => (await import('./commands/account.ts')).addAccountCommands(to) },
  { name: 'token', add: async (to) => (await import('./commands/token.ts')).addTokenCommands(to) },
  { name: 'approve', add: async (to) => (await import('./commands/approve.ts')).addApproveCommands(to) },
  {
    name: 'station',
    under: ['invite', 'confirm', 'revoke', 'list'],
    add: async (to) => (await import('./commands/station-admin.ts')).addStationAdminCommands(to),
  },
  {
    name: 'station',
    under: ['enroll', 'run', 'run-job', 'checkpoint'],
    add: async (to) => (await import('./commands/station.ts')).addStationCommands(to),
  },
  { name: 'sample', add: async (to) => (await import('./commands/sample.ts')).addSampleCommands(to) },
  {
    name: 'device',
    under: ['show', 'list', 'contacts', 'allow-debug'],
    add: async (to) => (await import('./commands/device.ts')).addDeviceCommands(to),
  },
  {
    name: 'device',
    under: ['stock', 'ship', 'return', 'refurb', 'scrap', 'retire', 'lost', 'quarantine', 'release'],
    add: async (to) => (await import('./commands/device-lifecycle.ts')).addDeviceLifecycleCommands(to),
  },
  { name: 'group', add: async (to) => (await import('./commands/group.ts')).addGroupCommands(to) },
  {
    name: 'configuration',
    add: async (to) => (await import('./commands/configuration.ts')).addConfigurationCommands(to),
  },
  {
    name: 'device',
    under: ['enrolment'],
    add: async (to) => (await import('./commands/device-enrolment.ts')).addDeviceEnrolmentCommands(to),
  },
  {
    name: 'credential',
    add: async (to) => (await import('./commands/credential.ts')).addCredentialCommands(to),
  },
  { name: 'crl', add: async (to) => (await import('./commands/crl.ts')).addCrlCommands(to) },
  { name: 'audit', add: async (to) => (await import('./commands/audit.ts')).addAuditCommands(to) },
  { name: 'receipt', add: async (to) => (await import('./commands/receipt.ts')).addReceiptCommands(to) },
  {
    name: 'verify-chain',
    add: async (to) => (await import('./commands/verify-chain.ts')).addVerifyChainCommand(to),
  },
  { name: 'root', add: async (to) => (await import('./commands/root.ts')).addRootCommands(to) },
  { name: 'ca', add: async (to) => (await import('./commands/ca.ts')).addCaCommands(to) },
  { name: 'realm', add: async (to) => (await import('./commands/realm.ts')).addRealmCommands(to) },
  { name: 'doctor', add: async (to) => (await import('./commands/doctor.ts')).addDoctorCommand(to) },
  { name: 'clock', add: async (to) => (await import('./commands/clock.ts')).addClockCommands(to) },
  { name: 'sim', add: async (to) => (await import('./commands/sim.ts')).addSimCommand(to) },
];

/** The command that these words ask for; all commands where they name none, as for help or after a typing error. */
export async function buildProgram(words: readonly string[] = []): Promise<Command> {
  const program = new Command('imprint')
    .description('Identity, keys, certificates and first configuration for manufactured devices')
    .version('0.1.0')
    // an option belongs to the command before it, so that a command and one below it may have the same names
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what is possible)');
  const asked = parts.find(
    ({ name, under }) => name === words[0] && (under === undefined || under.includes(words[1] ?? '')),
  );
  for (const part of asked === undefined ? parts : [asked]) await part.add(program);
  return program;
}
