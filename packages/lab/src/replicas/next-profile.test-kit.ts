/**
 * Preloaded into a process, makes it the program of a next version: its certificates have their extensions in another
 * order, so that it signs other bytes for the same facts, under the next number of the profile.
 */
import { registerHooks } from 'node:module';

const changes: readonly (readonly [string, string])[] = [
  ['    v: 1,\n', '    v: 2,\n'],
  ['      signingUsage,\n      notCaExtension,\n', '      notCaExtension,\n      signingUsage,\n'],
];

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/issuing/profile.ts')) return loaded;
    let source = String(loaded.source);
    for (const [now, next] of changes) {
      if (!source.includes(now)) throw new Error(`the profile has no ${JSON.stringify(now)} any more`);
      source = source.replace(now, next);
    }
    return { ...loaded, source };
  },
});
