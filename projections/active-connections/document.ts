import type { AdmissionSnapshot } from '../../src/domain/admission/state.ts';
import type { CollectionSpec } from '../../src/ports/read-model.ts';

/** The read model of who is connected. */
export const activeConnectionsModel = 'active-connections';

/** The only document of its collection. */
export const admissionDocumentId = 'admission';

/** Who is connected and who waits, as one document: a few dozen connections change together. */
export interface AdmissionDocument {
  readonly id: typeof admissionDocumentId;
  /** Offset of the next record to fold into the snapshot. */
  readonly nextOffset: number;
  readonly snapshot: AdmissionSnapshot;
}

export const admissionSpec: CollectionSpec<AdmissionDocument> = {
  name: 'admission',
  model: activeConnectionsModel,
  version: 1,
  indexes: {},
};
