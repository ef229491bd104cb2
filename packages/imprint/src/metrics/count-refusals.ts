/** Hears what stations are refused with, without changing an answer. */
import type { StationHandlers } from '@imprint/authority/http/station-handlers';
import { isImprintError } from '@imprint/contract/errors';

type AnyHandler = (...told: unknown[]) => Promise<unknown>;

/** The same handlers; `refused` is told the code of each error, and of each unit of a request about many. */
export function countRefusals(handlers: StationHandlers, refused: (code: string) => void): StationHandlers {
  const counted =
    (handle: AnyHandler): AnyHandler =>
    async (...told) => {
      try {
        const answer = await handle(...told);
        for (const code of codesIn(answer)) refused(code);
        return answer;
      } catch (error) {
        refused(isImprintError(error) ? error.code : 'internal');
        throw error;
      }
    };
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [name, counted(handle as AnyHandler)]),
  ) as unknown as StationHandlers;
}

function codesIn(answer: unknown): string[] {
  const { outcomes } = answer as { outcomes?: { problem?: { code: string } }[] };
  return (outcomes ?? []).flatMap(({ problem }) => problem?.code ?? []);
}
