import type { AdmissionEvent } from '../../src/domain/admission/events.ts';
import { evolve } from '../../src/domain/admission/evolve.ts';
import { initialAdmission, restoreAdmission, serializeAdmission } from '../../src/domain/admission/state.ts';
import type { Document } from '../../src/ports/read-model.ts';
import type { Entry, Projection } from '../engine/projection.ts';
import { type AdmissionDocument, activeConnectionsModel, admissionDocumentId, admissionSpec } from './document.ts';

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

/** The document after these events, in order. Events that it already reflects change nothing. */
export function projectAdmission(
  document: AdmissionDocument | null,
  entries: readonly Entry<AdmissionEvent>[],
): AdmissionDocument | null {
  const nextOffset = document?.nextOffset ?? 0;
  const fresh = entries.filter(({ offset }) => offset >= nextOffset);
  const last = fresh.at(-1);
  if (last === undefined) return document;
  const before = document === null ? initialAdmission : restoreAdmission(document.snapshot);
  const after = fresh.reduce((state, { event, timeMs }) => evolve(state, event, timeMs).state, before);
  return { id: admissionDocumentId, nextOffset: last.offset + 1, snapshot: serializeAdmission(after) };
}
