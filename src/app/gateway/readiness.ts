import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { History } from '../../ports/history.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Following } from '../following/following.ts';
import type { Admission } from './admission.ts';
import type { Conversations } from './conversations.ts';

/** Whether new clients should be sent here, and why not, or what they will miss. */
export interface Readiness {
  readonly isReady: boolean;
  /** One line, for people. */
  readonly text: string;
}

export interface GatewayReadinessDeps {
  readonly admission: Pick<Admission, 'isStarted' | 'suspended'>;
  readonly following: Pick<Following, 'caughtUp'>;
  readonly conversations: Pick<Conversations, 'allCaughtUp'>;
  readonly history: Pick<History, 'getMessage'>;
  readonly clock: Clock;
}

/** Readiness probes are answered after this long with the previous result: load balancers wait a second or a few. */
const answerMs = 1_000;

/** What a session needs beside its slot, as far as anybody has looked. */
type HistoryState = 'current' | 'unreadable' | 'behind' | 'log-unreadable';

const readinessAt: Readonly<Record<HistoryState, Readiness>> = {
  current: { isReady: true, text: 'ready' },
  // Sessions are opened and resumed all the same, and messages answered.
  unreadable: { isReady: true, text: 'ready; degraded: history cannot be read, older pages wait' },
  behind: { isReady: true, text: 'ready; degraded: history is behind the log, older pages wait' },
  'log-unreadable': { isReady: false, text: 'not ready: the log cannot be read' },
};

/** Whether a gateway can open sessions now: checked on demand, in the same way as opening a session. */
export class GatewayReadiness {
  readonly #deps: GatewayReadinessDeps;
  #known: HistoryState = 'current';
  #looking: Promise<void> | undefined;

  constructor(deps: GatewayReadinessDeps) {
    this.#deps = deps;
  }

  /** Answers within about a second. Rejects with what no gateway should meet. */
  async look(): Promise<Readiness> {
    const { admission } = this.#deps;
    if (!admission.isStarted) return { isReady: false, text: 'not ready: it has not started, or is leaving' };
    if (admission.suspended)
      return { isReady: false, text: 'not ready: sessions are suspended, the log takes nothing' };
    this.#looking ??= this.#lookAtHistory().finally(() => {
      this.#looking = undefined;
    });
    await this.#within(this.#looking);
    return readinessAt[this.#known];
  }

  async #within(looking: Promise<void>): Promise<void> {
    const waiting = new AbortController();
    const overdue = this.#deps.clock.sleep(answerMs, waiting.signal).catch(() => undefined);
    try {
      await Promise.race([looking, overdue]);
    } finally {
      waiting.abort();
      looking.catch(() => undefined);
    }
  }

  async #lookAtHistory(): Promise<void> {
    const { conversations, history, following } = this.#deps;
    try {
      await following.caughtUp();
      // How far history is may be known without a look at the store.
      await history.getMessage('');
      await conversations.allCaughtUp();
      this.#known = 'current';
    } catch (error) {
      this.#known = stateAfter(error);
    }
  }
}

function stateAfter(error: unknown): HistoryState {
  if (error instanceof ReadModelUnavailable) return 'unreadable';
  if (error instanceof LogUnavailable) return 'log-unreadable';
  if (error instanceof Refused && error.reason === 'HISTORY_BEHIND') return 'behind';
  throw error;
}
