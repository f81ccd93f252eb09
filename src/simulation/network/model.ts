import {
  estimatedTokens,
  noUnits,
  type Provider,
  ProviderError,
  type ProviderRequest,
  type ReplyPiece,
  type UsageBounds,
} from '../../ports/provider.ts';
import type { Scenario } from '../scenario.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';
import { sampleMedia } from './samples.ts';

/** Of a long reply. */
const longPieces = 200;
const longestPadding = 2_000;

/** Of replies for which a budget pays. */
const leastTokens = 2;
const mostTokens = 12;

/** One call to the model. */
export interface ModelCall {
  readonly messageId: string;
  readonly attempt: number;
  readonly process: string;
  /** All of a reply was given that is nothing but text. */
  isWhole: boolean;
}

/** The model that all workers ask. No two calls say the same text, also where one goes on from the other: whose text a client was shown can so be told. */
export class SimulatedModel {
  readonly calls: ModelCall[] = [];
  readonly usesHistory: boolean;
  readonly continues: boolean;
  readonly #faults: Faults;

  constructor(faults: Faults, { usesHistory, continues }: Pick<Scenario, 'usesHistory' | 'continues'>) {
    this.#faults = faults;
    this.usesHistory = usesHistory;
    this.continues = continues;
  }

  provider(process: SimulatedProcess): Provider {
    return {
      estimatedInputTokens: ({ text }) => estimatedTokens(text.length),
      bounds: ({ text }) => boundsOf(text),
      name: 'simulated',
      model: 'simulated',
      usesHistory: this.usesHistory,
      continues: this.continues,
      reply: (request, signal) => this.#reply(process, request, signal),
    };
  }

  async *#reply(process: SimulatedProcess, request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ReplyPiece> {
    const { messageId, attempt, limits } = request;
    const record: ModelCall = { messageId, attempt, process: process.name, isWhole: false };
    const call = this.calls.push(record);
    const faults = this.#faults;
    const { clock, random } = process;
    for (const media of request.media) await media.bytes();
    await clock.sleep(faults.strikes('provider-slow') ? random.between(1_000, 90_000) : random.between(1, 800), signal);
    if (faults.strikes('provider-refuses')) throw new ProviderError('refused', random.chance(0.7), random.below(4_000));
    if (faults.strikes('provider-silent')) await clock.sleep(3_600_000, signal);
    const isLong = faults.strikes('provider-long');
    const isSlow = faults.isActive && random.chance(0.4);
    const wished = isLong ? longPieces : 1 + random.below(isSlow ? 15 : 6);
    // A piece counts as a token.
    const pieces = Math.min(wished, limits?.outputTokens ?? wished);
    const padding = isLong ? 'z'.repeat(faults.stream('provider-long').below(longestPadding)) : '';
    const cutAt = faults.strikes('provider-cut') ? random.below(pieces) : Number.POSITIVE_INFINITY;
    for (let piece = 0; piece < pieces; piece += 1) {
      if (piece === cutAt) throw new ProviderError('cut', random.chance(0.8));
      yield `call ${call} answers ${messageId}, é${piece} ${padding}`;
      await clock.sleep(random.between(1, isSlow && faults.isActive ? 1_500 : 300), signal);
    }
    if (pieces < wished) yield { type: 'truncated' };
    if (call % 2 === 0) yield { type: 'usage', inputTokens: request.text.length, outputTokens: pieces };
    // One whose media could not be stored in time is asked for again, and rightly.
    if (request.replyKind === 'text') record.isWhole = true;
    else yield* this.#media(process, request, call, signal);
  }

  async *#media(
    { clock, random }: SimulatedProcess,
    { replyKind }: ProviderRequest,
    call: number,
    signal: AbortSignal,
  ): AsyncGenerator<ReplyPiece> {
    yield { type: 'generating' };
    await clock.sleep(random.between(10, 1_000), signal);
    yield { type: 'media', ...sampleMedia.voice(call), kind: 'voice' };
    if (replyKind !== 'video') return;
    yield { type: 'generating' };
    yield { type: 'media', ...sampleMedia.image(call), kind: 'image' };
  }
}

function boundsOf(text: string): UsageBounds {
  const least = { ...noUnits, inputTokens: text.length, outputTokens: leastTokens };
  return { least, most: { ...least, outputTokens: mostTokens } };
}
