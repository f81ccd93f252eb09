/** A legend, in which `{{label}}` stands for the label's value, and a query. */
type Query = readonly [legend: string, expr: string];

export interface Graph {
  readonly title: string;
  /** What to make of it. */
  readonly description: string;
  /** As Grafana names it: `s`, `short`, `ops`, `bytes`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly min?: number;
}

interface Row {
  readonly title: string;
  readonly graphs: readonly Graph[];
}

/** Each role's processes by their names. */
const each = '{{role}} {{instance}}';

/** The whole deployment, whichever process tells it: each gateway tells the same, so the greatest is taken and not the sum. */
const cap = (name: string): readonly Query[] => [
  ['in use', `max(parley_cap_in_use{cap="${name}"})`],
  ['limit', `max(parley_cap_limit{cap="${name}"})`],
];

const quantiles = (metric: string): readonly Query[] =>
  (['0.5', '0.99'] as const).map((quantile) => [
    `p${Number(quantile) * 100}`,
    `histogram_quantile(${quantile}, sum by (le) (rate(${metric}_bucket[$__rate_interval])))`,
  ]);

const rateBy = (metric: string, label: string): readonly Query[] => [
  [`{{${label}}}`, `sum by (${label}) (rate(${metric}[$__rate_interval]))`],
];

/** The dashboard, row by row. */
export const rows: readonly Row[] = [
  {
    title: 'The caps',
    graphs: [
      {
        title: 'Clients',
        description: 'Open sessions. The limit holds in every prefix of the log.',
        unit: 'short',
        queries: cap('clients'),
      },
      {
        title: 'Clients in line',
        description: 'Clients that wait for a slot.',
        unit: 'short',
        queries: cap('waiting_clients'),
      },
      {
        title: 'Messages in processing',
        description: 'At its limit the model is slow: more workers would not help.',
        unit: 'short',
        queries: [...cap('processing'), ['waiting', 'max(parley_queued_messages)']],
      },
    ],
  },
  {
    title: 'Gateways',
    graphs: [
      {
        title: 'Sessions by gateway',
        description: 'Streams that a gateway holds. They stay where they are until they end.',
        unit: 'short',
        queries: [
          ['{{instance}}', 'parley_gateway_open_sessions'],
          ['{{instance}} in line', 'parley_gateway_waiting_sessions'],
        ],
      },
      {
        title: 'Messages accepted and answered',
        description: 'Both are equal unless messages gather.',
        unit: 'ops',
        queries: [
          ['accepted', 'sum(rate(parley_accept_seconds_count[$__rate_interval]))'],
          ['finished', 'sum(rate(parley_finished_messages_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Refusals',
        description:
          'Calls and messages, by the reason that clients are told; connections that the server closed; and writes of clients that write too often.',
        unit: 'ops',
        queries: [
          ...rateBy('parley_refusals_total', 'reason'),
          ['connections cut: {{reason}}', 'sum by (reason) (rate(parley_cut_connections_total[$__rate_interval]))'],
          ['writes refused: {{kind}}', 'sum by (kind) (rate(parley_refused_writes_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Security events',
        description:
          'Failed sign-ins and reused refresh tokens, and what operators and owners do to accounts, as `parley security-log` lists them; lost are those that could not be written there.',
        unit: 'ops',
        queries: [
          ...rateBy('parley_security_events_total', 'kind'),
          ['lost', 'sum(rate(parley_security_events_lost_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Until a message is accepted',
        description: 'From its arrival until its client is told so: the log has it, and the gateway has read it there.',
        unit: 's',
        queries: quantiles('parley_accept_seconds'),
      },
      {
        title: 'Until its reply is complete',
        description: 'From its arrival, as the client waits.',
        unit: 's',
        queries: quantiles('parley_reply_seconds'),
      },
      {
        title: 'Sessions ended',
        description: 'By reason; GOODBYE is a client that left.',
        unit: 'ops',
        queries: rateBy('parley_sessions_ended_total', 'reason'),
      },
      {
        title: 'Reads of history for sessions',
        description:
          'Batches of what clients had missed that their gateway no longer kept: none for who is away for a moment.',
        unit: 'ops',
        queries: [['reads', 'sum(rate(parley_history_reads_total[$__rate_interval]))']],
      },
    ],
  },
  {
    title: 'Workers',
    graphs: [
      {
        title: 'Partitions',
        description: 'Their sum is the number of partitions; less, and some conversations wait.',
        unit: 'short',
        queries: [
          ['{{instance}}', 'parley_worker_partitions'],
          ['all', 'sum(parley_worker_partitions)'],
        ],
      },
      {
        title: 'Messages by worker',
        description: 'Without a final event: what workers are scaled on.',
        unit: 'short',
        queries: [
          ['{{instance}} in processing', 'parley_worker_processing_messages'],
          ['{{instance}} waiting', 'parley_worker_queued_messages'],
        ],
      },
      {
        title: 'Oldest message without an end',
        description: 'By worker. It grows without end when a conversation is stuck.',
        unit: 's',
        queries: [
          ['{{instance}}', 'parley_worker_oldest_pending_seconds'],
          ['waiting longest', 'max(parley_queue_oldest_seconds)'],
        ],
      },
      {
        title: 'Finished messages',
        description: 'By outcome, or the reason for which they were given up.',
        unit: 'ops',
        queries: rateBy('parley_finished_messages_total', 'how'),
      },
      {
        title: 'Calls to the model',
        description: 'A whole call, and up to its first piece.',
        unit: 's',
        queries: [
          ...quantiles('parley_model_call_seconds'),
          ...quantiles('parley_model_first_piece_seconds').map(
            ([legend, expr]): Query => [`first piece ${legend}`, expr],
          ),
        ],
      },
      {
        title: 'Until a message is over',
        description: "From its record to that of its end, by the log's time.",
        unit: 's',
        queries: quantiles('parley_processing_seconds'),
      },
      {
        title: 'Failed attempts',
        description: 'Calls that ended without a reply; each message has a few.',
        unit: 'ops',
        queries: [
          ...rateBy('parley_failed_attempts_total', 'why'),
          ['skipped records', 'sum(rate(parley_skipped_records_total[$__rate_interval]))'],
        ],
      },
    ],
  },
  {
    title: 'Log and projections',
    graphs: [
      {
        title: 'Append',
        description: 'From an append to the answer of the log.',
        unit: 's',
        queries: quantiles('parley_log_append_seconds'),
      },
      {
        title: 'The log is away',
        description: 'Appends not taken or not answered, and gateways that suspended their sessions.',
        unit: 'short',
        queries: [
          ['appends per second', 'sum(rate(parley_log_unavailable_total[$__rate_interval]))'],
          ['suspended gateways', 'sum(parley_gateway_suspended)'],
          ['readers of a shorter log', 'sum(increase(parley_log_truncated_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Clock of the log',
        description: 'How far it is ahead of each process, and how often it was set back.',
        unit: 's',
        queries: [
          ['ahead', 'max(parley_log_time_ahead_seconds)'],
          ['behind', '-min(parley_log_time_ahead_seconds)'],
          ['steps back', 'sum(increase(parley_log_time_steps_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Behind the log',
        description: 'Records that each read model has not folded yet.',
        unit: 'short',
        queries: [['{{model}}', 'max by (model) (parley_projector_lag_records)']],
      },
      {
        title: 'Parked records',
        description: 'Any is to be looked at.',
        unit: 'short',
        queries: [['parked', 'sum(parley_parked_records_total)']],
      },
      {
        title: 'Media swept',
        description: 'Objects that no message names.',
        unit: 'ops',
        queries: [['objects', 'sum(rate(parley_media_swept_objects_total[$__rate_interval]))']],
      },
      {
        title: 'Media swept, bytes',
        description: 'Of those objects.',
        unit: 'Bps',
        queries: [['bytes', 'sum(rate(parley_media_swept_bytes_total[$__rate_interval]))']],
      },
      {
        title: 'Disk of the data folder',
        description:
          'What is left of it; media are refused where less than the reserve would be left. Empty where many processes share a log.',
        unit: 'bytes',
        queries: [
          ['{{instance}} free', 'parley_data_folder_free_bytes'],
          ['{{instance}} reserve', 'parley_data_folder_min_free_bytes'],
        ],
      },
    ],
  },
  {
    title: 'Processes',
    graphs: [
      {
        title: 'Processor',
        description: 'Cores in use. One process uses little more than one.',
        unit: 'short',
        queries: [[each, 'rate(process_cpu_seconds_total{job="parley"}[$__rate_interval])']],
      },
      {
        title: 'Memory',
        description: 'Resident.',
        unit: 'bytes',
        queries: [[each, 'process_resident_memory_bytes{job="parley"}']],
      },
      {
        title: 'Event loop held up',
        description: 'p99. What takes long in one go delays everybody in that process.',
        unit: 's',
        queries: [[each, 'nodejs_eventloop_lag_p99_seconds{job="parley"}']],
      },
      {
        title: 'Answering Prometheus',
        description: '0: the process does not answer.',
        unit: 'short',
        queries: [
          [each, 'up{job="parley"}'],
          ['unreadable gauges', 'sum(rate(parley_unreadable_gauges_total[$__rate_interval]))'],
        ],
      },
    ],
  },
];
