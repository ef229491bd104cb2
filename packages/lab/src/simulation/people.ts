/** Who stands where: a person at each lane until the boards are used up, one who packs what is done, and one who takes back what was shipped. */
import { comesBack, isPacked } from './faults.ts';
import { type Bench, type Fate, type Shop, Worker } from './worker.ts';

/** Resolves when every board has its fate and what is to be packed is packed. */
export async function workAllBoards(shop: Shop, ended: (unit: number, fate: Fate) => void): Promise<void> {
  const { world, floor } = shop;
  const of = (stationId: string) => shop.benches.filter(({ host }) => host.id === stationId);
  const inOneVisit = floor.boards.filter(({ product }) => !product.isTwoVisits).map(({ unit }) => unit);
  const inTwo = floor.boards.filter(({ product }) => product.isTwoVisits).map(({ unit }) => unit);
  const toPack: number[] = [];
  const end = (unit: number, fate: Fate) => {
    ended(unit, fate);
    if (fate === 'done' && isPacked(unit)) toPack.push(unit);
  };
  const workers = [...of('gw-1'), ...of('gw-2')].map(async (bench) => {
    const worker = new Worker(shop, `${bench.host.id} ${bench.place.lane}`);
    for (let unit = inOneVisit.shift(); unit !== undefined; unit = inOneVisit.shift()) {
      end(unit, await worker.provision(bench, unit));
    }
  });
  const [visit, seal] = of('sn-1') as [Bench, Bench];
  workers.push(
    (async () => {
      const worker = new Worker(shop, 'sn-1');
      for (let unit = inTwo.shift(); unit !== undefined; unit = inTwo.shift()) {
        end(unit, await worker.provisionTwice(visit, seal, unit));
      }
    })(),
  );
  let atWork = workers.length;
  for (const work of workers) void work.finally(() => atWork--);
  const packer = (async () => {
    const worker = new Worker(shop, 'pk-1');
    const [bench] = of('pk-1') as [Bench];
    while (atWork > 0 || toPack.length > 0) {
      const unit = toPack.shift();
      if (unit === undefined) await world.delay(2_000);
      else await worker.pack(bench, unit);
    }
  })();
  await Promise.all([...workers, packer]);
  await secondLives(shop, of('gw-1')[0]!, of('pk-1')[0]!);
}

/**
 * Units that were shipped come back: a station that scans one before it was accepted does nothing with it, and after that it is
 * made anew on the board that it is.
 */
async function secondLives(shop: Shop, bench: Bench, packing: Bench): Promise<void> {
  const { floor, faults } = shop;
  const worker = new Worker(shop, 'returns');
  for (const { unit } of floor.boards.filter((board) => comesBack(board.unit))) {
    const deviceId = floor.label(unit);
    if (deviceId === undefined || !shop.isManufactured(deviceId)) continue;
    for (const to of ['stocked', 'shipped', 'returned'] as const) await shop.move(deviceId, to);
    await worker.scanOnce(bench, unit);
    await shop.whileReturned(unit, deviceId);
    await shop.move(deviceId, 'refurbished');
    faults.beginSecondLife(unit);
    const fate = await worker.provision(bench, unit);
    if (fate === 'done') await worker.pack(packing, unit);
    shop.livedAgain(unit, fate);
  }
}
