import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { type UsageRow, UsageRowSchema } from '../client/gen/chat/v1/usage_service_pb.js';
import { reportText } from './usage-report-command.ts';

const startTime = timestampFromDate(new Date('2026-11-01T06:00:00Z'));
const rows: readonly UsageRow[] = [
  { clientId: '=1+1', provider: 'openai', model: 'a "b", c', startTime, completed: 2n, inputTokens: 30n, lost: 1n },
  { clientId: 'c1\u001b[2J', provider: 'openai', model: 'm', startTime, completed: 10n, outputTokens: 4_000n },
].map((row) => create(UsageRowSchema, row));
const currency = '';
const total = create(UsageRowSchema, { completed: 12n, inputTokens: 30n, outputTokens: 4_000n, lost: 1n });

test('a table has what was used somewhere, a sum, and nothing that acts on a terminal', () => {
  const table = reportText({ rows, total, currency, by: ['client', 'model', 'hour'], format: 'table' });
  expect(table.replaceAll(/ +$/gm, '')).toBe(
    [
      'client  provider  model     hour               completed  lost  tokens in  tokens out',
      '=1+1    openai    a "b", c  2026-11-01 06:00Z          2     1         30           0',
      'c1␛[2J  openai    m         2026-11-01 06:00Z         10     0          0        4000',
      'total                                                 12     1         30        4000',
      '',
    ].join('\n'),
  );
  expect(reportText({ rows: [], total, currency, by: ['client'], format: 'table' })).toBe('Nothing was used.\n');
});

test('CSV has every figure; a spreadsheet runs nothing of it', () => {
  const [heads, first] = reportText({ rows, total, currency, by: ['client', 'model', 'month'], format: 'csv' }).split(
    '\n',
  );
  expect(heads).toBe(
    'client,provider,model,month,completed,failed,stopped,lost,estimated,input_tokens,cached_input_tokens,' +
      'output_tokens,reasoning_tokens,sound_in_ms,sound_out_ms,pictures_in,pictures_out,priced,cost_micros,currency',
  );
  expect(first).toBe(`'=1+1,openai,"a ""b"", c",2026-11,2,0,0,1,0,30,0,0,0,0,0,0,0,0,0,`);
});

test('JSON is a row a line, with its figures as numbers', () => {
  const lines = reportText({ rows, total, currency, by: ['client'], format: 'json' })
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { clientId: '=1+1', startTime: '2026-11-01T06:00:00.000Z', completed: 2, inputTokens: 30 },
    { completed: 10, outputTokens: 4_000 },
  ]);
});

test('what it cost is there where prices were set, and how many attempts had one where some had none', () => {
  const priced = [
    { clientId: 'ada', completed: 2n, priced: 2n, costMicros: 1_250_000n },
    { clientId: 'bob', completed: 3n, failed: 1n, priced: 1n, costMicros: 7n },
  ].map((row) => create(UsageRowSchema, row));
  const report = { rows: priced, currency: 'EUR', by: ['client'] } as const;
  const sum = create(UsageRowSchema, { completed: 5n, failed: 1n, priced: 3n, costMicros: 1_250_007n });
  expect(reportText({ ...report, total: sum, format: 'table' })).toBe(
    [
      'client  completed  failed  tokens in  tokens out  priced          cost',
      'ada             2       0          0           0       2      1.25 EUR',
      'bob             3       1          0           0       1  0.000007 EUR',
      'total           5       1          0           0       3  1.250007 EUR',
      '',
    ].join('\n'),
  );
  const all = { ...report, rows: priced.slice(0, 1) };
  expect(reportText({ ...all, total: sum, format: 'table' })).not.toContain('priced');
  expect(reportText({ ...all, total: sum, format: 'csv' })).toMatch(
    /,priced,cost_micros,currency\nada,2,.*,2,1250000,EUR\n$/,
  );
  expect(JSON.parse(reportText({ ...all, total: sum, format: 'json' }))).toMatchObject({
    costMicros: 1_250_000,
    currency: 'EUR',
  });
});
