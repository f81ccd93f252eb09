import { useSignal } from '@preact/signals';
import { useEffect, useId } from 'preact/hooks';
import type { App, Refusal, UsageBar, UsageReport, UsageReportWish } from '../../client/app.ts';
import { Trouble } from '../common/trouble.tsx';

const spanNames = { day: 'the last 24 hours', month: 'the last 30 days', year: 'the last 12 months' } as const;
const barNames = { day: 'hour', month: 'day', year: 'month' } as const;
const byNames = { client: 'client', group: 'group', model: 'model' } as const;
const headOf = { client: 'Client', group: 'Group', model: 'Model' } as const;

/** What replies used: over time, and by whom or at which model. */
export function UsageReportSection({ app }: { readonly app: App }) {
  const wish = useSignal<UsageReportWish>({ span: 'day', by: 'client' });
  const answer = useSignal<UsageReport | Refusal | undefined>(undefined);
  const titleId = useId();
  const read = async () => {
    const asked = wish.value;
    const found = await app.operator.readUsageReport(asked);
    // Another may have been asked for meanwhile.
    if (wish.value === asked) answer.value = found;
  };
  useEffect(() => void read(), [wish.value]);
  return (
    <section aria-labelledby={titleId}>
      <h2 id={titleId}>What replies used</h2>
      <div class="wishes">
        <Choice
          label="Time"
          names={spanNames}
          chosen={wish.value.span}
          onChoose={(span) => (wish.value = { ...wish.value, span })}
        />
        <Choice
          label="By"
          names={byNames}
          chosen={wish.value.by}
          onChoose={(by) => (wish.value = { ...wish.value, by })}
        />
        <button type="button" class="plain small" onClick={() => void read()}>
          Read again
        </button>
      </div>
      {answer.value === undefined ? <p>Loading…</p> : <Answer answer={answer.value} wish={wish.value} />}
    </section>
  );
}

interface ChoiceProps<Name extends string> {
  readonly label: string;
  readonly names: Readonly<Record<Name, string>>;
  readonly chosen: Name;
  readonly onChoose: (name: Name) => void;
}

function Choice<Name extends string>({ label, names, chosen, onChoose }: ChoiceProps<Name>) {
  const id = useId();
  return (
    <span>
      <label for={id}>{label}</label>
      <select id={id} value={chosen} onChange={(event) => onChoose(event.currentTarget.value as Name)}>
        {(Object.keys(names) as Name[]).map((name) => (
          <option key={name} value={name}>
            {names[name]}
          </option>
        ))}
      </select>
    </span>
  );
}

function Answer({
  answer,
  wish: { span, by },
}: {
  readonly answer: UsageReport | Refusal;
  readonly wish: UsageReportWish;
}) {
  if ('reason' in answer) return <Trouble refusal={answer} />;
  return (
    <>
      <Bars bars={answer.bars} name={barNames[span]} />
      {answer.rows.length === 0 ? <p>Nothing was used.</p> : <UsageTable report={answer} by={by} />}
    </>
  );
}

const width = 600;
const height = 120;

function Bars({ bars, name }: { readonly bars: readonly UsageBar[]; readonly name: string }) {
  const sums = bars.map(({ tokensIn, tokensOut }) => tokensIn + tokensOut);
  const highest = Math.max(1, ...sums);
  const step = width / bars.length;
  const y = (tokens: number) => (height * tokens) / highest;
  const words = `${grouped(sums.reduce((all, one) => all + one, 0))} in all, at most ${grouped(Math.max(...sums))}`;
  return (
    <figure class="plot">
      <figcaption>
        <span>Tokens by {name} (UTC)</span>
        <span>
          <i class="key-in" /> in, <i class="key-out" /> out; {words}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Tokens by ${name}: ${words}`}
      >
        {bars.map(({ at, tokensIn, tokensOut }, index) => (
          <g key={at.getTime()} transform={`translate(${(step * (index + 0.1)).toFixed(1)} 0)`}>
            <title>{`${at.toISOString().slice(0, 16).replace('T', ' ')}: ${grouped(tokensIn)} in, ${grouped(tokensOut)} out`}</title>
            <rect class="bar-out" width={step * 0.8} y={height - y(tokensIn + tokensOut)} height={y(tokensOut)} />
            <rect class="bar-in" width={step * 0.8} y={height - y(tokensIn)} height={y(tokensIn)} />
          </g>
        ))}
      </svg>
      <p class="plot-scale">
        <span>{bars[0]?.at.toISOString().slice(0, 10)}</span>
        <span>{`0 to ${grouped(highest)}`}</span>
        <span>now</span>
      </p>
    </figure>
  );
}

function UsageTable({ report, by }: { readonly report: UsageReport; readonly by: UsageReportWish['by'] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <section class="wide" aria-label="Table of usage" tabIndex={0}>
      <table aria-label="What replies used">
        <thead>
          <tr>
            <th scope="col">{headOf[by]}</th>
            <th scope="col">Replies</th>
            <th scope="col">Other attempts</th>
            <th scope="col">Tokens in</th>
            <th scope="col">Tokens out</th>
            {report.currency !== '' && <th scope="col">Cost in {report.currency}</th>}
          </tr>
        </thead>
        <tbody>
          {report.rows.map(({ name, replies, others, tokensIn, tokensOut, cost }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{grouped(replies)}</td>
              <td>{grouped(others)}</td>
              <td>{grouped(tokensIn)}</td>
              <td>{grouped(tokensOut)}</td>
              {report.currency !== '' && <td>{cost}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {report.isCut && <p>There are more; `parley usage report` has all.</p>}
    </section>
  );
}

function grouped(value: number): string {
  return value.toLocaleString('en');
}
