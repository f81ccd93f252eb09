import { topicsOf } from '../../app/journal.ts';

/** Of the simulated deployment. */
export const prefix = 'sim';
export const topics = topicsOf(prefix);
