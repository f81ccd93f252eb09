import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../common/icon.tsx';
import { stopwatchLabel } from '../common/times.ts';
import type { Recorder } from './recorder.ts';

/** Stands in place of the message box while the page listens. */
export function Recording({ recorder }: { readonly recorder: Recorder }) {
  const state = recorder.state.value;
  const meter = useRef<HTMLSpanElement>(null);
  const time = useRef<HTMLTimeElement>(null);
  const finish = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    finish.current?.focus();
    if (state.kind !== 'recording') return;
    let frame = 0;
    const draw = () => {
      meter.current?.style.setProperty('--level', recorder.level().toFixed(3));
      const words = stopwatchLabel(performance.now() - state.sinceMs);
      if (time.current !== null && time.current.textContent !== words) time.current.textContent = words;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [recorder, state]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: nothing here is a field of a form.
    <div
      class="recording"
      role="group"
      aria-label="Recording"
      onKeyDown={(event) => {
        if (event.key === 'Escape') recorder.cancel();
      }}
    >
      <span class="recording-level" ref={meter} aria-hidden="true" />
      {state.kind === 'recording' ? <time ref={time}>0:00</time> : <span>Asking for the microphone…</span>}
      <button type="button" class="plain" aria-label="Cancel recording" onClick={() => recorder.cancel()}>
        Cancel
      </button>
      <button
        ref={finish}
        type="button"
        class="primary"
        aria-label="Finish recording"
        disabled={state.kind !== 'recording'}
        onClick={() => recorder.finish()}
      >
        <Icon name="done" />
        <span>Done</span>
      </button>
    </div>
  );
}
