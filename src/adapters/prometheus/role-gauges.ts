import { type Counter, Gauge, type Registry } from 'prom-client';

/** Gauges of a gateway, read at scrape time. */
export interface GatewayReadings {
  readonly sessions: () => { readonly open: number; readonly waiting: number };
  readonly suspended: () => boolean;
}

/** What is read of a worker: each partition that it has, as far as it was read. */
export interface WorkerReadings {
  readonly usage: () => readonly PartitionReading[];
  /** The clock that `oldestReceivedAtMs` is of, roughly: the log's. */
  readonly nowMs: () => number;
}

export interface PartitionReading {
  readonly processing: number;
  readonly queued: number;
  /** null: nothing is pending. */
  readonly oldestReceivedAtMs: number | null;
}

/** What is read of a projector. */
export interface ProjectorReadings {
  /** Records that each model is behind the log. Rejects when that cannot be found out now. */
  readonly lag: () => Promise<Readonly<Record<string, number>>>;
}

const msPerSecond = 1_000;

/** What is read of the disk of a data folder. */
export interface DataFolderReadings {
  readonly freeBytes: () => Promise<number>;
  /** With less, media are refused. */
  readonly minFreeBytes: number;
}

/** Gauges evaluated at scrape time. */
export class RoleGauges {
  readonly #registers: Registry[];
  readonly #unreadable: Counter;

  constructor(registry: Registry, unreadable: Counter) {
    this.#registers = [registry];
    this.#unreadable = unreadable;
  }

  gateway(readings: GatewayReadings): void {
    this.#gauge(
      'parley_gateway_open_sessions',
      'Sessions that this gateway holds open.',
      () => readings.sessions().open,
    );
    this.#gauge(
      'parley_gateway_waiting_sessions',
      'Clients of this gateway that wait for a slot.',
      () => readings.sessions().waiting,
    );
    this.#gauge('parley_gateway_suspended', '1 while the log is away and this gateway takes nothing.', () =>
      Number(readings.suspended()),
    );
  }

  worker({ usage, nowMs }: WorkerReadings): void {
    const sum = (count: (partition: PartitionReading) => number) =>
      usage().reduce((total, partition) => total + count(partition), 0);
    this.#gauge('parley_worker_partitions', 'Partitions that this worker has.', () => usage().length);
    this.#gauge('parley_worker_processing_messages', 'Messages that are being answered in them.', () =>
      sum(({ processing }) => processing),
    );
    this.#gauge('parley_worker_queued_messages', 'Messages that wait in them.', () => sum(({ queued }) => queued));
    this.#gauge('parley_worker_oldest_pending_seconds', 'Age of the oldest message without an end in them.', () => {
      const oldestMs = Math.min(...usage().map(({ oldestReceivedAtMs }) => oldestReceivedAtMs ?? Infinity));
      return oldestMs === Infinity ? 0 : Math.max(0, nowMs() - oldestMs) / msPerSecond;
    });
  }

  projector({ lag }: ProjectorReadings): void {
    const unreadable = this.#unreadable;
    new Gauge({
      name: 'parley_projector_lag_records',
      help: 'Records that each read model is behind the log, whoever folds them.',
      labelNames: ['model'],
      registers: this.#registers,
      async collect() {
        await readOrLeaveOut(this, unreadable, async () => {
          for (const [model, records] of Object.entries(await lag())) this.set({ model }, records);
        });
      },
    });
  }

  dataFolder({ freeBytes, minFreeBytes }: DataFolderReadings): void {
    const unreadable = this.#unreadable;
    new Gauge({
      name: 'parley_data_folder_free_bytes',
      help: 'What the disk of the data folder has left.',
      registers: this.#registers,
      async collect() {
        await readOrLeaveOut(this, unreadable, async () => this.set(await freeBytes()));
      },
    });
    this.#gauge(
      'parley_data_folder_min_free_bytes',
      'With less than this left, media are refused: PARLEY_MIN_FREE_DISK_BYTES.',
      () => minFreeBytes,
    );
  }

  /** `expiresMs`: milliseconds since the epoch; undefined where the process has no certificate. */
  certificate(expiresMs: () => number | undefined): void {
    new Gauge({
      name: 'parley_certificate_expiry_seconds',
      help: 'When the certificate of both ports ends, as Unix time.',
      // Without a label it would be 0 where there is no certificate: expired.
      labelNames: ['certificate'],
      registers: this.#registers,
      collect() {
        const ms = expiresMs();
        if (ms !== undefined) this.set({ certificate: 'server' }, ms / msPerSecond);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }
}

/** What cannot be read now is left out and counted: the other metrics are wanted all the more. */
export async function readOrLeaveOut(gauge: Gauge, unreadable: Counter, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch {
    gauge.reset();
    // One without labels is reset to 0, which would be a lie.
    gauge.remove({});
    unreadable.inc();
  }
}
