/** A fault that a seed has found. */
export interface Regression {
  readonly seed: number;
  /** What was wrong, in a sentence. */
  readonly cause: string;
}

/**
 * Seeds that have failed, for ever. A history changes with the simulation and with the product, so a seed is not a proof that its fault is gone: the
 * mutations are, which put faults back. A seed costs nothing, and often still comes by the same place.
 */
export const regressions: readonly Regression[] = [
  {
    seed: 16,
    cause:
      'a store that began again empty was asked about a conversation before its checkpoint was known to have fallen',
  },
  {
    seed: 24,
    cause: 'older copies were put beneath a projector, and history never came to the end of the log again',
  },
  { seed: 127, cause: 'a conversation that a replaced store lacked was taken for deleted' },
  {
    seed: 130,
    cause: 'waiting for history counted as an attempt, so that all messages failed while the store was away',
  },
  { seed: 2054, cause: 'a checkpoint in memory was raised over an older copy beneath its writer' },
  { seed: 2120, cause: 'media of a message that an older copy lacked were swept, though the message stood in the log' },
  {
    seed: 189_647_760,
    cause:
      'a document was folded on top of an older copy before the fallen checkpoint was seen, and kept out what the copy lacked',
  },
  {
    seed: 265_686_923,
    cause:
      'a worker claimed its partition before its fold knew where to begin; it began behind the claim, and the partition was answered by nobody',
  },
  {
    seed: 115_106_235,
    cause:
      "a lease ended early, as it may after a step of the log's clock, and the rule took a clock that stood and went on for none",
  },
  {
    seed: 29_635_991,
    cause: 'a gateway that read late told of a new title whose words had been erased, before it told of the deletion',
  },
  {
    seed: 2_601_108,
    cause:
      'the media of an erased conversation were removed while another message that names them was on its way into the log',
  },
  {
    seed: 581_966_598,
    cause:
      'a gateway that had read its own start admitted sessions while the append was not answered, and was not looked after when it stood still',
  },
  {
    seed: 702_758_171,
    cause: 'read models were compared with a log that had grown since its end was looked for',
  },
  {
    seed: 721_097_028,
    cause: 'a draft that was erased with its conversation was missed when the log was folded again',
  },
  {
    seed: 143_183_214,
    cause: 'a worker whose clock was set back took what was reserved before for too young to be looked for',
  },
];
