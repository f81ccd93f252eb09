import type { AdmissionEvent } from '../../src/domain/admission/events.ts';
import { evolve } from '../../src/domain/admission/evolve.ts';
import { initialAdmission, restoreAdmission, serializeAdmission } from '../../src/domain/admission/state.ts';
import { type AdmissionDocument, admissionDocumentId } from './document.ts';

interface Placed {
  readonly event: AdmissionEvent;
  readonly offset: number;
  readonly timeMs: number;
}

/** The document after these events, in order. Events that it already reflects change nothing. */
export function projectAdmission(
  document: AdmissionDocument | null,
  entries: readonly Placed[],
): AdmissionDocument | null {
  const nextOffset = document?.nextOffset ?? 0;
  const fresh = entries.filter(({ offset }) => offset >= nextOffset);
  const last = fresh.at(-1);
  if (last === undefined) return document;
  const before = document === null ? initialAdmission : restoreAdmission(document.snapshot);
  const after = fresh.reduce((state, { event, timeMs }) => evolve(state, event, timeMs).state, before);
  return { id: admissionDocumentId, nextOffset: last.offset + 1, snapshot: serializeAdmission(after) };
}
