/** What becomes of an upload: as it should be, or never, too late, twice, with other bytes, or with bytes that are not of the type described. */
export type UploadPlan = 'right' | 'never' | 'late' | 'twice' | 'wrong' | 'mistyped';

/** An object that a client may name. */
export interface Upload {
  readonly mediaId: string;
  readonly ownerId: string;
  readonly plan: UploadPlan;
  /** When its bytes were stored, milliseconds since the epoch; undefined: they were not. */
  storedMs: number | undefined;
}
