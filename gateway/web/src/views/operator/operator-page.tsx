import { useEffect } from 'preact/hooks';
import type { App, Usage } from '../../client/app.ts';
import { ageLabel } from '../common/times.ts';
import { Trouble } from '../common/trouble.tsx';
import { Connections } from './connections.tsx';
import { Explanation } from './explanation.tsx';
import { UsagePlots } from './usage-plots.tsx';
import { UsageReportSection } from './usage-report.tsx';
import '../../styles/operator.css';

/** For those who run it: how much of the limits is used, who is there, and what became of a message. */
export function OperatorPage({ app, messageId }: { readonly app: App; readonly messageId: string }) {
  const { usage, trouble } = app.operator;
  useEffect(() => app.operator.watch(), [app]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <div class="operator" tabIndex={0}>
      <div class="operator-inside">
        {trouble.value !== undefined && <Trouble refusal={trouble.value} />}
        {usage.value === undefined ? (
          trouble.value === undefined && <p>Loading…</p>
        ) : (
          <>
            <Use usage={usage.value} />
            <UsagePlots samples={app.operator.usageSamples.value} />
            <UsageReportSection app={app} />
            <Connections app={app} />
          </>
        )}
        {trouble.value?.reason !== 'OPERATOR_REQUIRED' && <Explanation app={app} messageId={messageId} />}
      </div>
    </div>
  );
}

function Use({ usage }: { readonly usage: Usage }) {
  return (
    <section aria-labelledby="use-title">
      <h2 id="use-title">Use of the limits</h2>
      <div class="tiles">
        <UseMeter name="Clients connected" value={usage.clients} max={usage.maxClients} />
        <UseMeter name="Messages in processing" value={usage.processing} max={usage.maxProcessing} />
      </div>
      <dl class="tiles">
        <Figure name="Waiting in line" value={String(usage.waiting)} />
        <Figure name="Queued" value={String(usage.queued)} />
        <Figure name="Oldest in the queue" value={ageLabel(usage.oldestQueuedMs)} />
      </dl>
    </section>
  );
}

/** From here on a limit is close enough to be looked at. */
const highPart = 0.8;

function UseMeter({ name, value, max }: { readonly name: string; readonly value: number; readonly max: number }) {
  return (
    <div class="tile">
      <p class="tile-name">{name}</p>
      <p class="tile-value">
        {value} <small>of {max}</small>
      </p>
      <meter aria-label={name} min={0} max={max} high={max * highPart} optimum={0} value={value}>
        {`${value} of ${max}`}
      </meter>
    </div>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="tile">
      <dt class="tile-name">{name}</dt>
      <dd class="tile-value">{value}</dd>
    </div>
  );
}
