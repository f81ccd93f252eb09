import type { ValueType } from './value-types.ts';

export type Role = 'gateway' | 'worker' | 'projector';

/** One setting: a row of docs/configuration.md. */
export interface Setting<T> {
  readonly type: ValueType<T>;
  /** As it would be written in the environment; '' when there is none. */
  readonly default: string;
  readonly description: string;
  /** Never shown, neither in a problem nor in a description of the configuration. */
  readonly secret?: true;
  /** The roles that use it. Default: all. Of a secret: no other role should be given it. */
  readonly usedBy?: readonly Role[];
}

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;
