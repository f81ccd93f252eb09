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

/**
 * A starting gateway reads it and folds on from there: a second is some hundred records more. With 10,000 clients the document has 3 MB,
 * and folding one record into it costs as much as folding a thousand.
 */
const leastConnectionsIntervalMs = 1_000;

/** Who is connected and who waits. */
export const activeConnectionsProjection: Projection<AdmissionEvent> = {
  model: activeConnectionsModel,
  topic: 'connections',
  collections: [admissionSpec],
  leastIntervalMs: leastConnectionsIntervalMs,
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
