/** `imprint station run-job`: one unit by an article-style manifest, without an authority and without a receipt. */
import { randomBytes } from 'node:crypto';
import { findingText } from '@imprint/contract/finding';
import { readJobFiles } from '@imprint/station/job-files';
import { linkTo } from '@imprint/station/link-to';
import { type RunJobEvent, runJob, type StepOutcome } from '@imprint/station/run-job';
import { systemTimers } from '@imprint/station/timers';
import { type Command, InvalidArgumentError } from 'commander';

interface RunJobCommandOptions {
  port: string;
  baud?: number;
  json?: boolean;
}

export function addRunJobCommand(station: Command): void {
  station
    .command('run-job')
    .description(
      'write one unit by a job manifest with its certificates beside it (no authority, no receipt)',
    )
    .argument('<manifest>', 'the job manifest, YAML')
    .requiredOption('--port <port>', 'tcp://host:port, or the path of a serial port')
    .option('--baud <rate>', 'bits a second', (text) => {
      if (/^[1-9][0-9]{1,7}$/.test(text)) return Number(text);
      throw new InvalidArgumentError('Give bits a second, such as 115200.');
    })
    .option('--json', 'print JSON lines, the last of them the report')
    .addHelpText(
      'after',
      `
For units that know only set_device_id, write_certs, sign_challenge and finalize, and for development builds.
The unit's signature is verified against its certificate, but the unit signs whatever it is given: no receipt.

Example:
  imprint station run-job job.yaml --port /dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0`,
    )
    .action(async (manifestPath: string, options: RunJobCommandOptions) => {
      const files = readJobFiles(manifestPath);
      const print = (text: string) => process.stdout.write(`${text}\n`);
      for (const warning of files.warnings) {
        const text = findingText(manifestPath, warning);
        print(
          options.json
            ? JSON.stringify({ event: 'warning', message: text, hint: warning.hint })
            : `warning ${text}`,
        );
      }
      const report = await runJob({
        files,
        link: linkTo(options.port, options.baud),
        timers: systemTimers,
        challenge: randomBytes(32),
        say: (event) => print(options.json ? JSON.stringify(event) : sentence(event)),
      });
      if (options.json) print(JSON.stringify({ event: 'passed', ...report }));
      else {
        print(`PASS  ${report.device_id}: its signature verifies against its certificate.`);
        if (report.not_possible.length > 0) {
          print(
            `NOT DONE, since this unit's protocol has no way to do it: ${report.not_possible.join(', ')}.`,
          );
        }
        print(
          'There is no receipt: nobody but this station has seen the unit, and it signs whatever it is given.',
        );
      }
    });
}

const outcomeWords: Record<StepOutcome, string> = {
  done: 'done',
  'read-back': 'done and read back',
  already: 'was done before',
  'not-possible': 'NOT DONE: the unit has no command for it',
};

function sentence(event: RunJobEvent): string {
  switch (event.event) {
    case 'plan':
      return event.moved.length === 0
        ? `Order: ${event.steps.join(', ')}.`
        : `Order: ${event.steps.join(', ')}.\nMoved to the end, behind the proof, since nobody can undo it: ${event.moved.join(', ')}.`;
    case 'unit':
      return event.protocol === 'article'
        ? 'The unit knows the plain commands alone: nothing can be read back, only proven.'
        : 'The unit is a development build of the dev realm.';
    case 'step':
      return `  ${event.step}: ${outcomeWords[event.outcome]}`;
  }
}
