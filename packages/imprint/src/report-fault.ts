/** A fault on the authority's side goes to standard error, with its place; what clients do wrong is answered and not reported. */
export function reportFault(error: unknown): void {
  process.stderr.write(
    `${new Date().toISOString()} ${error instanceof Error ? error.stack : String(error)}\n`,
  );
}
