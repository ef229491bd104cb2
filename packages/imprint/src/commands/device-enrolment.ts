/** `imprint device enrolment …`: which devices wait for their first operational certificate, who lets them have it, and whether anybody is asked. */
import {
  decideEnrolment,
  setEnrolmentPolicy,
  waitingEnrolments,
} from '@imprint/authority/onboarding/enrolment-approval';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { type ActingOptions, actAs, addHomeOptions, addIdentityOptions } from '../act-as.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface Reasoned extends ActingOptions {
  reason: string;
}

/** Adds `device enrolment list|grant|refuse|policy`. */
export function addDeviceEnrolmentCommands(program: Command): void {
  const device =
    program.commands.find((command) => command.name() === 'device') ??
    program.command('device').description('devices of the registry');
  const enrolment = device
    .command('enrolment')
    .description('first operational certificates of devices in the field');

  addHomeOptions(enrolment.command('list'))
    .description('what waits for people, the oldest first')
    .addHelpText('after', '\nExample:\n  imprint device enrolment list --home ./authority')
    .action((options: { home: string; json?: boolean }) =>
      withAuthority(options, async ({ ledger }) => {
        const waiting = await waitingEnrolments(ledger.reader, limits.pageRows);
        const rows = waiting.map((row) => [
          row.enrolment_id,
          row.device_id,
          row.requested_at,
          row.public_key_sha256,
        ]);
        say(
          options,
          { enrolments: waiting },
          waiting.length === 0
            ? ['No device waits.']
            : table([['ENROLMENT', 'DEVICE', 'SINCE', 'SHA-256 OF ITS KEY'], ...rows]),
        );
      }),
    );

  addDecision(enrolment, 'grant', 'let a device have its certificate, for the key that it asked with');
  addDecision(enrolment, 'refuse', 'let it not; it may ask again with another key');

  addIdentityOptions(addHomeOptions(enrolment.command('policy')))
    .description('whether people are asked before devices of a product are enrolled')
    .argument('<product>', 'as contracts name it')
    .addOption(
      new Option('--set <policy>', 'automatic: nobody is asked')
        .choices(['automatic', 'approval'])
        .makeOptionMandatory(),
    )
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint device enrolment policy gateway --set approval --reason "pilot fleet" --home ./authority',
    )
    .action((product: string, options: Reasoned & { set: 'automatic' | 'approval' }) =>
      actAs(options, 'policy.change', async (_, { ledger, person }) => {
        const { set: enrolmentPolicy, reason } = options;
        const { isNew } = await setEnrolmentPolicy(ledger, person, {
          product,
          enrolment: enrolmentPolicy,
          reason,
        });
        const how =
          enrolmentPolicy === 'automatic' ? 'are enrolled without asking anybody' : 'wait for people';
        say(options, { product, enrolment: enrolmentPolicy, changed: isNew }, [
          `Devices of ${product} ${how}${isNew ? '' : ', as before'}.`,
        ]);
      }),
    );
}

function addDecision(enrolment: Command, verb: 'grant' | 'refuse', description: string): void {
  const granted = verb === 'grant';
  addIdentityOptions(addHomeOptions(enrolment.command(verb)))
    .description(description)
    .argument('<enrolment>', 'as `device enrolment list` shows it')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      `\nExample:\n  imprint device enrolment ${verb} e-019a4c3b2f1000a1b2c3d4e5f6 --reason "${granted ? 'seen on site' : 'reported stolen'}" --home ./authority`,
    )
    .action((enrolmentId: string, options: Reasoned) =>
      actAs(options, 'device.service', async (_, { ledger, person }) => {
        const { reason } = options;
        const { device_id } = await decideEnrolment(ledger, person, { enrolmentId, granted, reason });
        say(options, { enrolment_id: enrolmentId, device_id, granted }, [
          granted
            ? `${device_id} gets its certificate when it asks again.`
            : `${device_id} gets no certificate for this key.`,
        ]);
      }),
    );
}
