/** What a check of a file found, at the place where a person mends it. */

import { type ErrorCode, ImprintError } from './errors.ts';

export interface Finding {
  /** Both count from 1; the column counts UTF-16 code units. */
  line: number;
  column: number;
  message: string;
  /** What the person does now. */
  hint: string;
}

/** `file:line:column: message`, the form that editors and CI systems turn into links. */
export function findingText(fileName: string, finding: Finding): string {
  return `${fileName}:${finding.line}:${finding.column}: ${finding.message}`;
}

/** The error that carries findings: its message is the first one's, `context.findings` holds all, in file order. */
export function findingsError(code: ErrorCode, fileName: string, findings: Finding[]): ImprintError {
  const ordered = [...findings].sort((a, b) => a.line - b.line || a.column - b.column);
  const first = ordered[0]!;
  return new ImprintError(code, findingText(fileName, first), {
    hint: first.hint,
    context: { file: fileName, findings: ordered },
  });
}
