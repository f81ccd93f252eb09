import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/testing/random.ts';
import { type Panel, paper } from './draw.ts';
import { distributionPanel, heightsOf, lineOf, overTime } from './panels.ts';
import { plots, publishedPlots } from './plots.ts';
import { distributionOf, nothingMeasured, sampleResult, troubledResult } from './testing/sample-result.ts';

const random = seededRandom();

type Values = readonly Readonly<Record<string, unknown>>[];

/** What the layers of a panel draw, by layer. */
function drawnBy(panel: Panel | undefined): readonly Values[] {
  return (panel?.layer ?? []).map((layer) => (layer.data as { readonly values: Values }).values);
}

const seconds = (count: number) => Array.from({ length: count }, (_, second) => ({ second, value: second }));

describe('a line over time', () => {
  test('is broken where nothing was measured', () => {
    const ticks = [{ second: 0, value: 1 }, { second: 1 }, { second: 2, value: Number.NaN }, { second: 3, value: 4 }];
    const line = lineOf('a', ticks, (tick) => tick.value);
    expect(drawnBy(overTime([line], [], paper))[0]?.map(({ value }) => value)).toEqual([1, null, null, 4]);
  });

  test('of a long run shows the worst of some seconds, of rates their mean', () => {
    const ticks = seconds(480);
    const worst = lineOf('worst', ticks, ({ value }) => value);
    const rate = lineOf('rate', ticks, ({ value }) => value, { isRate: true });
    const [points = []] = drawnBy(overTime([worst, rate], [], paper));
    expect(points).toHaveLength(2 * 240);
    expect(points.filter(({ line }) => line === 'worst').slice(0, 2)).toEqual([
      { at: 0, line: 'worst', value: 1 },
      { at: 2 / 60, line: 'worst', value: 3 },
    ]);
    expect(points.find(({ line }) => line === 'rate')?.['value']).toBe(0.5);
  });

  test('stands beside the cap and what was done to the servers', () => {
    const line = lineOf('a', seconds(3), ({ value }) => value);
    const [, ...others] = drawnBy(overTime([line], [{ second: 2, what: 'killed' }], paper, 50));
    expect(others.map(([first]) => first)).toEqual([
      { limit: 50, name: 'cap 50' },
      { limit: 50, name: 'cap 50' },
      { at: 2, number: '1' },
      { at: 2, number: '1' },
    ]);
  });

  test.each([
    [[1, 4_000], 'log', [1, 10, 100, 1_000, 10_000]],
    [[300, 4_000], undefined, undefined],
    [[0, 4_000], undefined, undefined],
  ])('from %j has a scale on which all of it is seen', (values, type, ticks) => {
    const { scale, axis } = heightsOf(values);
    expect({ ...scale, ...axis }).toMatchObject(type === undefined ? { zero: true } : { type, values: ticks });
  });

  test('is not drawn when it has no value', () => {
    expect(overTime([lineOf('a', [], () => 1)], [], paper)).toBeUndefined();
    expect(overTime([lineOf('a', seconds(2), () => undefined)], [], paper, 50)).toBeUndefined();
  });
});

describe('a distribution', () => {
  test('gives each nine the same room, and ends where its values do', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => index + 1);
    const curve = [0, 90, 99, 100].map((percentile) => [percentile, 10 * percentile] as const);
    const panel = distributionPanel([
      { name: 'a', colour: '#000', distribution: { ...distributionOf(values), curve } },
    ]);
    const places = drawnBy(panel)[0]?.map(({ at }) => Number(at)) ?? [];
    for (const [index, place] of [0, 1, 2, 3].entries()) expect(places[index]).toBeCloseTo(place, 9);
  });

  test('of nothing is not drawn', () => {
    expect(distributionPanel([{ name: 'a', colour: '#000', distribution: nothingMeasured }])).toBeUndefined();
  });
});

describe('the plots for docs', () => {
  test('are named by their run, and are drawn on their own ground', async () => {
    const drawn = await plots(troubledResult(random));
    expect(Object.keys(drawn)).toEqual(
      ['throughput', 'distribution', 'caps'].map((name) => `chaos-distributed-${name}.svg`),
    );
    for (const svg of Object.values(drawn)) {
      expect(svg).toMatch(/^<svg .*<\/svg>$/s);
      expect(svg).toContain(`fill="${paper.ground}"`);
      expect(svg).not.toMatch(/NaN|undefined|var\(/);
    }
    for (const cap of ['>cap 50<', '>cap 60<']) expect(drawn['chaos-distributed-caps.svg']).toContain(cap);
    expect(drawn['chaos-distributed-distribution.svg']).toMatch(/>50 %<.*>90 %<.*>99 %<.*>99.9 %</s);
  });

  test('have no percentile for a second without a reply', () => {
    const [throughput] = publishedPlots(troubledResult(random));
    const [, percentiles] = throughput?.panels.map(({ panel }) => drawnBy(panel)[0] ?? []) ?? [];
    // 20 s is before the first kill, 21 s after it.
    expect(percentiles?.find(({ at }) => at === 20)?.['value']).toBeGreaterThan(0);
    expect(percentiles?.filter(({ at }) => at === 21).map(({ value }) => value)).toEqual([null, null]);
  });

  test('by another protocol have other names, and what was not measured has none', async () => {
    const { load, ...rest } = sampleResult(random, { system: [] });
    const drawn = await plots({ ...rest, load: { ...load, protocol: 'grpc-web' } });
    expect(Object.keys(drawn)).toEqual([
      'published-embedded-grpc-web-throughput.svg',
      'published-embedded-grpc-web-distribution.svg',
    ]);
  });
});
