/** Who stands where: a person at each lane until the boards are used up, and one who packs what is done. */
import { type Bench, type Fate, type Shop, Worker } from './worker.ts';

/** Of so many boards that are done, one is packed. */
const packEvery = 10;

/** Resolves when every board has its fate and what is to be packed is packed. */
export async function workAllBoards(shop: Shop, ended: (unit: number, fate: Fate) => void): Promise<void> {
  const { world, floor } = shop;
  const of = (stationId: string) => shop.benches.filter(({ host }) => host.id === stationId);
  const inOneVisit = floor.boards.filter(({ product }) => !product.isTwoVisits).map(({ unit }) => unit);
  const inTwo = floor.boards.filter(({ product }) => product.isTwoVisits).map(({ unit }) => unit);
  const toPack: number[] = [];
  const end = (unit: number, fate: Fate) => {
    ended(unit, fate);
    if (fate === 'done' && unit % packEvery === 0) toPack.push(unit);
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
}
