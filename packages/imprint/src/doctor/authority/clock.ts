/** Whether the clock can be trusted: against its source, the database server's, and the log's last entry. */
import { limits } from '@imprint/contract/limits';
import { type Finding, fail, together, unknown, warn } from '../check.ts';
import { ofDatabase } from './facts.ts';

const setRight = 'Set the clock (NTP on this machine), then accept it: imprint clock accept.';

export const clock = ofDatabase('clock', async ({ clockGuard, configuration, storage, clock: now }) => {
  const findings: Finding[] = [];
  const halted = await storage.reader.selectFrom('clock_halt').selectAll().executeTakeFirst();
  if (halted !== undefined)
    findings.push(fail(`issuing is halted since ${halted.halted_at}: ${halted.detail}`, setRight));
  const seen = await clockGuard.observe();
  if (seen.verdict === 'wrong') findings.push(fail(seen.detail, setRight));
  if (seen.verdict === 'source-silent') {
    findings.push(
      warn(seen.detail, 'Look at the network, or name another source: clock_source in imprint.json.'),
    );
  }
  const { last_at } = await storage.reader.selectFrom('log_head').select('last_at').executeTakeFirstOrThrow();
  const behindMs = Date.parse(last_at) - now().getTime();
  if (behindMs > limits.clockBehindMs) {
    findings.push(
      fail(`the log's last entry is ${Math.round(behindMs / 1000)} s ahead of this clock`, setRight),
    );
  }
  if (storage.serverClock !== undefined) {
    const before = now().getTime();
    const server = (await storage.serverClock(storage.reader)).getTime();
    const offMs = Math.max(before - server, server - now().getTime());
    if (offMs > limits.clockOffServerMs) {
      findings.push(
        fail(
          `this clock is ${(offMs / 1000).toFixed(1)} s off the database server's`,
          'Set the one that is wrong right: NTP on both machines.',
        ),
      );
    }
  }
  if (configuration.clock_source === undefined) {
    findings.push(
      unknown(
        'the clock is compared with no other',
        'Name a server whose Date header is right: clock_source in imprint.json.',
      ),
    );
  }
  return together(findings, `it agrees with ${configuration.clock_source}`);
});
