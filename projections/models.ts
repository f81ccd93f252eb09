import type { AdmissionEvent } from '../src/domain/admission/events.ts';
import type { Document } from '../src/ports/read-model.ts';
import {
  type AdmissionDocument,
  activeConnectionsModel,
  admissionDocumentId,
  admissionSpec,
} from './active-connections/document.ts';
import { projectAdmission } from './active-connections/project.ts';
import { historyProjection } from './history-projection.ts';
import type { Projection } from './projection.ts';

/** Who is connected and who waits. */
export const activeConnectionsProjection: Projection<AdmissionEvent> = {
  model: activeConnectionsModel,
  topic: 'connections',
  collections: [admissionSpec],
  touches: () => [{ collection: admissionSpec.name, id: admissionDocumentId }],
  fold(state, entries, _partition, documents): Document | null {
    const last = entries.at(-1);
    if (last !== undefined) {
      documents.update<AdmissionDocument>(admissionSpec.name, admissionDocumentId, last.offset, (before) =>
        projectAdmission(before, entries),
      );
    }
    return state;
  },
};

/** All read models. */
export const projections: readonly Projection[] = [
  historyProjection as Projection,
  activeConnectionsProjection as Projection,
];
