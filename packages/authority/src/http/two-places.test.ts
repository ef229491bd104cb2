/** When one key is in use at two places, and when a device only moved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TwoPlaces } from './two-places.ts';

const here = '192.0.2.7';
const there = '198.51.100.9';
const [a, b, c] = [{}, {}, {}];

/** Uses, one a second unless said otherwise; true where the last one tells. */
function tells(uses: [connection: object, address: string][], stepMs = 1_000): boolean {
  const places = new TwoPlaces(60_000);
  let told = false;
  for (const [at, [connection, address]] of uses.entries())
    told = places.used('cert', connection, address, at * stepMs);
  return told;
}

describe('two places at once', () => {
  it('are told where two live connections speak in turns', () => {
    assert.equal(
      tells([
        [a, here],
        [b, there],
        [a, here],
      ]),
      false,
    );
    assert.equal(
      tells([
        [a, here],
        [b, there],
        [a, here],
        [b, there],
      ]),
      true,
    );
    assert.equal(
      tells([
        [a, here],
        [b, there],
        [a, here],
        [c, there],
        [a, here],
      ]),
      true,
    );
  });

  it('are not told of a device that moves, however often: it leaves its connections behind', () => {
    const moves = Array.from({ length: 20 }, (_, at): [object, string] => [{}, at % 2 ? here : there]);
    assert.equal(tells(moves), false);
  });

  it('are not told of one house: a /24, a /64 with many addresses, and both families at once', () => {
    const house = (one: string, other: string) =>
      [
        [a, one],
        [b, other],
        [a, one],
        [b, other],
        [a, one],
      ] as [object, string][];
    assert.equal(tells(house('192.0.2.7', '192.0.2.200')), false);
    assert.equal(tells(house('::ffff:192.0.2.7', '192.0.2.8')), false);
    assert.equal(tells(house('2001:db8:1:2::9', '2001:db8:1:2:aaaa:bbbb:cccc:dddd')), false);
    assert.equal(tells(house('2001:db8:1:2::9', '192.0.2.7')), false);
    assert.equal(tells(house('2001:db8:1:2::9', '2001:db8:1:3::9')), true);
    assert.equal(tells(house('2001:db8::1', '2001:db8:0:1::1')), true);
  });

  it('are not told of turns that lie apart', () => {
    assert.equal(
      tells(
        [
          [a, here],
          [b, there],
          [a, here],
          [b, there],
        ],
        40_000,
      ),
      false,
    );
  });

  it('are forgotten with the connections', () => {
    const places = new TwoPlaces(60_000);
    places.used('cert', a, here, 0);
    places.used('cert', b, there, 1);
    places.used('cert', a, here, 2);
    places.left('cert', a);
    places.left('cert', b);
    assert.equal(places.used('cert', c, there, 3), false);
    assert.equal(places.used('cert', c, there, 4), false);
  });
});
