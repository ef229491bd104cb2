/** A process for tests: runs one command line after another as they come by IPC, and answers what each printed and how it ended. */
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';

export interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

let ended: Ended = { status: 0, stdout: '', stderr: '' };
process.stdout.write = ((text: string | Uint8Array) => {
  ended.stdout += String(text);
  return true;
}) as typeof process.stdout.write;
process.stderr.write = ((text: string | Uint8Array) => {
  ended.stderr += String(text);
  return true;
}) as typeof process.stderr.write;

process.on('message', async (args: string[]) => {
  ended = { status: 0, stdout: '', stderr: '' };
  ended.status = await runProgram(await buildProgram(args), ['node', 'imprint', ...args]);
  process.send!(ended);
});
