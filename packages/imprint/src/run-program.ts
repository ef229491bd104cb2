/** How every command ends: 0 done, 1 refused or failed with the reason, 2 wrong usage. Errors are printed here alone. */
import { styleText } from 'node:util';
import { toProblem } from '@imprint/contract/api/problem';
import { ImprintError } from '@imprint/contract/errors';
import { type Command, CommanderError } from 'commander';
import { plainLines } from './say.ts';

/** Thrown by a command that has said all there is to say and only sets the exit code. */
export class ExitCode extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Parses and runs; resolves to the process's exit code and never throws. */
export async function runProgram(program: Command, argv: string[]): Promise<number> {
  exitOverride(program);
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof ExitCode) return error.exitCode;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    printError(asDiskFailure(error) ?? error, argv.includes('--json'));
    return error instanceof ImprintError && error.code === 'usage' ? 2 : 1;
  }
}

/** What the machine says where a disk does not take what it is given (errno, and SQLite's codes). */
const diskCodes =
  /^(EIO|ENOSPC|EDQUOT|EROFS|EFBIG|SQLITE_FULL|SQLITE_IOERR.*|SQLITE_CANTOPEN.*|SQLITE_READONLY.*)$/;

/** A disk's failure is no fault of the program, and what helps is the same for every command. */
function asDiskFailure(error: unknown): ImprintError | undefined {
  if (error instanceof ImprintError || !(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !diskCodes.test(code)) return undefined;
  return new ImprintError('storage_failed', `the disk did not take it: ${error.message}`, {
    hint: 'Look at the disk: free space, errors, mounted for writing. Then run the command again.',
    cause: error,
  });
}

function exitOverride(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitOverride(child);
}

/** What a unit or the other end of a wire said may stand in it. */
function printError(error: unknown, asJson: boolean): void {
  if (asJson) {
    const { code, detail, hint } = toProblem(error);
    process.stdout.write(
      `${JSON.stringify({ error: { code, message: detail, ...(hint ? { hint } : {}) } })}\n`,
    );
  }
  if (error instanceof ImprintError) {
    process.stderr.write(`${styleText('red', 'error')} ${error.code}: ${plainLines(error.message)}\n`);
    if (error.hint) process.stderr.write(`  ${plainLines(error.hint)}\n`);
    return;
  }
  // Not one of ours: a fault in the program, whose place the developer needs.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${styleText('red', 'error')} internal: ${plainLines(stack)}\n`);
}
