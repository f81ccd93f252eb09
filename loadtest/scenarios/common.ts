import type { KindFigures } from '../driver/figures.ts';
import type { Kind, KindShare } from '../driver/load.ts';
import type { Facts, ScenarioAim, Settings } from './scenario.ts';

/** Any number does: by it the simulated waits can be worked out again, and two runs are given the same. */
export const seed = 7;

/** Of every scenario: what is simulated must be known, and replies come whole at once unless pieces are what is looked at. */
export const commonSettings: Settings = { PARLEY_SIMULATED_SEED: String(seed), PARLEY_SIMULATED_PIECES: '0' };

/** A text as people write them: 42 bytes in the mean, as in the published test. */
export const shortText: KindShare = { share: 1, bytes: { min: 24, max: 60 }, by: 'message' };

/** As much as the published recordings have in the mean, 62 kB. */
export const shortVoice: KindShare = { share: 1, bytes: { min: 52_000, max: 72_000 }, by: 'message' };

/** And the published videos, 143 kB. */
export const shortVideo: KindShare = { share: 1, bytes: { min: 123_000, max: 163_000 }, by: 'message' };

/** How long a message without a reply is awaited: nothing here takes half of it, so what is not answered by then is lost. */
export const settleMs = 30_000;

/** Whatever was refused to a client, a place as well, or was not answered. */
export const noFailures: ScenarioAim = {
  name: 'Failures',
  unit: '',
  limit: 0,
  figure: ({ driver }) => {
    const lost = Object.values(driver.kinds).reduce((sum, kind) => sum + kind.lost, 0);
    const errors = Object.values(driver.errors).reduce((sum, count) => sum + count, 0);
    return lost + errors;
  },
};

/** Of the replies to messages of a kind; undefined when there were none. */
export function ofKind(kind: Kind, figure: (figures: KindFigures) => number | undefined): ScenarioAim['figure'] {
  return ({ driver }: Facts) => {
    const figures = driver.kinds[kind];
    return figures === undefined || figures.answered === 0 ? undefined : figure(figures);
  };
}

/** What holds of the log itself, not of samples. */
export function mostOpen(limit: number): ScenarioAim {
  return { name: 'Most clients in at once', unit: '', limit, figure: ({ audit }) => audit.connections.mostOpen };
}
