import { type ReadonlySignal, signal } from '@preact/signals';
import type { Refusal } from '../../client/app.ts';

export type RecorderState =
  | { readonly kind: 'idle' }
  /** The browser may be asking whether this page may listen. */
  | { readonly kind: 'asking' }
  /** `sinceMs`: as `performance.now()` tells time. */
  | { readonly kind: 'recording'; readonly sinceMs: number };

/** Records voice from the microphone. */
export interface Recorder {
  readonly state: ReadonlySignal<RecorderState>;
  /** Resolves with the refusal when there is no microphone to be had. */
  start(): Promise<Refusal | undefined>;
  /** How loud it is now, 0 to 1. */
  level(): number;
  finish(): void;
  cancel(): void;
}

/** Both are voice to the server; the first that the browser can write is taken. */
const formats = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/webm', 'audio/ogg;codecs=opus'] as const;

/** A forgotten recording ends by itself, and is kept. */
const maxRecordingMs = 10 * 60_000;

interface Running {
  readonly media: MediaRecorder;
  readonly level: () => number;
  readonly release: () => void;
  isWanted: boolean;
}

/** `onRecorded` is given what was finished; what was cancelled is forgotten. */
export function createRecorder(onRecorded: (file: File) => void): Recorder {
  const state = signal<RecorderState>({ kind: 'idle' });
  let running: Running | undefined;
  const stop = (isWanted: boolean) => {
    // Cancelled while the browser was still asking: what it then grants is let go.
    if (running === undefined) state.value = { kind: 'idle' };
    else {
      running.isWanted = isWanted;
      if (running.media.state !== 'inactive') running.media.stop();
    }
  };
  return {
    state,
    async start() {
      if (state.value.kind !== 'idle') return undefined;
      state.value = { kind: 'asking' };
      const stream = await microphone();
      if (!(stream instanceof MediaStream)) {
        state.value = { kind: 'idle' };
        return stream;
      }
      if ((state.value as RecorderState).kind !== 'asking') {
        for (const track of stream.getTracks()) track.stop();
        return undefined;
      }
      running = record(stream, (file) => {
        running = undefined;
        state.value = { kind: 'idle' };
        if (file !== undefined) onRecorded(file);
      });
      state.value = { kind: 'recording', sinceMs: performance.now() };
      return undefined;
    },
    level: () => running?.level() ?? 0,
    finish: () => stop(true),
    cancel: () => stop(false),
  };
}

async function microphone(): Promise<MediaStream | Refusal> {
  if (navigator.mediaDevices === undefined || typeof MediaRecorder === 'undefined')
    return refusal('This browser cannot record here.', 'Attach a recording instead; recording needs an https page.');
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === 'NotAllowedError')
      return refusal('This page may not use the microphone.', 'Allow it in the browser’s address bar, then try again.');
    if (error.name === 'NotFoundError')
      return refusal('No microphone was found.', 'Connect one, or attach a recording instead.');
    return refusal('The microphone could not be used.', 'Perhaps another program has it; close that, then try again.');
  }
}

function refusal(title: string, advice: string): Refusal {
  return { reason: 'MICROPHONE', title, advice, retryable: true };
}

/** Calls back once, with nothing when the recording was not wanted. */
function record(stream: MediaStream, onEnd: (file: File | undefined) => void): Running {
  const mimeType = formats.find((format) => MediaRecorder.isTypeSupported(format));
  const media = new MediaRecorder(stream, { mimeType });
  const loudness = listen(stream);
  const pieces: Blob[] = [];
  const tooLong = setTimeout(() => media.stop(), maxRecordingMs);
  const running: Running = {
    media,
    level: () => loudness.level(),
    isWanted: true,
    release() {
      clearTimeout(tooLong);
      loudness.close();
      for (const track of stream.getTracks()) track.stop();
    },
  };
  media.addEventListener('dataavailable', ({ data }) => pieces.push(data));
  media.addEventListener('stop', () => {
    running.release();
    onEnd(running.isWanted ? asFile(pieces, media.mimeType) : undefined);
  });
  media.start();
  return running;
}

/** The server takes types without parameters. */
function asFile(pieces: readonly Blob[], mimeType: string): File {
  const type = mimeType.split(';', 1)[0] ?? '';
  const name = `Recording.${type === 'audio/mp4' ? 'm4a' : type.replace('audio/', '')}`;
  return new File([...pieces], name, { type });
}

/** Speech is quiet beside full scale: this much of it fills the meter. */
const fullLevel = 0.35;

function listen(stream: MediaStream) {
  const context = new AudioContext();
  // It may begin asleep: the press of the button was before the browser's question.
  void context.resume();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      return Math.min(1, Math.sqrt(power) / fullLevel);
    },
    close() {
      void context.close();
    },
  };
}
