import type { Rule } from '../rules.ts';
import type { Scenario } from '../scenario.ts';
import type { FaultName, FaultRates } from '../world/faults.ts';

/** A fault that is put into the product to see whether the simulation finds it. */
export interface Mutation {
  /** Of its file: `<name>.patch` in this folder. */
  readonly name: string;
  /** The fault, in a sentence. */
  readonly fault: string;
  /** Any of these finds it. */
  readonly rules: readonly Rule[];
  /** Whether it can show in this history at all: the search passes over the others. Default: in every one. */
  readonly mayShow?: (scenario: Scenario) => boolean;
}

function strikes(rates: FaultRates, ...any: readonly FaultName[]): boolean {
  return any.some((name) => rates[name] !== undefined);
}

function gateways(nodes: Scenario['nodes']): number {
  return nodes.filter(({ roles }) => roles.includes('gateway')).length;
}

function workers(nodes: Scenario['nodes']): number {
  return nodes.filter(({ roles }) => roles.includes('worker')).length;
}

/** In the order of their names. */
export const mutations: readonly Mutation[] = [
  {
    name: '01-claim-not-read-back',
    fault: 'a worker acts on its claim as soon as the append is answered, before it has read what stands before it',
    rules: ['answered-twice', 'progress/unanswered', 'never-answered', 'progress/owners'],
  },
  {
    name: '02-any-claim-counts',
    fault: 'events of a superseded claim count in the fold',
    rules: ['superseded-counts', 'limit-broken'],
    mayShow: ({ rates }) => strikes(rates, 'partitions-move', 'freeze'),
  },
  {
    name: '03-commit-too-far',
    fault: 'the committed offset is one behind the oldest pending message',
    rules: ['never-answered', 'progress/unanswered'],
  },
  {
    name: '04-window-too-small',
    fault: 'a worker remembers the last messages only, and looks up no older ones',
    rules: ['answered-twice'],
    mayShow: ({ rates, nodes }) => gateways(nodes) > 1 && strikes(rates, 'append-unknown-written', 'append-slow'),
  },
  {
    name: '05-plan-without-limit',
    fault: 'the plan starts all that is pending, whatever the limit of the partition',
    rules: ['limit-broken'],
  },
  {
    name: '06-loss-stops-replies',
    fault: 'a session that loses its stream stops the replies that it waits for',
    rules: ['stopped-unasked'],
  },
  {
    name: '07-final-event-once',
    fault: 'the final event is not appended again when it is unknown whether the log has it',
    rules: ['never-answered', 'progress/unanswered'],
  },
  {
    name: '08-shown-before-start',
    fault: 'an attempt is sent before its start was read back: if that was never written, its number is used again',
    rules: ['delivery/two-texts', 'delivery/attempt-back', 'delivery/draft-differs'],
    mayShow: ({ rates }) =>
      strikes(
        rates,
        'append-unknown-lost',
        'append-slow',
        'log-away',
        'log-write-away',
        'partitions-move',
        'append-refused',
        'freeze',
      ),
  },
  {
    name: '09-partition-not-given-up',
    fault: 'a worker keeps a partition that its group gave to another',
    rules: ['progress/owners'],
    mayShow: ({ rates, nodes }) =>
      workers(nodes) > 1 && strikes(rates, 'partitions-move', 'crash', 'restart', 'freeze'),
  },
  {
    name: '10-lease-without-suspension',
    fault: 'a gateway keeps serving when its lease may have expired',
    rules: ['served-after-lease'],
    mayShow: ({ rates }) =>
      strikes(rates, 'log-away', 'log-write-away', 'log-read-away', 'freeze', 'append-slow', 'reader-lag'),
  },
  {
    name: '11-take-over-without-token',
    fault: 'any token takes a session over',
    rules: ['session-stolen'],
  },
  {
    name: '12-end-not-repeated',
    fault: 'the end of a session that could not be written is not written again',
    rules: ['progress/no-slot'],
  },
  {
    name: '13-restart-keeps-sessions',
    fault: 'the start of a gateway does not end the sessions of the process before',
    rules: ['progress/no-slot'],
    mayShow: ({ rates, nodes }) => nodes.some(({ keepsInstanceId }) => keepsInstanceId) && strikes(rates, 'crash'),
  },
  {
    name: '14-nothing-expires',
    fault: 'sessions of dead gateways are not dropped',
    rules: ['limit-broken', 'progress/no-slot'],
  },
  {
    name: '15-line-without-limit',
    fault: 'the waiting line accepts every client',
    rules: ['limit-broken'],
  },
  {
    name: '16-cap-off-by-one',
    fault: 'one session too many is opened',
    rules: ['limit-broken'],
  },
  {
    name: '17-gap-not-clipped',
    fault: 'time in which nobody could write counts against leases',
    rules: ['served-after-lease'],
    mayShow: ({ rates }) => strikes(rates, 'clock-step'),
  },
  {
    name: '18-session-without-slot',
    fault: 'a session that lost its slot while it was being opened is opened',
    rules: ['served-without-slot', 'served-after-lease'],
    mayShow: ({ rates }) =>
      strikes(rates, 'store-away', 'store-slow', 'store-error', 'log-away', 'log-write-away', 'append-slow', 'freeze'),
  },
  {
    name: '19-admission-stop-hangs',
    fault: 'a gateway that stops does not end waits for events that it will never read',
    rules: ['stop-hangs', 'left-behind', 'progress/no-slot', 'never-answered', 'progress/end'],
    mayShow: ({ rates }) => strikes(rates, 'log-read-away', 'log-away', 'reader-lag'),
  },
  {
    name: '20-accepted-before-written',
    fault: 'Accepted is sent before the append has returned',
    rules: ['accepted-lost'],
  },
  {
    name: '21-repeat-not-recognised',
    fault: 'a repeat is accepted again at another sequence',
    rules: ['delivery/accepted-moved'],
  },
  {
    name: '22-history-inside-attempt',
    fault: 'history is loaded inside the attempt: its outage is a failure of the provider',
    rules: ['failed-uncalled'],
    mayShow: ({ rates, usesHistory }) => usesHistory && strikes(rates, 'store-away'),
  },
  {
    name: '23-hand-over-counts-as-lost',
    fault: 'a worker that releases a partition counts as lost',
    rules: ['poison-unlost'],
    mayShow: ({ rates, nodes }) => workers(nodes) > 1 && strikes(rates, 'partitions-move'),
  },
  {
    name: '24-erased-by-record-time',
    fault: 'the eraser finds the beginning of a conversation by record times, which may step back',
    rules: ['content-left'],
    mayShow: ({ rates }) => strikes(rates, 'clock-step', 'clock-skew'),
  },
  {
    name: '25-time-held-up',
    fault: "one record of a clock that was ahead stops the admission fold's time",
    rules: ['progress/time', 'progress/no-slot'],
    mayShow: ({ rates }) => strikes(rates, 'clock-step'),
  },
  {
    name: '26-position-guard-dropped',
    fault: 'a document applies an event twice',
    rules: ['read-model-differs'],
    mayShow: ({ rates }) => strikes(rates, 'partitions-move', 'store-error', 'freeze'),
  },
  {
    name: '27-checkpoint-first',
    fault: 'the checkpoint is stored before the documents',
    rules: ['read-model-differs', 'accepted-missing', 'reply-missing', 'progress/unanswered'],
    mayShow: ({ rates }) => strikes(rates, 'crash', 'restart', 'freeze', 'partitions-move'),
  },
  {
    name: '28-replaced-store-unnoticed',
    fault: 'a projector continues on an older copy of its store',
    rules: ['read-model-differs', 'progress/read-models', 'progress/no-slot'],
    mayShow: ({ rates }) => strikes(rates, 'store-older'),
  },
  {
    name: '29-named-media-swept',
    fault: 'media that one message names are swept',
    rules: ['media-missing'],
  },
  {
    name: '30-hole-in-pieces',
    fault: 'pieces after a gap are sent',
    rules: ['delivery/hole', 'delivery/draft-differs'],
    mayShow: ({ rates }) => strikes(rates, 'bus-loss', 'bus-away'),
  },
  {
    name: '31-older-attempt-shown',
    fault: 'the draft of an older attempt is sent',
    rules: ['delivery/attempt-back', 'delivery/two-texts', 'delivery/piece-unbegun', 'delivery/draft-differs'],
    mayShow: ({ rates, nodes }) =>
      workers(nodes) > 1 && strikes(rates, 'partitions-move') && strikes(rates, 'bus-delay'),
  },
  {
    name: '32-position-beyond-end',
    fault: 'a worker whose committed offset is beyond the end of a truncated log waits there',
    rules: ['progress/unanswered', 'never-answered', 'progress/no-slot'],
    mayShow: ({ rates }) => strikes(rates, 'log-shorter'),
  },
  {
    name: '33-model-beyond-end',
    fault: 'a read model that is ahead of a truncated log is kept',
    rules: ['read-model-differs', 'progress/read-models', 'progress/no-slot'],
    mayShow: ({ rates }) => strikes(rates, 'log-shorter'),
  },
  {
    name: '34-sessions-of-a-lost-log',
    fault: 'a gateway keeps its sessions of a log that was truncated',
    rules: ['served-without-slot', 'served-after-lease', 'served-after-end', 'limit-broken', 'progress/no-slot'],
    mayShow: ({ rates }) => strikes(rates, 'log-shorter'),
  },
  {
    name: '35-frames-without-limit',
    fault: 'a stream is read without a limit on unhandled frames',
    rules: ['buffer-over-limit'],
    mayShow: ({ clients }) => clients.some(({ kind }) => kind === 'rude'),
  },
  {
    name: '36-twin-not-asked',
    fault: 'a process starts under an instance id without asking whether another runs under it',
    rules: ['twin-ends-sessions'],
    mayShow: ({ rates }) => strikes(rates, 'twin'),
  },
  {
    name: '37-served-before-reading',
    fault: 'a process that was paused serves its sessions before it has read on',
    rules: ['served-before-reading'],
    mayShow: ({ rates }) => strikes(rates, 'freeze'),
  },
  {
    name: '38-accepted-by-append',
    fault: 'Accepted is sent by the result of the append, not in log order',
    rules: ['delivery/sequence-back', 'delivery/reply-skipped'],
  },
  {
    name: '39-told-from-committed',
    fault: 'a resume reads from the committed offset, although final events of earlier messages follow it',
    rules: ['delivery/reply-skipped'],
  },
  {
    name: '40-turns-before-accepted',
    fault: 'a session joins another conversation before the sequence of its last message is known',
    rules: ['delivery/reply-skipped'],
  },
  {
    name: '41-draft-outlives-attempt',
    fault: 'a new attempt keeps the draft of the previous one',
    rules: ['delivery/two-texts', 'delivery/draft-differs', 'draft-broken', 'delivery/hole'],
  },
  {
    name: '42-unwritten-counts-as-written',
    fault: 'a part of a draft that the log refused counts as written',
    rules: ['draft-broken'],
    mayShow: ({ continues, rates }) => continues && strikes(rates, 'append-refused', 'append-unknown-lost'),
  },
  {
    name: '43-draft-not-gone-on-with',
    fault: 'a worker that takes over starts over, whatever the log has of the draft',
    rules: ['draft-lost'],
    mayShow: ({ continues }) => continues,
  },
  {
    name: '44-change-told-live-only',
    fault: 'a new title or a deletion is sent to connected clients, and not on resume',
    rules: ['delivery/change-skipped'],
  },
  {
    name: '45-usage-of-last-attempt-only',
    fault: 'what failed attempts used is forgotten when another one begins',
    rules: ['usage-untold'],
  },
  {
    name: '46-usage-of-the-lost-forgotten',
    fault: 'a worker that takes over says nothing of what the attempt of the lost one used',
    rules: ['usage-untold'],
    mayShow: ({ rates }) => strikes(rates, 'crash', 'restart'),
  },
  {
    name: '47-usage-of-the-deleted-dropped',
    fault: 'what attempts at a message used whose conversation was deleted meanwhile is not counted',
    rules: ['usage-differs'],
  },
  {
    name: '48-cost-by-prices-at-the-end',
    fault: 'an attempt costs by the prices that are in force when it ends',
    rules: ['cost-wrong'],
    mayShow: ({ rates }) => strikes(rates, 'prices-change'),
  },
  {
    name: '49-lost-attempt-costs-nothing',
    fault: 'a worker that takes over says what the attempt of the lost one used, and no cost',
    rules: ['cost-wrong'],
    mayShow: ({ rates }) => strikes(rates, 'prices-change') && strikes(rates, 'crash', 'restart'),
  },
  {
    name: '50-budget-of-all-forgotten',
    fault: 'a gateway asks no budget that counts the messages of all clients together',
    rules: ['budget-broken'],
    mayShow: ({ rates }) => strikes(rates, 'budgets-change'),
  },
  {
    name: '51-replies-of-any-length',
    fault: 'a worker looks whether enough is reserved, and asks its model for a reply of any length',
    rules: ['budget-broken'],
    mayShow: ({ rates }) => strikes(rates, 'budgets-change'),
  },
  {
    name: '52-reservation-of-the-dead-forgotten',
    fault: 'a worker that takes over does not look for what the one before has not settled',
    rules: ['reservation-left'],
    mayShow: ({ rates }) => strikes(rates, 'budgets-change') && strikes(rates, 'crash', 'restart'),
  },
  {
    name: '53-last-attempt-settled',
    fault: 'a message is settled as what its last attempt used',
    rules: ['budget-broken'],
    mayShow: ({ rates }) => strikes(rates, 'budgets-change'),
  },
];
