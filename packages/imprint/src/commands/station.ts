/** The factory floor's side: `imprint station enroll|run|run-job|checkpoint`, run on the station's PC. */
import { readFileSync } from 'node:fs';
import { isEnrolmentToken } from '@imprint/contract/enrolment-token';
import { ImprintError } from '@imprint/contract/errors';
import { enrolStation } from '@imprint/station/enrolment';
import { jsonRenderer } from '@imprint/station/operator-ui/json-renderer';
import { textRenderer } from '@imprint/station/operator-ui/text-renderer';
import { type LaneSettings, laneSettings } from '@imprint/station/station-home';
import { systemTimers } from '@imprint/station/timers';
import { type Command, InvalidArgumentError } from 'commander';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { runStation } from '../run-station.ts';
import { untilStopped } from '../until-stopped.ts';
import { addStationCheckpointCommand } from './station-checkpoint.ts';
import { addRunJobCommand } from './station-run-job.ts';

const tokenBytes = 4_096;

/** Adds the floor's commands to `station`, which is made where it is not there yet. */
export function addStationCommands(program: Command): void {
  const station =
    program.commands.find((command) => command.name() === 'station') ??
    program.command('station').description('factory stations');
  addEnrolCommand(station);
  addRunCommand(station);
  addRunJobCommand(station);
  addStationCheckpointCommand(station);
}

function addEnrolCommand(station: Command): void {
  station
    .command('enroll')
    .description(
      'join this PC to its authority: make its key, show its fingerprint, wait for the confirmation',
    )
    .requiredOption('--token-file <file>', 'file with the one-time token; - reads it from standard input')
    .requiredOption('--home <dir>', "the station's folder, made where it is not there")
    .option('--lane <n=port>', laneHelp, collectLane, [])
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      `
The token never goes onto the command line, where other programs could read it.
Compare the fingerprint with the person at the authority, who then runs: imprint station confirm

Example:
  imprint station enroll --token-file st-1.token --home ./station --lane 1=/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0`,
    )
    .action(async (options: { tokenFile: string; home: string; lane: LaneSettings[]; json?: boolean }) => {
      const settings = await enrolStation({
        folder: options.home,
        token: readToken(options.tokenFile),
        lanes: options.lane,
        timers: systemTimers,
        show: (fingerprint, stationId) =>
          say(options, { event: 'fingerprint', station_id: stationId, fingerprint }, [
            `Station ${stationId} has made its key. Its fingerprint is`,
            '',
            `  ${fingerprint.match(/.{8}/g)!.join(' ')}`,
            '',
            'Read it to the person at the authority, who confirms it with',
            `  imprint station confirm ${stationId} --home DIR --fingerprint ${fingerprint}`,
            'Waiting for the confirmation…',
          ]),
      });
      say(
        options,
        { event: 'enrolled', station_id: settings.station_id, realm: settings.realm, home: options.home },
        [
          `Station ${settings.station_id} is enrolled in realm ${settings.realm}. Start it with: imprint station run --home ${options.home}`,
        ],
      );
    });
}

function addRunCommand(station: Command): void {
  station
    .command('run')
    .description('work: scans on standard input, PASS and FAIL on the screen')
    .requiredOption('--home <dir>', "the station's folder")
    .option('--lane <n=port>', laneHelp, collectLane, [])
    .option('--baud <rate>', 'bits a second of every lane', wholeNumber)
    .option('--json', 'print every event as one line of JSON')
    .addHelpText(
      'after',
      `
Each line of standard input is what a barcode reader types:
  OP-1001                    a badge: opens the shift, and closes it when it is scanned again
  LANE-3                     the lane that the next scan is for
  LANE-3 GW-M1260000017      lane and unit in one
  CARRIER-A7 POS-2           where on a carrier the unit of this lane lies
  NEXT                       a unit whose label is printed later
  GOLDEN                     the next unit is a golden or must-fail sample
  PASS-calibration GW-…      another program's operation passed (FAIL-…: failed) for this unit
  CANCEL                     stop the unit of this lane at its next step

Example:
  imprint station run --home ./station --lane 1=tcp://127.0.0.1:4001 --lane 2:pack=tcp://127.0.0.1:4002`,
    )
    .action(async (options: { home: string; lane: LaneSettings[]; baud?: number; json?: boolean }) => {
      const write = (text: string) => void process.stdout.write(text);
      const colours = process.stdout.isTTY === true && !process.env.NO_COLOR;
      const sound = await runStation({
        folder: options.home,
        lanes: options.lane,
        ...(options.baud === undefined ? {} : { baud: options.baud }),
        emit: options.json ? jsonRenderer(write) : textRenderer({ write, colours }),
        input: process.stdin,
        stopped: untilStopped(),
      });
      if (!sound) throw new ExitCode(1);
    });
}

const laneHelp =
  'a lane and its port: 1=tcp://host:port, 2=/dev/serial/by-path/…, 3:seal=… or 4:pack=… for other work (repeatable)';

function collectLane(text: string, lanes: LaneSettings[]): LaneSettings[] {
  const match = /^([1-9][0-9]?)(?::([a-z]+))?=(.+)$/.exec(text);
  const lane = laneSettings.safeParse({
    lane: Number(match?.[1]),
    port: match?.[3],
    ...(match?.[2] === undefined ? {} : { operation: match[2] }),
  });
  if (!lane.success)
    throw new InvalidArgumentError('Write it as 1=tcp://host:port, or 1:pack=tcp://host:port.');
  return [...lanes, lane.data];
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{1,7}$/.test(text)) throw new InvalidArgumentError('Give bits a second, such as 115200.');
  return Number(text);
}

/** The token's one line; standard input is read whole, under the same cap. */
function readToken(file: string): string {
  if (isEnrolmentToken(file)) {
    throw new ImprintError('usage', 'the token itself was given where the name of its file belongs', {
      hint: 'Other programs could read it: ask for a new token, and give the file that imprint station invite wrote.',
    });
  }
  const text =
    file === '-'
      ? readFileSync(0).subarray(0, tokenBytes).toString('utf8')
      : readBoundedFile(file, tokenBytes);
  if (text.trim() === '') {
    throw new ImprintError('token_invalid', 'there is no token', {
      hint: 'Give the file that imprint station invite wrote.',
    });
  }
  return text;
}

function say(options: { json?: boolean }, object: object, lines: string[]): void {
  process.stdout.write(options.json ? `${JSON.stringify(object)}\n` : `${lines.join('\n')}\n`);
}
