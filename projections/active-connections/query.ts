import { type AdmissionState, restoreAdmission } from '../../src/domain/admission/state.ts';
import type { ReadModelStore } from '../../src/ports/read-model.ts';
import { admissionDocumentId, admissionSpec } from './document.ts';

/** Who is connected. */
export interface ActiveConnections {
  /**
   * What a starting gateway folds on from, and the offset of the next record to fold; null when nothing is known yet. Rejects with
   * ReadModelUnavailable.
   */
  snapshot(): Promise<{ readonly state: AdmissionState; readonly nextOffset: number } | null>;
}

/** The queries of the active-connections read model on this store. */
export function activeConnections(store: ReadModelStore): ActiveConnections {
  const documents = store.collection(admissionSpec);
  return {
    async snapshot() {
      const document = await documents.get(admissionDocumentId);
      return document && { state: restoreAdmission(document.snapshot), nextOffset: document.nextOffset };
    },
  };
}
