import type { Watchdog, Watched } from '../app/watchdog.ts';
import type { MediaPart, Part } from '../domain/conversation/events.ts';
import type { Draft } from '../domain/conversation/pending-messages.ts';
import { maxReplyBytes } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { type GeneratedMedia, ProviderError, type ReplyPiece, type Usage, type UsedUnits } from '../ports/provider.ts';
import type { WorkerSettings } from './deps.ts';
import { maxReplyMedia } from './limits.ts';
import { ReplyText } from './reply-text.ts';

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly type: 'whole' }
  | { readonly type: 'stopped' }
  | { readonly type: 'abandoned' }
  | { readonly type: 'timed-out'; readonly awaited: 'first piece' | 'next piece' | 'media' | 'whole reply' }
  | { readonly type: 'failed'; readonly error: unknown };

export interface AttemptDeps {
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly settings: WorkerSettings;
}

/** The reply's pieces, as the provider or whatever stands before it gives them. */
export type Call = (signal: AbortSignal) => AsyncIterable<ReplyPiece>;

/** What an attempt does with what the provider gives. */
export interface AttemptOutput {
  /** Text that is ready to be shown, and where it begins in UTF-8 bytes. */
  say(text: string, offsetBytes: number): void;
  /** Stores voice or picture, until the signal aborts; undefined: the reply is to come without it. What rejects has failed the attempt. */
  store(media: GeneratedMedia, signal: AbortSignal): Promise<MediaPart | undefined>;
}

/** One call to the provider: what it has said so far, its time limits, and its end, which is whatever happens first. */
export class Attempt implements Watched {
  /** 1, 2, … over all workers. */
  readonly number: number;
  /** What it goes on from. */
  readonly beginning: Draft;
  readonly reply: ReplyText;
  deadlineMs: number;
  /** From the call to the first piece of text; undefined until then. */
  firstPieceMs: number | undefined;
  /** Its text ended early, by the provider's own word. */
  isTruncated = false;
  /** What the provider has said that it used. */
  readonly used: { -readonly [Unit in keyof UsedUnits]?: UsedUnits[Unit] } = {};
  readonly #deps: AttemptDeps;
  readonly #startedMs: number;
  readonly #totalDeadlineMs: number;
  readonly #output: AttemptOutput;
  /** In the order in which the provider gave them; undefined while they are being stored, and for what there is no room for. */
  readonly #media: (MediaPart | undefined)[] = [];
  readonly #stores: Promise<void>[] = [];
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<AttemptEnd>();
  #isOver = false;
  /** Voice or picture is being made or stored, or what was sent is being listened to. */
  #isGenerating = false;
  #isTextWhole = false;

  constructor(number: number, beginning: Draft, deps: AttemptDeps, output: AttemptOutput) {
    this.number = number;
    this.beginning = beginning;
    this.reply = new ReplyText(beginning);
    this.#deps = deps;
    this.#output = output;
    const nowMs = deps.clock.monotonicMs();
    this.#startedMs = nowMs;
    this.#totalDeadlineMs = nowMs + deps.settings.totalTimeoutMs;
    this.deadlineMs = Math.min(nowMs + deps.settings.firstPieceTimeoutMs, this.#totalDeadlineMs);
  }

  /** Since the call. */
  get elapsedMs(): number {
    return this.#deps.clock.monotonicMs() - this.#startedMs;
  }

  /** There is text, and all of it: what is missing, if anything, are voice or picture. */
  get isTextWhole(): boolean {
    return this.#isTextWhole;
  }

  /** The reply is not longer than what it goes on from. */
  get broughtNothing(): boolean {
    return this.reply.bytes === this.beginning.bytes;
  }

  /** What there is of the reply: its text, then the media that are stored. */
  get parts(): readonly Part[] {
    return [{ kind: 'text', text: this.reply.text }, ...this.#media.filter((part) => part !== undefined)];
  }

  /** Calls, and resolves with the end; never rejects. */
  run(call: Call): Promise<AttemptEnd> {
    this.#deps.watchdog.watch(this);
    void this.#consume(call);
    return this.#ended.promise;
  }

  /** Ends it now, whatever the provider does about its signal. No effect when it is over. */
  cancel(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#end(end);
    this.#abort.abort(new Error(end.type));
  }

  expire(): void {
    if (this.deadlineMs >= this.#totalDeadlineMs) return this.cancel({ type: 'timed-out', awaited: 'whole reply' });
    if (this.#isGenerating) return this.cancel({ type: 'timed-out', awaited: 'media' });
    this.cancel({ type: 'timed-out', awaited: this.firstPieceMs === undefined ? 'first piece' : 'next piece' });
  }

  async #consume(call: Call): Promise<void> {
    try {
      for await (const piece of call(this.#abort.signal)) {
        if (this.#isOver) return;
        if (typeof piece === 'string') this.#take(piece);
        else if (piece.type === 'generating') this.#generating();
        else if (piece.type === 'truncated') this.isTruncated = true;
        else if (piece.type === 'usage') this.#note(piece);
        else this.#keep(piece);
      }
      if (this.#stores.length > 0) await this.#stored();
      if (!this.#isOver) this.#endWhole();
    } catch (error) {
      // What is there is kept with a text that is whole.
      if (!this.#isOver && this.#stores.length > 0) await this.#stored();
      this.#end({ type: 'failed', error });
    }
  }

  #take(piece: string): void {
    this.firstPieceMs ??= this.elapsedMs;
    this.#isGenerating = false;
    this.#isTextWhole = false;
    this.#allow(this.#deps.settings.pieceTimeoutMs);
    this.#show(this.reply.bytes, this.reply.add(piece));
    if (this.reply.bytes > maxReplyBytes) {
      this.cancel({ type: 'failed', error: new ProviderError(`a reply of over ${maxReplyBytes} bytes`, false) });
    }
  }

  #note(usage: Usage): void {
    const { type: _, ...used } = usage;
    Object.assign(this.used, used);
  }

  #generating(): void {
    this.#isGenerating = true;
    // Before its own text it may be transcribing: the text that it continues need not be all.
    this.#isTextWhole ||= !this.broughtNothing;
    this.#allow(this.#deps.settings.mediaTimeoutMs);
  }

  /** Not awaited: while a voice is being stored, the picture behind it is made and stored, too. */
  #keep(media: GeneratedMedia): void {
    const place = this.#media.length;
    if (place === maxReplyMedia) throw new ProviderError(`more than ${maxReplyMedia} media`, false);
    this.#isGenerating = false;
    this.#isTextWhole = this.reply.bytes > 0;
    this.#allow(this.#deps.settings.pieceTimeoutMs);
    this.#media.push(undefined);
    this.#stores.push(this.#store(media, place));
  }

  async #store(media: GeneratedMedia, place: number): Promise<void> {
    try {
      this.#media[place] = await this.#output.store(media, this.#abort.signal);
    } catch (error) {
      this.cancel({ type: 'failed', error });
    }
  }

  /** Storing has a time of its own: it is no fault of the store that the provider took long. */
  async #stored(): Promise<void> {
    this.#generating();
    await Promise.all(this.#stores);
  }

  /** The next thing may take so long. */
  #allow(ms: number): void {
    this.deadlineMs = Math.min(this.#deps.clock.monotonicMs() + ms, this.#totalDeadlineMs);
  }

  #endWhole(): void {
    this.#show(this.reply.bytes, this.reply.end());
    if (this.reply.bytes > 0) this.#end({ type: 'whole' });
    else this.#end({ type: 'failed', error: new ProviderError('a reply without a word', true) });
  }

  #show(offsetBytes: number, text: string): void {
    if (text !== '') this.#output.say(text, offsetBytes);
  }

  #end(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.watchdog.unwatch(this);
    this.#ended.resolve(end);
  }
}
