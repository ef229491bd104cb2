/** What every link must keep, run against each kind of it; the far end is a plain wire that the adapter's test lays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import type { DutLink } from './dut-link.ts';

/** The far end of a wire, as a unit has it. */
export interface Wire {
  link: DutLink;
  /** Waits until a station is there, then gives what the unit reads and writes. */
  far(): Promise<{ write(bytes: Uint8Array): void; read(count: number): Promise<Uint8Array> }>;
  /** Pulls the cable, so that the station must notice. */
  cut(): Promise<void>;
  /** Plugs it in again at the same place. */
  mend(): Promise<void>;
  remove(): Promise<void>;
}

export function dutLinkSuite(kind: string, lay: () => Promise<Wire>): void {
  describe(`a ${kind} link`, { timeout: 20_000 }, () => {
    const collect = () => {
      const received: number[] = [];
      let wake = () => {};
      const closed = Promise.withResolvers<string>();
      return {
        events: {
          bytes: (bytes: Uint8Array) => {
            received.push(...bytes);
            wake();
          },
          closed: (reason: string) => closed.resolve(reason),
        },
        closed: closed.promise,
        take: async (count: number) => {
          while (received.length < count) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          return Uint8Array.from(received.splice(0, count));
        },
      };
    };

    it('carries every byte value both ways, in order', async () => {
      const wire = await lay();
      try {
        const near = collect();
        await wire.link.open(near.events);
        const far = await wire.far();
        const all = Uint8Array.from({ length: 256 }, (_, value) => value);
        await wire.link.write(all);
        assert.deepEqual(await far.read(256), all);
        far.write(all);
        assert.deepEqual(await near.take(256), all);
      } finally {
        await wire.remove();
      }
    });

    it('carries a long message whole', async () => {
      const wire = await lay();
      try {
        const near = collect();
        await wire.link.open(near.events);
        const far = await wire.far();
        const long = Uint8Array.from({ length: 64 * 1024 }, (_, index) => (index * 31) % 251);
        const read = far.read(long.length);
        await wire.link.write(long);
        assert.deepEqual(await read, long);
      } finally {
        await wire.remove();
      }
    });

    it('says that the cable was pulled, and is opened again at the same place', async () => {
      const wire = await lay();
      try {
        const first = collect();
        await wire.link.open(first.events);
        await wire.far();
        await wire.cut();
        assert.notEqual(await first.closed, '');
        await assert.rejects(wire.link.write(Uint8Array.of(1)), (error) =>
          isImprintError(error, 'link_lost'),
        );
        await wire.mend();
        const second = collect();
        await wire.link.open(second.events);
        const far = await wire.far();
        far.write(Uint8Array.of(42));
        assert.deepEqual(await second.take(1), Uint8Array.of(42));
      } finally {
        await wire.remove();
      }
    });

    it('refuses to open where nothing is plugged in', async () => {
      const wire = await lay();
      await wire.remove();
      await assert.rejects(wire.link.open(collect().events), (error) => isImprintError(error, 'link_lost'));
    });

    it('gives no event after it was closed', async () => {
      const wire = await lay();
      try {
        const near = collect();
        await wire.link.open(near.events);
        await wire.far();
        await wire.link.close();
        await wire.link.close();
        const heard = await Promise.race([
          near.closed,
          new Promise((resolve) => setImmediate(() => resolve('nothing'))),
        ]);
        assert.equal(heard, 'nothing');
      } finally {
        await wire.remove();
      }
    });
  });
}
