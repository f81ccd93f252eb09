import { useEffect, useState } from 'preact/hooks';

/** Four looks a second, so that no second is skipped or shown twice as long. */
const countMs = 250;

/** "in 12 s", down to "now…". */
export function Countdown({ untilMs }: { readonly untilMs: number }) {
  const secondsLeft = () => Math.max(0, Math.ceil((untilMs - performance.now()) / 1_000));
  const [seconds, setSeconds] = useState(secondsLeft);
  useEffect(() => {
    setSeconds(secondsLeft());
    const timer = setInterval(() => setSeconds(secondsLeft()), countMs);
    return () => clearInterval(timer);
  }, [untilMs]);
  return <>{seconds > 0 ? `in ${seconds} s` : 'now…'}</>;
}
