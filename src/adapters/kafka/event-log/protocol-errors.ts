/** Kafka's numbers of what can go wrong, as far as they are told apart here. */
export const errorCode = {
  none: 0,
  offsetOutOfRange: 1,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidProducerIdMapping: 49,
  unknownProducerId: 59,
} as const;

/**
 * What passes: corrupt on its way, no such partition yet, no leader, not the leader, timed out, replica missing, network, too few replicas before
 * or after the append, storage failed, leader epochs, offset not yet known, not the controller.
 */
const passing = new Set([2, 3, 5, 6, 7, 8, 9, 13, 19, 20, 41, 56, 74, 75, 78, 100]);

/** The producer's standing in the partition is lost: it goes on under another identity. */
const poisoning = new Set<number>([
  errorCode.outOfOrderSequence,
  errorCode.duplicateSequence,
  errorCode.invalidProducerEpoch,
  errorCode.invalidProducerIdMapping,
  errorCode.unknownProducerId,
]);

/** Whether trying again may help. */
export function isPassing(code: number): boolean {
  return passing.has(code);
}

/** Whether only another producer can go on. */
export function isPoisoning(code: number): boolean {
  return poisoning.has(code);
}
