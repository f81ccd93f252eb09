import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { App, OwnBudget, OwnUse, Refusal } from '../../client/app.ts';
import { wholeTimeLabel } from '../common/times.ts';
import { Trouble } from '../common/trouble.tsx';

/** What this person's replies used this month, and what is left to them. */
export function OwnUseSection({ app, clientId }: { readonly app: App; readonly clientId: string }) {
  const answer = useSignal<OwnUse | Refusal | undefined>(undefined);
  useEffect(() => {
    void app.settings.readOwnUse(clientId).then((read) => (answer.value = read));
  }, [clientId]);
  if (answer.value === undefined) return <p>Loading…</p>;
  if ('reason' in answer.value) return <Trouble refusal={answer.value} />;
  const { replies, tokensIn, tokensOut, cost, budgets } = answer.value;
  return (
    <>
      <p>
        This month: {grouped(replies)} {replies === 1 ? 'reply' : 'replies'}, {grouped(tokensIn)} tokens read and{' '}
        {grouped(tokensOut)} written{cost === '' ? '' : `, ${cost}`}.
      </p>
      {budgets.length > 0 && (
        <ul>
          {budgets.map((budget) => (
            <li key={`${budget.period} ${budget.amount} ${budget.sharedWith}`}>{budgetWords(budget)}</li>
          ))}
        </ul>
      )}
    </>
  );
}

function budgetWords({ sharedWith, period, amount, left, resetAt }: OwnBudget): string {
  const anew = `begins anew ${wholeTimeLabel(resetAt)}`;
  if (sharedWith !== '' || left === undefined) return `${amount} a ${period}, with ${sharedWith}; ${anew}`;
  return `${left} of ${amount} left this ${period}; ${anew}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en');
}
