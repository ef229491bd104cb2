/** Writes what a label says into a spool folder, and has a command of the station's owner print it. No shell reads the ID. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type DeviceId, parseAnyDeviceId } from '@imprint/contract/device-id';
import { ImprintError } from '@imprint/contract/errors';
import { writeOwn } from './station-home.ts';

const run = promisify(execFile);
const printTimeoutMs = 15_000;

export interface LabelPrinter {
  /** Has a label for this ID made; gives the path of its text. @throws tool_missing where the printer does not take it */
  print(deviceId: string, symbology: string): Promise<string>;
}

export class SpoolLabelPrinter implements LabelPrinter {
  readonly #folder: string;
  readonly #command: readonly string[];

  /** `command`: program and arguments, to which the path of the label's text is added; none where the folder is polled. */
  constructor(folder: string, command: readonly string[] = []) {
    this.#folder = folder;
    this.#command = command;
  }

  async print(deviceId: string, symbology: string): Promise<string> {
    const id: DeviceId = parseAnyDeviceId(deviceId);
    const path = join(this.#folder, `${id}.txt`);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeOwn(path, `${symbology}\n${id}\n`);
      const [program, ...rest] = this.#command;
      if (program !== undefined) await run(program, [...rest, path], { timeout: printTimeoutMs });
    } catch (cause) {
      throw new ImprintError(
        'tool_missing',
        `the label of ${id} was not printed: ${(cause as Error).message}`,
        {
          hint: 'Check the printer and the label command in station.json, then scan the unit again.',
          cause,
        },
      );
    }
    return path;
  }
}
