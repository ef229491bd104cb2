/** The lines that steer a floor from outside: each is one JSON object, checked as strictly as any foreign input. */
import { FloorRefusal, type SimulatedFloor } from './simulated-floor.ts';

/** One line on the way out. */
export type ControlEvent = { event: string } & Record<string, unknown>;

export const controlLineBytes = 4096;

/**
 * Carries out one line: `{"load":{"fixture":1,"unit":7}}`, `{"unload":{"fixture":1}}`,
 * `{"power":{"fixture":1,"on":false}}`, `{"report":true}` or `{"csr":{"unit":7}}`. A line that is none of these, or
 * that asks for what is not there, is answered by an event `refused` with the reason.
 */
export async function control(floor: SimulatedFloor, line: string): Promise<ControlEvent> {
  try {
    const command = readCommand(line);
    if ('load' in command) {
      const { fixture, unit } = command.load;
      floor.load(fixture!, unit!);
      return { event: 'loaded', fixture, unit };
    }
    if ('unload' in command) {
      floor.unload(command.unload.fixture!);
      return { event: 'unloaded', fixture: command.unload.fixture };
    }
    if ('power' in command) {
      floor.power(command.power.fixture, command.power.on);
      return { event: 'power', ...command.power };
    }
    if ('csr' in command) return await requestOf(floor, command.csr.unit!);
    return { event: 'report', ...floor.report() };
  } catch (error) {
    if (error instanceof FloorRefusal) return { event: 'refused', reason: error.message };
    throw error;
  }
}

async function requestOf(floor: SimulatedFloor, unit: number): Promise<ControlEvent> {
  const made = floor.unit(unit);
  if (!made.board.keySlot.publicKey()) throw new FloorRefusal(`Unit ${unit} holds no key.`);
  const der = Buffer.from(await made.requestOutOfBand());
  const body = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return {
    event: 'csr',
    unit,
    csr_pem: `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`,
  };
}

type Command =
  | { load: Record<string, number> }
  | { unload: Record<string, number> }
  | { power: { fixture: number; on: boolean } }
  | { csr: Record<string, number> }
  | { report: true };

const shapes: Record<string, Record<string, 'number' | 'boolean'>> = {
  load: { fixture: 'number', unit: 'number' },
  unload: { fixture: 'number' },
  power: { fixture: 'number', on: 'boolean' },
  csr: { unit: 'number' },
};

function readCommand(line: string): Command {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new FloorRefusal('The line is not JSON.');
  }
  const entries = value !== null && typeof value === 'object' ? Object.entries(value) : [];
  const [name, argument] = entries.length === 1 ? entries[0]! : ['', undefined];
  if (name === 'report' && argument === true) return { report: true };
  const shape = Object.hasOwn(shapes, name) ? shapes[name]! : undefined;
  const fields = Object.keys(shape ?? {});
  const fits =
    shape !== undefined &&
    argument !== null &&
    typeof argument === 'object' &&
    Object.keys(argument).length === fields.length &&
    fields.every((field) => typeof (argument as Record<string, unknown>)[field] === shape[field]);
  if (!fits)
    throw new FloorRefusal('A line is one of load, unload, power, csr and report, with exactly its fields.');
  return value as Command;
}
